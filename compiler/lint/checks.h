/* Within lint/: one run of all checks, and what they share (lint_report.c). */
#pragma once
#include "lint/lint.h"
#include "analysis/facts.h"
#include "policy/policy_facts.h"

struct lint {
	const struct policy *policy;
	const struct lint_options *options;
	struct diags *diags;
	struct arena *arena;
	struct fuel fuel;
	struct analysis *analysis;
	const struct facts *facts;
	const struct facts *alone; /* as if there were no floor; NULL where there is none */
	struct eval_context context;
	struct diag spare; /* takes details of what is silenced */
};

/* Never NULL */
struct diag *lint_add(struct lint *, enum diag_level, const char *id, struct span, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
#define lint_warn(lint, id, span, ...) lint_add(lint, DIAG_WARNING, id, span, __VA_ARGS__)
#define lint_note(lint, id, span, ...) lint_add(lint, DIAG_NOTE, id, span, __VA_ARGS__)
/* Sets the example and its verdict, "is allowed" and so on, by the evaluator */
void lint_example(struct lint *, struct diag *, const struct witness *);
/* Whether a person wrote the rule, in a file or on the command line */
bool lint_is_own(const struct policy_rule *);
/* Where findings about a default or the whole stand: its own place, else line 1 */
struct span lint_place(const struct lint *, struct span);
/* The rule, or the default of the direction, as a second place */
void lint_relate(struct lint *, struct diag *, struct decider, enum policy_direction, const char *message);
/* "line 4", or the rule's token where it is in no file */
const char *lint_where(struct lint *, const struct policy_rule *);
/* The rule's token with the bytes of `part`, which lies in it, replaced; NULL where it does not */
const char *lint_mend(struct lint *, const struct policy_rule *, struct span part, const char *replacement);
bool lint_is_literal(const struct policy_rule *, struct span part);
bool lint_is_single(struct addr_prefix); /* one address */
/* Whether the CIDR takes in some address of the class */
bool lint_takes_class(struct lint *, const struct policy_target *, enum addr_class);

/* The checks, each in a file of its own */
void check_text(struct lint *);               /* what needs no flows: masked-cidr, expires-soon, unused-group … */
void check_rules(struct lint *);              /* rules that decide nothing, or nothing that matters */
void check_parts(struct lint *, size_t rule); /* items of a rule's lists that decide nothing */
bool check_floor(struct lint *, size_t rule); /* a rule that a floor leaves nothing of: true, and no more is to say */
void check_floors(struct lint *);
void check_reach(struct lint *);   /* what is opened without being named */
void check_service(struct lint *); /* DNS, published ports */
