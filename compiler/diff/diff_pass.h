/* Inside diff*.c: cells that differ, before they are grouped into regions. */
#pragma once
#include "diff/diff.h"

/* What was found at an atom or class in a column is a key; 0: no difference. An item's key in most columns is
 * its base, the others are exceptions. */
struct cell_exception {
	uint32_t item, column, key;
};

struct cells {
	struct arena *arena;
	uint32_t items;
	uint32_t *base;  /* by item */
	uint32_t *stamp; /* by item: column + 1 in which it was last set */
	LIST_OF(struct cell_exception) exceptions;
	LIST_OF(struct policy_port_range) columns; /* in order */
};

struct cell_group {
	uint32_t key;
	const uint32_t *items;
	size_t count;
	const struct policy_port_range *ports; /* none: all columns */
	size_t port_count;
};

void cells_init(struct cells *, struct arena *, uint32_t items);
void cells_add_column(struct cells *, uint16_t lo, uint16_t hi);
/* In the column added last; the same again changes nothing */
void cells_set(struct cells *, struct fuel *, uint32_t item, uint32_t key);
/* Items with the same key in the same columns make one group */
void cells_group(struct cells *, bool has_ports, void (*each)(void *self, const struct cell_group *), void *self);

struct key {
	uint64_t *words;
	size_t count;
};

/* Small sets of values as keys: interned, from 1 on */
struct keys {
	struct arena *arena;
	LIST_OF(struct key) list;
	uint32_t *buckets;
	size_t bucket_count;
};
void keys_init(struct keys *, struct arena *);
uint32_t keys_intern(struct keys *, const uint64_t *words, size_t count);
const struct key *keys_get(const struct keys *, uint32_t key);

struct diff_pair {
	uint32_t sent, bound;
};

struct diff_pass {
	struct diff *diff;
	struct fuel *fuel;
	struct arena *arena; /* of the pass */
	struct port_tree *walk;
	enum policy_direction direction;
	enum policy_proto proto;
	uint32_t atom_count, class_count;
	bool *active;
	bool server_names;
	struct cells addresses, named;
	struct keys keys;
	const struct diff_state *state;
	uint16_t port;          /* the column's first */
	struct diff_base *base; /* see diff_names.c */
	struct cells paired;    /* by pair */
	LIST_OF(struct diff_pair) pairs;
	struct diff_combos *combos; /* of the column, see diff_names.c */
};

/* What holds for all passes */
struct diff_state {
	uint32_t *
		match[2]; /* by rule: the rule of the other policy that is the same, in the same order; ANALYSIS_NONE */
	bool *bindable[2];   /* by atom */
	bool *resolvable[2]; /* by class */
	uint32_t *lookup[2]; /* by class: who decides its lookup over UDP: a rule, or rules.count */
};

/* A decider that differs within a region: the example's is shown */
#define DIFF_ANYBODY (UINT64_C(1) << 40)

/* diff_match.c */
void diff_match(struct diff *, struct diff_state *);
/* Whether first rules a (before) and b (after) are the same, defaults included */
bool diff_corresponds(const struct diff_pass *, uint32_t a, uint32_t b);

/* diff_line.c: the rules of both policies on one line */
struct port_tree *diff_walk_new(struct diff *, struct arena *, struct fuel *, enum policy_direction, enum policy_proto,
				uint32_t situations, bool exceptions_only);
void diff_add_names(struct diff *, struct port_tree *, enum policy_direction, enum policy_proto, uint32_t offset,
		    bool denies_only);
/* The walk's spans from `spans` on, in all of the rule's ports */
void diff_add_rects(struct port_tree *, uint32_t side, uint32_t index, const struct policy_rule *, size_t spans);
void diff_find_cause(const struct diff_pass *, uint64_t decider[2]);
enum policy_action diff_action(const struct diff *, int side, enum policy_direction, uint32_t piece);
bool diff_floored(const struct diff_pass *, int side, uint32_t atom);
/* The verdict at an atom whose first rule is `piece`, and who gave it */
enum policy_action diff_verdict(const struct diff_pass *, int side, uint32_t atom, uint32_t piece, size_t *decider);
void diff_pass_run(struct diff *, const struct diff_state *, struct fuel *, enum policy_direction, enum policy_proto);

