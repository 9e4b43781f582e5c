/* Inside region_*.c: what one policy's analysis holds, and one pass of it over a direction and protocol. */
#pragma once
#include "analysis/analysis.h"

struct region_ports {
	uint16_t lo, hi;
	uint32_t item; /* of the rule's ports */
};

/* Where a class of addresses was first seen decided by a piece */
struct region_seen {
	uint32_t atom;
	uint16_t port;
	uint8_t proto;
};

struct region_piece {
	uint32_t rule, target; /* target WALK_NONE: all of the rule's names */
	uint32_t spans, span_count;
	uint16_t seen[2];          /* by direction: classes as bits */
	struct region_seen *where; /* ADDR_CLASS_COUNT for each direction */
};

struct region {
	struct arena *arena;
	const struct policy *policy;
	struct addr_gateway gateway;
	struct region_fuel *fuel;
	struct axis *axis;
	struct names *names;
	uint32_t atoms, classes;
	struct region_piece *pieces; /* piece_count + 1: the last is the default */
	uint32_t piece_count;
	uint32_t *rule_of;     /* the same as pieces[].rule */
	uint32_t *first_piece; /* by rule; rules.count + 1 */
	LIST_OF(struct axis_span) spans;
	LIST_OF(struct region_ports) * ports; /* by rule, disjoint, in order; none: no ports */
	struct region_rule *rules;            /* rules.count + 1 */
	bool *bindable, *resolvable;
	bool any_resolvable;
	LIST_OF(uint64_t) noted; /* (rule, class) whose name items were marked: a hash set */
	size_t noted_used;
};

/* ---- rectangles (region_rects.c) ---- */
void region_cut(struct region *);
/* Whether the rule has ports and the protocol none, or they do not meet */
bool region_rule_fits(const struct policy_rule *, enum policy_direction, enum policy_proto);
bool region_proto_has_ports(enum policy_proto);
/* Ports of egress that are refused whatever the rules say: ends with 0 */
const uint16_t *region_refused_ports(enum policy_direction, enum policy_proto);
/* A walk with room for `situations` atoms behind the addresses and every address piece that fits laid out */
struct walk *region_walk_new(struct region *, struct arena *, enum policy_direction, enum policy_proto,
			     uint32_t situations);
/* Adds a piece's rectangles over these spans, `offset` added; a rule with several ports makes several */
void region_add_rects(struct region *, struct walk *, uint32_t piece, const struct axis_span *, size_t count,
		      uint32_t offset);
uint32_t region_names_piece(const struct region *, size_t rule); /* WALK_NONE: the rule has no names */

/* ---- a pass (region_pass.c) ---- */

/* A set of pieces, as bits */
struct piece_set {
	uint64_t *words;
	size_t count;
};
/* The least member that is not below `from`; WALK_NONE */
uint32_t piece_set_next(const struct piece_set *, uint32_t from);

struct region_pass {
	struct region *region;
	struct walk *walk;
	enum policy_direction direction;
	enum policy_proto proto;
	bool server_names; /* TCP out */
	bool named;        /* some rule on a name takes part */
	const struct walk_column *column;
	uint16_t port; /* of the column, for examples */
	bool *active;  /* by atom: the protocol's family, and not the unspecified addresses */
	/* of the column: first rules by address, by their action: among bindable addresses, and among all */
	struct piece_set bindable[2], all[2];
	uint32_t bindable_max, all_max;
	bool have_tops;
	/* of the column: first rules by name, by their action, of classes that can be bound; denies by server name */
	struct piece_set firsts[2], sent;
	bool have_firsts;
	size_t pending; /* situations whose rule may still show more than it has */
	void *self;
};

void region_pass_init(struct region_pass *, struct region *, struct arena *, enum policy_direction, enum policy_proto);
/* Name situations behind the addresses: classes that are bound, then (TCP out) classes that are sent */
void region_pass_add_names(struct region_pass *);
void region_pass_start_column(struct region_pass *, const struct walk_column *);
void region_pass_find_tops(struct region_pass *);
bool region_pass_floored(const struct region_pass *, uint32_t atom);
enum policy_action region_piece_action(const struct region_pass *, uint32_t piece);
struct region_flow region_pass_flow(const struct region_pass *, uint32_t atom);
/* First atom, of those that can be bound or of all, whose first rule is behind `piece`; WALK_NONE */
uint32_t region_pass_find_atom(const struct region_pass *, bool bindable, uint32_t piece);

/* What a name situation shows about its first rule. */
struct region_situation {
	uint32_t bound, sent; /* classes; WALK_NONE */
	uint32_t first, second;
	bool pairs; /* another name may be bound beside it */
};
void region_pass_situation(struct region_pass *, const struct region_situation *);
/* All of one direction and protocol: decides, effect, items, examples */
void region_pass_run(struct region *, enum policy_direction, enum policy_proto);
void region_note_names(struct region *, size_t rule, uint32_t class);

/* ---- the other parts ---- */
void region_find_answers(struct region *);    /* region_answer.c: bindable; effect on answers */
void region_find_resolvable(struct region *); /* region_lookup.c */
void region_find_queries(struct region *);    /* region_lookup.c: decides and effect by queries */
void region_find_pairs(struct region *);      /* region_sni.c: server names beside bound ones */
void region_find_takers(struct region *);     /* region_why.c */
void region_mark(struct region_rule *, const struct region_flow *);
