/* Within lint/: one run of all checks, and what they share (lint_report.c). */
#pragma once
#include "lint/lint.h"
#include "lint/offer.h"
#include "analysis/facts.h"
#include "policy/policy_facts.h"

struct lint {
	/* All checks but lint_settle(); the steps that it took */
	uint64_t (*run)(const struct policy *, const struct lint_options *, struct diags *);
	const struct policy *policy;
	const struct lint_options *options;
	struct diags *diags;
	struct arena *arena;
	struct fuel fuel;
	struct analysis *analysis;
	const struct facts *facts;
	const struct facts *alone; /* as if there were no floor; NULL where there is none */
	struct eval_context context;
	/* The rule that ends lookups, if a finding said so: its number from 1, and the finding on the first rule that never
	 * acts for that, NULL: no-dns said it */
	size_t dns_ended_by;
	struct diag *dns_ended;
	struct diag spare;                   /* takes details of what is silenced */
	LIST_OF(struct span) heard;          /* comments that silenced something */
	LIST_OF(struct lint_offer *) offers; /* those of one finding stand together */
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
/* The policy's own file; 0 where it has none */
uint32_t lint_top_source(const struct lint *);
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
void check_comments(struct lint *);           /* last: those of `# lint: ignore` that silenced nothing */
void check_text(struct lint *);               /* what needs no flows: masked-cidr, expires-soon, unused-group … */
void check_rules(struct lint *);              /* rules that decide nothing, or nothing that matters */
void check_parts(struct lint *, size_t rule); /* items of a rule's lists that decide nothing */
void check_reach(struct lint *);              /* what is opened without being named */
void check_names(struct lint *);              /* confusable-name */
void check_dns(struct lint *);                /* whether names resolve at all; before check_rules() */
void check_service(struct lint *);            /* published ports */
void check_wire(struct lint *);               /* what is allowed, and refused or not found all the same */
void check_server_names(struct lint *);       /* what looks at them, and what nothing looks at */
/* Reports what the rule allows and nothing passes to; true: that is all of it */
bool check_never_passes(struct lint *, size_t rule);
/* Whether that is so of an item of its lists */
bool check_is_dead_target(struct lint *, const struct policy_rule *, const struct policy_target *);
bool check_is_dead_port(const struct policy_rule *, const struct policy_port_range *);
/* Allows lookups where rule `index` on group host, or `any`, forbids them all */
void offer_dns(struct lint *, struct diag *, size_t index);
/* " (group host judges lookups)", where the rule has host among its targets and does not say `dns`; or "" */
const char *lint_host_judges(struct lint *, size_t index);
/* deny-overtaken, for a rule that decides something; true where it was found */
struct order;
struct order *order_new(struct lint *);
bool check_order(struct lint *, struct order *, size_t rule);
bool check_floor(struct lint *, size_t rule); /* a rule that a floor leaves nothing of: true, and no more is to say */
void check_floors(struct lint *);
