/* A policy made of another one: with its settings, and rules that no file has. */
#pragma once
#include "policy/policy.h"

/* Without rules, and with no index of them; what is made belongs to the arena, all else stays shared with `from` */
struct policy *policy_derive(struct arena *, const struct policy *from);
/* An egress rule on the target, without protocols, ports or text, behind those that are there: for the caller to complete, before the
 * next is added */
struct policy_rule *policy_derive_rule(struct arena *, struct policy *, enum policy_action, struct policy_target);
