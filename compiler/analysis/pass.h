/* Inside analysis/: what one policy's analysis holds, and one pass of it over a direction and protocol. */
#pragma once
#include "analysis/analysis.h"
#include "policy/policy_facts.h"

struct rule_ports {
	uint16_t lo, hi;
	uint32_t item; /* of the rule's ports */
};

/* Where a class of addresses was first seen decided by a piece */
struct noted_names {
	uint32_t atom;
	uint16_t port;
	uint8_t proto;
};

struct piece {
	uint32_t rule, target; /* target ANALYSIS_NONE: all of the rule's names */
	uint32_t spans, span_count;
	uint16_t seen[2];          /* by direction: classes as bits */
	struct noted_names *where; /* ADDR_CLASS_COUNT for each direction */
};

struct analysis {
	struct arena *arena;
	const struct policy *policy;
	struct addr_gateway gateway;
	struct fuel *fuel;
	struct atoms *atoms;
	struct name_classes *names;
	uint32_t atom_count, class_count;
	struct piece *pieces; /* piece_count + 1: the last is the default */
	uint32_t piece_count;
	uint32_t *rule_of;     /* the same as pieces[].rule */
	uint32_t *first_piece; /* by rule; rules.count + 1 */
	LIST_OF(struct run) spans;
	LIST_OF(struct rule_ports) * ports; /* by rule, disjoint, in order; none: no ports */
	struct rule_facts *rules;           /* rules.count + 1 */
	bool *bindable, *resolvable;
	bool any_resolvable;
	LIST_OF(uint64_t) noted; /* (rule, class) whose name items were marked: a hash set */
	size_t noted_used;
};

/* ---- rectangles (rects.c) ---- */
void analysis_cut(struct analysis *);
/* Ports of egress that are refused whatever the rules say: ends with 0 */
const uint16_t *analysis_refused_ports(enum policy_direction, enum policy_proto);
/* A walk with room for `situations` atoms behind the addresses and every address piece that fits laid out */
struct port_tree *analysis_walk_new(struct analysis *, struct arena *, enum policy_direction, enum policy_proto,
				    uint32_t situations);
/* Adds a piece's rectangles over these spans, `offset` added; a rule with several ports makes several */
void analysis_add_rects(struct analysis *, struct port_tree *, uint32_t piece, const struct run *, size_t count,
			uint32_t offset);
uint32_t analysis_names_piece(const struct analysis *, size_t rule); /* ANALYSIS_NONE: the rule has no names */

/* ---- a pass (analysis_pass.c) ---- */

/* A set of pieces, as bits */
struct piece_set {
	uint64_t *words;
	size_t count;
};
/* The least member that is not below `from`; ANALYSIS_NONE */
uint32_t piece_set_next(const struct piece_set *, uint32_t from);

struct analysis_pass {
	struct analysis *analysis;
	struct port_tree *walk;
	enum policy_direction direction;
	enum policy_proto proto;
	bool server_names; /* TCP out */
	bool named;        /* some rule on a name takes part */
	const struct port_interval *column;
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

void analysis_pass_init(struct analysis_pass *, struct analysis *, struct arena *, enum policy_direction,
			enum policy_proto);
/* Name situations behind the addresses: classes that are bound, then (TCP out) classes that are sent */
void analysis_pass_add_names(struct analysis_pass *);
void analysis_pass_start_column(struct analysis_pass *, const struct port_interval *);
void analysis_pass_find_tops(struct analysis_pass *);
bool analysis_pass_floored(const struct analysis_pass *, uint32_t atom);
enum policy_action analysis_piece_action(const struct analysis_pass *, uint32_t piece);
struct witness analysis_pass_flow(const struct analysis_pass *, uint32_t atom);
/* First atom, of those that can be bound or of all, whose first rule is behind `piece`; ANALYSIS_NONE */
uint32_t analysis_pass_find_atom(const struct analysis_pass *, bool bindable, uint32_t piece);

/* What a name situation shows about its first rule. */
struct name_scenario {
	uint32_t bound, sent; /* classes; ANALYSIS_NONE */
	uint32_t first, second;
	bool pairs; /* another name may be bound beside it */
};
void analysis_pass_situation(struct analysis_pass *, const struct name_scenario *);
/* All of one direction and protocol: decides, effect, items, examples */
void analysis_pass_run(struct analysis *, enum policy_direction, enum policy_proto);
void rule_facts_note_names(struct analysis *, size_t rule, uint32_t class);

/* ---- the other parts ---- */
void analysis_find_answers(struct analysis *);    /* answers.c: bindable; effect on answers */
void analysis_find_resolvable(struct analysis *); /* analysis_lookup.c */
void analysis_find_queries(struct analysis *);    /* analysis_lookup.c: decides and effect by queries */
void analysis_find_pairs(struct analysis *);      /* server_names.c: server names beside bound ones */
void analysis_find_takers(struct analysis *);     /* shadowing.c */
void rule_facts_mark(struct rule_facts *, const struct witness *);
