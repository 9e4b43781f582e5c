/* Inside lint*.c: one run of all checks. */
#pragma once
#include "lint/lint.h"
#include "analysis/analysis.h"

struct lint {
	const struct policy *policy;
	const struct lint_options *options;
	struct diags *diags;
	struct arena *arena;
	struct fuel fuel;
	struct analysis *analysis;
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
/* The rule as a second place, or the default of the direction where `rule` is rules.count */
void lint_relate(struct lint *, struct diag *, size_t rule, enum policy_direction, const char *message);
/* "line 4", or the rule's token where it stands in no file */
const char *lint_where(struct lint *, const struct policy_rule *);
/* The rule's token with the bytes of `part`, which lies in it, replaced; NULL where it does not */
const char *lint_mend(struct lint *, const struct policy_rule *, struct span part, const char *replacement);
bool lint_is_literal(const struct policy_rule *, struct span part);
bool lint_is_name(const struct policy_target *);
bool lint_is_single(struct addr_prefix); /* one address */
/* Whether the CIDR takes in some address of the class */
bool lint_takes_class(struct lint *, const struct policy_target *, enum addr_class);

void lint_texts(struct lint *);              /* what needs no flows: masked-cidr, expires-soon, unused-group … */
void lint_rules(struct lint *);              /* rules that decide nothing, or nothing that matters */
void lint_parts(struct lint *, size_t rule); /* items of a rule's lists that decide nothing */
void lint_open(struct lint *);               /* what is opened without being named */
void lint_reach(struct lint *);              /* DNS, published ports */
