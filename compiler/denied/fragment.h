/* Rules and expectations to paste, from suggestions one by one. */
#pragma once
#include "base/arena.h"
#include "eval/suggest.h"

#define FRAGMENT_MOST 4096 /* different suggestions */

struct fragment_item {
	enum suggest_rank rank;
	const char *rule;   /* as eval/suggest made it */
	const char *name;   /* of a name's; else NULL */
	const char *target; /* as a rule writes it: a name, an address, in brackets where it is IPv6 */
	const char *proto;
	bool has_port;
	uint16_t port;
	const char *expect; /* a flow, or NULL where no single one shows that the rule is there */
	size_t count;       /* of denials it would have let pass */
};

struct fragment {
	struct arena *arena;
	struct fragment_item *items; /* each rule once */
	size_t count, cap;
	uint32_t *index; /* of items by their rules; the fragment's own */
	size_t more;     /* past the most */
};

/* The item of that rule, or a new one without count; NULL past the most */
struct fragment_item *fragment_item(struct fragment *, const char *rule);
/* Sorted, needless ones dropped, targets of one service in one rule. What the grammar does not read back as what it was
 * made for is not printed: false then. */
bool fragment_text(struct fragment *, const char **text);
