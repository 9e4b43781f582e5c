/* Why a flow was denied, as text: the rule or default that did, and its place. All texts are made once, so that a guest
 * cannot make more of them; every byte is fit for a terminal. */
#pragma once
#include "eval/eval.h"

struct reason {
	const char *text;    /* "deny@meta", "default egress deny" */
	const char *place;   /* "agent.msb:6", "arg:1", "--net-default"; NULL where there is none */
	const char *because; /* or NULL */
	const char *note;    /* "agent.msb:6 deny@meta", for an Extended DNS Error */
};

struct reasons;
struct reasons *reasons_new(struct arena *, const struct policy *); /* lives in the arena */
/* Of a bound on lookups that the policy has */
const struct reason *reason_of_dns_limit(const struct reasons *, enum policy_dns_limit);
/* "deny@meta (agent.msb:6)" */
const char *reason_placed(struct arena *, const struct reason *);
const struct reason *reason_of(const struct reasons *, struct eval_verdict, enum policy_direction);