/* diff_names.c */
void diff_names_root(struct diff_pass *);
void diff_names_column(struct diff_pass *, const struct port_interval *);
void diff_names_regions(struct diff_pass *);

/* What a change is, wherever it was found */
struct diff_finding {
	size_t before, after;
	enum policy_action was;
	bool sent;
	uint32_t atom;    /* where it shows */
	bool plain;       /* that is an address that no rule names */
	uint32_t partner; /* a class that is bound as well, or bound while another is sent; ANALYSIS_NONE */
};

/* A class may show its change beside many rules on addresses: a few of them tell enough. For each direction
 * of change there is one, and if one shows at an address that no rule names, such a one. */
struct diff_findings {
	struct diff_finding items[6];
	size_t count;
};

/* A name situation: the first rules of both policies in it, and whether its names can be bound */
struct diff_view {
	uint32_t class;
	uint32_t first[2];
	bool possible[2];   /* the lookups are allowed */
	uint32_t lookup[2]; /* who decided that */
	bool same;          /* first rules correspond */
	bool sent;          /* by server name alone: the address need not be bound */
	uint32_t partner;
};
/* Adds what the situation shows in this column beside any address */
void diff_look_at_combos(struct diff_pass *, const struct diff_view *, struct diff_findings *);
uint32_t diff_findings_key(struct diff_pass *, const struct diff_findings *);
struct diff_view diff_view_class(const struct diff_pass *, uint32_t class, bool sent);
bool diff_class_shows(const struct diff_pass *, uint32_t class);
void diff_add_findings(struct diff_pass *, const struct cell_group *, const uint32_t *classes);

/* diff_pairs.c: what takes two names to show */
struct diff_memo {
	uint32_t class; /* one of those with these first rules */
	uint32_t *value;
};
/* Two names bound at once; sets the values of classes that show something with another, and nothing alone */
void diff_bound_pairs(struct diff_pass *, const struct diff_memo *, size_t count);
/* Whether `a` might decide before and `b` after, otherwise, when both are bound */
bool diff_may_show(const struct diff_pass *, const struct diff_view *a, const struct diff_view *b);
/* One bound, another sent: the pairs that rules without a counterpart take in. Their situations are the last. */
void diff_find_pairs(struct diff_pass *);
void diff_add_pairs(struct diff_pass *);
void diff_pairs_column(struct diff_pass *, bool base);
void diff_pairs_regions(struct diff_pass *);

/* diff_queries.c */
void diff_queries(struct diff *, struct diff_state *);
void diff_answers(struct diff *, struct diff_state *, struct fuel *);

/* diff_addresses.c: a set of atoms as targets of a rule, "public", "{10.0.0.0/8,host}"; *except what of these is
 * not in it, or NULL. Atoms of which the protocol knows nothing do not count. */
const char *diff_address_words(struct diff *, const struct diff_region *, const char **except);
/* Roughly how many addresses; IPv6 counts as much as IPv4 */
double diff_address_width(const struct diff *, const struct diff_region *);
bool diff_has_family(const struct diff *, const struct diff_region *, enum addr_family);

/* diff_words.c: merges regions that say the same of several protocols, finds words and examples, sorts */
void diff_put_in_words(struct diff *);
struct diff_region *diff_add(struct diff *, enum diff_kind, enum policy_direction, enum policy_action was,
			     size_t before, size_t after);
/* "a", or "{a,b,… 3 more}": the items and how many were left out */
const char *diff_join(struct arena *, const char *const *items, size_t count, size_t more);
