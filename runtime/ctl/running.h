/* The policy that a sandbox goes by, as its control socket tells it, made again here: for commands that compare or judge. */
#pragma once
#include "ctl/ctl.h"
#include "policy/policy_bundle.h"

struct ctl_running {
	struct policy_bundle bundle;
	struct policy *policy;
	/* With the NAT64 prefixes that were found; of a pod with its nodes and resolvers, without its own addresses */
	struct addr_gateway gateway;
	const char *directory; /* where msb-run was started */
	uint64_t generation;
};
/* Into line->arena. CTL_FINE, or why not, said */
enum ctl_status ctl_running(struct ctl_line *, struct ctl_running *out);

/* As ctl_ask(), for what may take longer; an answer that says no is the caller's to tell, too */
json_t *ctl_ask_patiently(struct ctl_line *, json_t *request, enum ctl_status *);
/* Asks for a change and tells how it went: by `print`, or as JSON where that is wanted */
enum ctl_status ctl_change(struct ctl_line *, json_t *request,
			   void (*print)(struct ctl_line *, const json_t *answer, const void *context),
			   const void *context);
/* Prints why a sandbox said no: each finding of a policy, or its one error. CTL_NO */
enum ctl_status ctl_say_no(struct ctl_line *, const json_t *answer);
