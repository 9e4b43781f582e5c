/* Backends: each a pure function from policy or IR to text in the arena. */
#pragma once
#include "lower/lower.h"

const char *emit_nft(struct arena *, const struct policy *, const struct ruleset *, const struct lower_options *);
const char *emit_dns(struct arena *, const struct policy *);
const char *emit_json(struct arena *, const struct policy *); /* microsandbox's own policy shape */
/* Warns of what microsandbox itself reads as something weaker there, once a kind */
void emit_json_weaker(const struct policy *, struct diags *);
/* What no other DNS software is told: a comment, where the policy has such bounds */
struct text;
void emit_note_limits(struct text *, const struct policy *, const char *comment);
/* For sites that run other DNS software. NULL where its format cannot express the policy: the reason is in `diags`, id
 * "cannot-say". */
const char *emit_rpz(struct arena *, const struct policy *, struct diags *);
const char *emit_dnsmasq(struct arena *, const struct policy *, const struct addr_gateway *, struct diags *);
/* Kubernetes' NetworkPolicy, likewise. What of the policy's settings it leaves out is the caller's to find */
const char *emit_networkpolicy(struct arena *, const struct policy *, struct diags *);
const char *emit_cilium(struct arena *, const struct policy *, struct diags *); /* Cilium's, likewise */
