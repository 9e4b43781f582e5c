/* Which parts of a policy its expectations exercise. A rule is decided by an expectation when it is the one
 * that matched, in a lookup or in a connection; an item (a target, a port, a protocol of a list) when it is
 * what made it match. Coverage and its texts belong to the arena given. */
#pragma once
#include "eval/eval.h"

enum coverage_kind { COVER_DEFAULT, COVER_TARGET, COVER_PROTO, COVER_PORT };

struct coverage_item {
	enum coverage_kind kind;
	enum policy_direction direction; /* COVER_DEFAULT: which default */
	size_t rule;                     /* all others: its index */
	size_t index;                    /* in the rule's targets or ports; a protocol's bit */
	bool decided;
};

struct coverage {
	struct arena *arena;
	const struct eval_context *context;
	LIST_OF(struct coverage_item) items;        /* those of a rule are neighbours */
	size_t rules, rules_decided, items_decided; /* rules: the defaults that the policy states count */
	bool *rule_decided;                         /* by index */
	size_t *first;                              /* of each rule: its first item */
	size_t *left;                               /* of each rule: its items that nothing decided yet */
	size_t fuel;                                /* rules that suggestions may still walk over */
};

struct coverage *coverage_new(struct arena *, const struct eval_context *);
void coverage_mark(struct coverage *, const struct flow *, const struct eval_result *);
/* Whether there is nothing more to mark of a rule, or of a default */
bool coverage_is_complete(const struct coverage *, struct decider, enum policy_direction);
/* "port 22", "github.com", "udp": what an item is called */
const char *coverage_item_name(struct arena *, const struct coverage *, const struct coverage_item *);
/* "expect allow egress@pypi.org:tcp:443", a line that this item decides; NULL where none was found */
const char *coverage_suggest(struct coverage *, const struct coverage_item *);
/* Lines that together decide every item for which one is found, each once, in the order of the rules; marks them.
 * Returns how many. */
size_t coverage_suggest_all(struct coverage *, const char ***lines);
/* The same for any item of a rule */
const char *coverage_suggest_rule(struct coverage *, size_t rule);
/* Whether the item decides this flow, and the flow's verdict; false too when the fuel is spent */
bool coverage_decides(struct coverage *, const struct coverage_item *, const struct flow *, enum policy_action *);
