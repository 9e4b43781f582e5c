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

/* In how many places a piece is first; it is in a set of facts_pass while that is one */
struct piece_places {
	uint32_t all, bindable, floored, bindable_floored, bound, sent;
};

struct facts_runs {
	struct run *items;
	size_t count, cap;
};

struct facts_pass {
	struct analysis_pass base;
	struct facts *facts;
	const struct port_interval *interval;
	const uint32_t *first, *second; /* of the tree, by place */
	uint16_t port;                  /* of the interval, for witnesses */
	bool *active;                   /* by atom: it has the protocol, and is an address */
	uint8_t *class_of;              /* by atom: enum addr_class */
	bool *refused;                  /* by atom: nothing gets there, whatever allows it */
	bool have_matches;
	struct first_matches bindable, all; /* of addresses that an answer can bind, and of all */
	/* the same where the floor denies whatever else would allow, or nothing gets to; and the last of them */
	struct piece_set floored, bindable_floored;
	uint32_t last_floored, last_bindable_floored;
	/* first matches by name, by their action, of classes that can be bound; denies by server name */
	bool have_names;
	struct piece_set bound[2], sent; /* without the host's alias */
	/* pieces that match something, by their action: of addresses, and of names too */
	struct piece_set present[2], present_any[2];
	uint32_t alias;       /* its class, where it can be bound; ANALYSIS_NONE */
	uint32_t alias_class; /* the same, whether it can or not */
	/* facts_matches.c: by atom and by place of a name the piece that was counted, and the runs that had their own */
	uint32_t *counted, *counted_names;
	bool *counted_floored;
	struct piece_places *places; /* by piece */
	struct facts_runs counted_runs, counted_name_runs;
	bool is_counted, names_are_counted;

	/* What holds for all ports, and of it what may still show something about its first rule: an interval looks at that
	 * and at what is its own. */
	uint32_t *for_all; /* first rules by place */
	LIST_OF(uint32_t) open_atoms, open_classes;
	uint32_t *done;   /* by atom: the piece of which it has shown everything; ANALYSIS_NONE */
	uint8_t *decided; /* by class: BY_BINDING, BY_SERVER_NAME: the first rule for all ports did decide so */
};

/* ---- facts_matches.c ---- */
void facts_matches_init(struct facts_pass *, struct arena *);
/* Which pieces are in the tree; before any interval */
void facts_matches_find_present(struct facts_pass *);
/* Whether the piece's rule changes a verdict, or cannot, since no piece of the other action comes after it; `names`: not
 * one of names either */
bool facts_pass_is_changed(const struct facts_pass *, uint32_t piece, bool names);
/* The same in this interval. Where many come after it the answer is no, without a look at each. */
bool facts_pass_is_changed_here(const struct facts_pass *, uint32_t piece, bool names);
/* Into bindable and all, once an interval; false: out of fuel */
bool facts_pass_find_matches(struct facts_pass *);
/* Into bound, sent and alias, once an interval */
void facts_pass_find_names(struct facts_pass *);

/* ---- facts_marks.c ---- */
void facts_decided(struct rule_facts *, const struct witness *);
/* The rule decides something of this class of names: marks those of its targets that are first to take them */
void facts_mark_names(struct facts *, size_t rule, uint32_t class);
/* Whether it did that, or has not to, for the rule has one target */
bool facts_has_names(const struct facts *, size_t rule, uint32_t class);

/* ---- facts_pass.c ---- */
void facts_pass_init(struct facts_pass *, struct facts *, struct arena *, enum policy_direction, enum policy_proto,
		     uint32_t pairs);
void facts_pass_start(struct facts_pass *, const struct port_interval *);
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
/* Notes what it shows about its first rule. false: that one decides nothing here, for rules on addresses come before it */
bool facts_pass_look_at_scenario(struct facts_pass *, const struct name_scenario *);
/* The same where the name bound is the host's alias: to the gateway and to nothing else */
void facts_pass_look_at_alias(struct facts_pass *, const struct name_scenario *);
/* Connections of one direction and protocol */
void facts_look_at_connections(struct facts *, enum policy_direction, enum policy_proto);

/* ---- the other parts ---- */
void facts_look_at_answers(struct facts *); /* facts_queries.c */
void facts_look_at_queries(struct facts *); /* facts_queries.c */
void facts_look_at_within(struct facts *);  /* facts_queries.c: answers that `in` lets pass */
void facts_look_at_pairs(struct facts *);   /* facts_pairs.c: server names beside bound ones */
void facts_find_shadowing(struct facts *);  /* shadowing.c: of rules that decide nothing */
