/* What the users of an analysis build on: its parts, and a pass over the connections of one direction and protocol.
 * Rule facts, searches and the diff are each a visitor of such passes. */
#pragma once
#include "analysis/analysis.h"
#include "eval/builtin.h"
#include "policy/policy_facts.h"

struct rule_ports {
	uint16_t lo, hi;
	uint32_t item; /* of the rule's ports */
};

/* A rule, or the part of it that one target is, or all its names are */
struct piece {
	/* by target: which; ANALYSIS_NONE: all of the rule's names, or the whole rule; ANALYSIS_HIDDEN: what it refuses at
	 * port 443 of UDP, since QUIC would hide its server name. That denies, whatever the rule does */
	uint32_t target;
	uint32_t runs, run_count; /* of atoms, into the plane's runs */
};

/* One policy, cut up (planes.c), and what follows from it alone (lookups.c, answers.c). Pieces are numbered in the
 * order of rules; the one behind the last is the default. */
struct analysis_plane {
	const struct policy *policy;
	struct piece *pieces;
	uint32_t piece_count;
	uint32_t *rule_of;     /* by piece, the default's included: rules.count */
	uint8_t *actions;      /* by piece: enum policy_action */
	uint32_t *first_piece; /* by rule; the default's is that behind the last */
	LIST_OF(struct run) runs;
	LIST_OF(struct rule_ports) * ports;        /* by rule, disjoint, in order; none: no ports */
	uint32_t by_transport[FLOW_TRANSPORTS][2]; /* the first two rules that take every query; ANALYSIS_NONE */
	bool *resolvable;                          /* by class: a lookup over UDP or TCP is allowed */
	struct port_tree_plane excepts_tcp,
		excepts_udp;          /* the first two pieces that rebind protection heeds, by atom */
	bool *bindable;               /* by atom: an answer may hold its addresses */
	uint32_t floors, floor_count; /* its floors' planes, from which on; a floor has none */
};

struct analysis {
	struct arena *arena;
	struct fuel *fuel;
	struct addr_gateway gateway;
	enum analysis_grain grain;
	struct analysis_plane planes[ANALYSIS_PLANES];
	uint32_t plane_count, policy_count; /* the policies' come first, then those of their floors, without names */
	bool same_floors;                   /* of all policies */
	struct atoms *atoms;
	struct name_classes *names;
	uint32_t atom_count, class_count;
	struct analysis_zones *zones; /* NULL: one, of all addresses */
	uint32_t zone;                /* the one entered; ANALYSIS_NONE: all, without rules that say `in` */
};

/* ---- a policy in pieces (planes.c) ---- */

void analysis_cut(struct analysis *, uint32_t plane);
/* The piece of the rule's names; ANALYSIS_NONE: it has none */
uint32_t analysis_names_piece(const struct analysis_plane *, size_t rule);
/* The piece of what QUIC would hide from the rule; ANALYSIS_NONE: it has none */
uint32_t analysis_hidden_piece(const struct analysis_plane *, size_t rule);
/* Whom a piece stands for, the default's included */
struct decider analysis_decider(const struct analysis_plane *, uint32_t piece);
/* A tree without rectangles, with room for `scenarios` places behind the atoms: there nothing matches, in an atom the
 * default does */
struct port_tree *analysis_tree_new(struct analysis *, struct arena *, enum policy_direction, enum policy_proto,
				    uint32_t scenarios);
/* Adds a piece's rectangles over these runs, `offset` added; a rule with several ports makes several */
void analysis_add_rects(struct analysis *, struct port_tree *, uint32_t plane, uint32_t piece, const struct run *,
			size_t count, uint32_t offset);

/* ---- lookups (lookups.c) ---- */

void analysis_find_lookups(struct analysis *, uint32_t plane);
/* The first two rules that take a query for a name of the class; ANALYSIS_NONE: the default */
void analysis_lookup(const struct analysis *, uint32_t plane, uint32_t class, enum flow_transport,
		     uint32_t two[static 2]);
/* Whether a floor denies every query over the transport; such floors as are analysed have no rules on names. *by: which, where
 * one does; it may be NULL */
bool analysis_query_floored(const struct analysis *, uint32_t plane, enum flow_transport, struct decider *by);
/* The action of a rule on queries; ANALYSIS_NONE: of the default */
/* Whether `limit dns label` of the plane's policy lets none of the class's lookups pass: what every name of it ends in has
 * a longer label */
bool analysis_label_is_too_long(const struct analysis *, uint32_t plane, uint32_t class);
enum policy_action analysis_query_action(const struct analysis_plane *, uint32_t rule);

/* ---- answers (answers.c) ---- */

/* Finds the rules that rebind protection heeds, and from them which atoms answers can bind */
void analysis_find_answers(struct analysis *);
/* Whether every floor lets an answer with a reserved address of the atom be excepted */
bool analysis_floors_except(const struct analysis *, uint32_t plane, uint32_t atom);
/* Whether an answer with an address of the atom passes, and who decided that */
bool analysis_answer_passes(const struct analysis *, uint32_t plane, uint32_t atom, struct decider *);

/* ---- zones (zones.c) ---- */

