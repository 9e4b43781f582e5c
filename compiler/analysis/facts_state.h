/* Within facts*.c and shadowing.c: what is found on the way, and the pass that finds it. */
#pragma once
#include "analysis/facts.h"
#include "analysis/pass.h"

/* Where a class of addresses was first seen decided by a piece */
struct seen_class {
	bool seen;
	uint32_t atom;
	uint16_t port;
	enum policy_proto proto;
};

struct facts {
	struct analysis *analysis;
	const struct analysis_plane *plane; /* the only one */
	struct rule_facts *rules;           /* rules.count + 1: the last is the default */
	struct seen_class (
		**seen)[ADDR_CLASS_COUNT]; /* by piece, the default's included: of egress, of ingress; NULL */
	struct {
		uint64_t *slots; /* a hash set of (rule, class) whose names were marked; 0: free */
		size_t used, size;
	} marked;
};

/* A set of pieces, as bits */
struct piece_set {
	uint64_t *words;
	size_t count;
};
/* The least member that is not below `from`; ANALYSIS_NONE */
uint32_t piece_set_next(const struct piece_set *, uint32_t from);

/* The first matches by address of an interval, as pieces by their action: what a name scenario has beside it */
struct first_matches {
	struct piece_set by_action[2];
	uint32_t max;
};

struct facts_pass {
	struct analysis_pass base;
	struct facts *facts;
	const uint32_t *first, *second; /* of the tree, by place */
	uint16_t port;                  /* of the interval, for witnesses */
	bool *active;                   /* by atom: it has the protocol, and is an address */
	bool have_matches;
	struct first_matches bindable, all; /* of addresses that an answer can bind, and of all */
	/* the same where the multi-tenant floor denies whatever else would allow: the last of them */
	uint32_t bindable_floored, all_floored;
	/* first matches by name, by their action, of classes that can be bound; denies by server name */
	bool have_names;
	struct piece_set bound[2], sent; /* without the host's alias */
	uint32_t alias;                  /* its class, where it can be bound; ANALYSIS_NONE */
	size_t pending;                  /* scenarios whose rule may still show more than it has */
	bool names_before; /* the interval before had names of its own: what these hid is to be seen again */
};

/* ---- facts_marks.c ---- */
void facts_decided(struct rule_facts *, const struct witness *);
/* The rule decides something of this class of names: marks those of its targets that are first to take them */
void facts_mark_names(struct facts *, size_t rule, uint32_t class);

/* ---- facts_pass.c ---- */
void facts_pass_init(struct facts_pass *, struct facts *, struct arena *, enum policy_direction, enum policy_proto,
		     uint32_t pairs);
void facts_pass_start(struct facts_pass *, const struct port_interval *);
/* Into bindable and all, once an interval; false: out of fuel */
bool facts_pass_find_matches(struct facts_pass *);
struct witness facts_pass_witness(const struct facts_pass *, uint32_t atom);
/* The first atom, of those that can be bound or of all, whose first match is behind `piece`; one below the floor where
 * there is no other; ANALYSIS_NONE */
uint32_t facts_pass_find_atom(const struct facts_pass *, bool bindable, uint32_t piece);

/* A name scenario: which class is bound, which is sent (ANALYSIS_NONE: none), the first two rules that match by it */
struct name_scenario {
	uint32_t bound, sent;
	uint32_t first, second;
	bool beside; /* another name may be bound beside it */
};
/* Notes what it shows about its first rule */
void facts_pass_look_at_scenario(struct facts_pass *, const struct name_scenario *);
/* The same where the name bound is the host's alias: to the gateway and to nothing else */
void facts_pass_look_at_alias(struct facts_pass *, const struct name_scenario *);
/* Connections of one direction and protocol */
void facts_look_at_connections(struct facts *, enum policy_direction, enum policy_proto);

/* ---- the other parts ---- */
void facts_look_at_answers(struct facts *); /* facts_queries.c */
void facts_look_at_queries(struct facts *); /* facts_queries.c */
void facts_look_at_pairs(struct facts *);   /* facts_pairs.c: server names beside bound ones */
void facts_find_shadowing(struct facts *);  /* shadowing.c: of rules that decide nothing */
