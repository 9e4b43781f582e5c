/* Within regions*.c: the regions of one policy beside its rules, and a pass over connections that looks at them.
 *
 * The regions are the rules of a second policy beside the first: so no atom of addresses, class of names or interval of
 * ports lies across the edge of one. In an interval each region's atoms are looked at with the first match by address.
 * Names only add matches: bound to a name of class c, a flow is decided by the lesser of that match and f(c). So it is
 * enough to know, of all classes that can be bound, the least f(c) of the wanted verdict, and of the region's atoms that
 * can be bound, the greatest match by address: a bound name changes a verdict of the region just if the one is less.
 * Which classes match by name and can be bound differs between zones (rules that say `in`): each zone has its passes. */
#pragma once
#include "analysis/pass.h"
#include "expect/regions.h"

struct regions;

struct region {
	const struct policy_expect *expect;
	uint32_t rule;               /* of the second policy */
	enum policy_action contrary; /* the verdict that no flow may have */
	struct region_outcome *out;
	bool seen;     /* some flow is in it */
	unsigned rank; /* of the witness found; the less the plainer. 0: none yet */
	const char *text;
};

struct regions {
	struct arena *arena;
	const struct eval_context *context;
	struct coverage *coverage;
	struct fuel *fuel;
	struct policy edges; /* whose rules they are */
	struct analysis *analysis;
	LIST_OF(struct region) list;
	size_t marks; /* of coverage, that may still be made */
};

/* A flow that has the contrary verdict */
struct region_find {
	enum policy_direction direction;
	enum policy_proto proto;
	uint16_t lo, hi;
	uint32_t atom;           /* ANALYSIS_NONE: a lookup is refused */
	const char *bound, *sni; /* names; NULL: none */
	bool to_name;            /* the flow is one to `bound` */
};
/* regions_witness.c: keeps it if it is plainer than what the region has */
void region_found(struct regions *, struct region *, const struct region_find *);
void region_take(struct region *, unsigned rank, const char *text);
/* The runs of atoms that it takes in, which may overlap */
const struct run *region_runs(const struct regions *, const struct region *, size_t *count);
bool region_has_port(const struct region *, uint16_t port);

/* ---- a pass (regions_pass.c, regions_names.c) ---- */

/* Of the atoms that were looked at: matches by address, as pieces, and where. Floored ones only deny. */
struct region_matches {
	bool any;
	uint32_t last, last_atom;           /* the greatest */
	uint32_t last_open, last_open_atom; /* the greatest that is not floored */
	uint32_t first[2], first_atom[2];   /* the least of each verdict */
	uint32_t floored_atom;              /* ANALYSIS_NONE: none */
};

/* The least matches by name in an interval, as pieces, of each action */
struct region_names {
	bool known;
	uint32_t bound[2], bound_class[2];    /* of classes that can be bound */
	uint32_t sent, sent_class;            /* a deny by a server name alone */
	uint32_t pair, pair_sent, pair_bound; /* an allow by one name bound, another sent */
	struct region_matches bindable;       /* of all addresses that an answer can bind */
	bool have_bindable;
};

struct region_pass {
	struct analysis_pass base;
	struct regions *all;
	LIST_OF(struct region *) regions; /* that fit */
	const uint32_t *first;            /* of the policy, by place: pieces */
	struct region_names names;        /* of the interval */
};

void regions_look_at_connections(struct regions *, enum policy_direction, enum policy_proto);
/* regions_marks.c */
void region_matches_init(struct region_matches *);
void region_matches_add(const struct region_pass *, struct region_matches *, uint32_t atom);
/* Marks the decider as exercised by a flow. atom or name may be absent: ANALYSIS_NONE, NULL */
void region_mark(struct region_pass *, uint32_t piece, uint32_t atom, const char *name);
void region_mark_names(struct region_pass *, uint32_t piece, uint32_t class);
void regions_mark_lookup(struct regions *, uint32_t rule, uint32_t class, enum flow_transport);
void regions_mark_answer(struct regions *, struct decider, struct addr);

/* What names bound to or sent for the region's addresses change; `all` of its atoms, `bindable` of those an answer can bind */
void region_look_beside_names(struct region_pass *, struct region *, const struct region_matches *all,
			      const struct region_matches *bindable);
/* The region's own names */
void region_look_at_names(struct region_pass *, struct region *);
