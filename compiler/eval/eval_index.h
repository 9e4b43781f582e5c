/* Which rules could match, found without walking all of them: for policies of thousands of rules that are asked often.
 * The evaluator's answers are the same with it and without it. */
#pragma once
#include "policy/policy.h"

/* Makes the policy's index, in its arena, for eval_prepare(). It keeps what eval_unnamed_public() answers, too. */
void eval_index_make(struct policy *, struct addr unnamed4, struct addr unnamed6);

/* A walk over the policy's rules in their order that may leave out rules which cannot match; without an index it leaves
 * out none. Rules on `any` and on groups are in every walk, unless they are of one port alone. */
#define EVAL_WALK_LISTS 128
struct eval_walk {
	const struct policy *policy;
	size_t next; /* without an index: the rule that comes next */
	struct {
		const struct eval_index_entry *at, *end;
	} lists[EVAL_WALK_LISTS];
	size_t count;
	bool whole; /* every rule: there is no index, or there were more lists than there is room for */
};
void eval_walk_start(struct eval_walk *, const struct policy *);
/* A walk over the rules that deny names, and nothing is to be added to it; without an index over all rules */
void eval_walk_denied_names(struct eval_walk *, const struct policy *);
/* Before the first step: rules on `any` or a group and this port, on networks with this address (unmapped), and on names
 * that take this name, are in it. */
void eval_walk_add_port(struct eval_walk *, uint16_t port);
void eval_walk_add_addr(struct eval_walk *, struct addr, const struct addr_nat64 *);
void eval_walk_add_name(struct eval_walk *, const char *name);
void eval_walk_add_server_name(struct eval_walk *, const char *sni);
void eval_walk_add_denied_names(struct eval_walk *); /* all rules that deny names */
/* A rule's index from 0; the number of rules at the end */
size_t eval_walk_next(struct eval_walk *);

/* What eval_unnamed_public() answers; false: there is no index */
bool eval_index_unnamed(const struct policy *, enum addr_family, struct addr *out);