void analysis_find_zones(struct analysis *);
uint32_t analysis_zone_count(const struct analysis *);
/* What is asked of connections from now on concerns the zone's addresses: planes' `resolvable` is of names that an answer
 * can bind to them. ANALYSIS_NONE: none is entered, where no names take part. */
void analysis_enter_zone(struct analysis *, uint32_t zone);
bool analysis_in_zone(const struct analysis *, uint32_t atom);
uint32_t analysis_zone_of(const struct analysis *, uint32_t atom);
/* Whether the rule's names take part in the zone */
bool analysis_takes_part(const struct analysis *, uint32_t plane, size_t rule);
/* Whether a lookup of the class passes, and rebind protection alone keeps it from the zone's addresses */
bool analysis_holds_back(const struct analysis *, uint32_t plane, uint32_t class);
/* Whether an answer for a name of the class may hold the zone's addresses that can be bound, if its lookup passes */
bool analysis_lets_answer(const struct analysis *, uint32_t plane, uint32_t class);
/* Of two policies: whether nameless answers with the zone's addresses fare alike */
bool analysis_holds_alike(const struct analysis *);
/* Whether answers with some address pass for a name by this rule's `in` and no other's; of the first policy */
bool analysis_alone_excepts(const struct analysis *, uint32_t rule);

/* ---- a pass (pass.c) ---- */

/* The places of its tree: atoms; classes that are bound to the address; classes that are sent as the server name,
 * nothing bound (TCP out); pairs of classes, one bound while the other is sent. */
struct analysis_pass {
	struct analysis *analysis;
	struct port_tree *tree;
	enum policy_direction direction;
	enum policy_proto proto;
	bool server_names; /* TCP out: a TLS client may send one, that is looked at */
	bool named;        /* rules on names take part */
	bool *speaks;      /* by atom: its family has the protocol, and it is in the zone */
	uint16_t lo, hi;   /* the interval's ports */
	enum policy_action defaults[ANALYSIS_PLANES];
	void *self;
};

/* Inserts every rule on addresses that fits; for UDP out also what rules on names deny at every address, since QUIC would
 * hide the name */
void analysis_pass_init(struct analysis_pass *, struct analysis *, struct arena *, enum policy_direction,
			enum policy_proto, uint32_t pairs);
/* ... and every rule on names: an allow by a bound name, a deny by a name that is bound or sent; and what an allow refuses
 * where its name is bound, since QUIC would hide it */
void analysis_pass_add_names(struct analysis_pass *);
uint32_t analysis_pass_bound(const struct analysis_pass *, uint32_t class);
uint32_t analysis_pass_sent(const struct analysis_pass *, uint32_t class);
uint32_t analysis_pass_pair(const struct analysis_pass *, uint32_t pair);

/* Both are asked of every atom in every interval */
static inline enum policy_action analysis_pass_action(const struct analysis_pass *pass, uint32_t plane, uint32_t piece)
{
	const struct analysis_plane *of = &pass->analysis->planes[plane];

	return piece < of->piece_count ? (enum policy_action)of->actions[piece] : pass->defaults[plane];
}

/* Whether the atom's flows get nowhere, whatever allows them */
static inline bool analysis_pass_refused(const struct analysis_pass *pass, uint32_t atom)
{
	return pass->direction == POLICY_EGRESS && atoms_at(pass->analysis->atoms, atom)->refused;
}

/* Whether that or a floor denies the atom's flows in this interval anyway */
static inline bool analysis_pass_floored(const struct analysis_pass *pass, uint32_t plane, uint32_t atom)
{
	const struct analysis_plane *of = &pass->analysis->planes[plane];

	if (analysis_pass_refused(pass, atom))
		return true;
	for (uint32_t i = of->floors; i < of->floors + of->floor_count; i++)
		if (analysis_pass_action(pass, i, pass->tree->planes[i].first[atom]) == POLICY_DENY)
			return true;
	return false;
}

/* Who of the floors; once one denies */
struct decider analysis_pass_floor(const struct analysis_pass *, uint32_t plane, uint32_t atom);

/* An address that flows can have: not the unspecified one */
static inline bool analysis_is_address(const struct analysis *analysis, uint32_t atom)
{
	return atoms_at(analysis->atoms, atom)->class != ADDR_CLASS_NONE;
}
/* Of these ports, one that readers know, where there is one */
uint16_t analysis_usual_port(const struct policy_port_range *, size_t count);

/* ---- pairs of names (pairs.c) ---- */

struct name_pair {
	uint32_t sent, bound; /* classes */
};

struct name_pairs {
	struct analysis *analysis;
	struct arena *arena;
	size_t max, max_of_rule;
	bool (*may_bind)(const struct analysis *, uint32_t class);
	LIST_OF(struct name_pair) list;
};

/* The pairs that it may take to show something of the rule: a name it takes is sent while another is bound that an
 * allow takes too: the rule itself, or for a deny any from rule `allow_from` on, of any policy. false: too many; some
 * are in the list. */
bool name_pairs_add_rule(struct name_pairs *, uint32_t plane, uint32_t rule, uint32_t allow_from);
/* Inserts in the pass's tree the rules that match in each pair's scenario */
void name_pairs_insert(struct name_pairs *, struct analysis_pass *);
