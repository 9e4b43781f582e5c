/* From policy to ruleset IR: the whole firewall of one sandbox's namespace. It depends on the policy, the
 * gateway and the options below, and on nothing else.
 *
 * Links: `tap0`, where the guest's frames enter; `br0`, the gateway; `uplink`, to the host.
 * Domain rules become timeout sets "rule<N>_v4" and "rule<N>_v6" (N from 1) that the runtime fills, and
 * where the optimiser has made a map of bound addresses (lower_bound.h), chains of those names. A family
 * without a gateway is dropped whole in chain prerouting, and has no rules and no sets.
 *
 * What is made belongs to the arena. */
#pragma once
#include "policy/policy.h"
#include "ruleset/ruleset.h"

struct lower_options {
	struct addr_gateway gateway;
	bool silent;        /* --deny-mode drop */
	bool segments;      /* --vmm none: what comes over the guest's link is cut to its MTU later */
	int optimise;       /* 0 */
	bool plain;         /* without shortcuts: for tests that they mean the same */
	bool audit;         /* what the policy denies is reported and let pass: lower_audit.c */
	bool ask;           /* what no rule decides waits for an answer: lower_ask.c */
	bool log_all;       /* what rules with `log` let pass is reported without a bound on the rate */
	bool any_flow_rate; /* no bound on new flows a second: for tests that are faster than a guest may be */
};

struct ruleset *lower_policy(struct arena *, const struct policy *, const struct lower_options *);
/* Table msb_quota, of a policy with limits of bytes: apart, so that what replaces the ruleset refills nothing. Or NULL */
struct ruleset *lower_quotas(struct arena *, const struct policy *, const struct lower_options *);
/* What is added to that where the kernel can: see lower_fast_path.c. NULL: not with this policy */
struct ruleset *lower_fast_path(struct arena *, const struct policy *, const struct lower_options *);
/* The set of rule `rule` (index from 0) for a family; NULL where that rule has no name among its targets, or
 * can match nothing of that family. */
const char *lower_binding_set(struct arena *, const struct policy *, size_t rule, enum addr_family);
/* The same for a rule of the policy's floor number `floor`, from 0: "floor1_rule3_v4" */
const char *lower_floor_binding_set(struct arena *, const struct policy *, size_t floor, size_t rule, enum addr_family);
