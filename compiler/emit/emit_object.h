/* What the objects of Kubernetes that a policy is printed as share */
#pragma once
#include "policy/policy.h"

#include <jansson.h>

/* Whether each rule has words in a `kind`; those that have none are errors "cannot-say". why_not: NULL where it has */
bool emit_can_say(const struct policy *, const char *kind, const char *(*why_not)(const struct policy_rule *),
		  struct diags *);
/* The object `sandbox` of that kind; takes over the spec */
const char *emit_object(struct arena *, const char *version, const char *kind, json_t *spec);
/* The target's network, "10.0.0.0/8", host bits cleared */
const char *emit_network(struct arena *, const struct policy_target *);
/* The host's port 53 alone, of egress: the sandbox's DNS */
bool emit_is_dns(const struct policy_rule *, const struct policy_target *);
