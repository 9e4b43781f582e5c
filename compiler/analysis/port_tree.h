/* A segment tree over ports. For one direction and protocol it visits every interval of ports that no rule tells
 * apart, and at each has the first two rules that match in every place: in every atom of addresses, and in every name
 * scenario, which have their places behind the addresses.
 *
 * A rule is a rectangle: runs of places times an interval of ports. It is inserted once at each of the few nodes of
 * the tree whose ports it covers altogether, on the way down, and rolled back on the way up. So a rule without ports
 * is inserted once for all intervals, a rule on one port touches the few atoms it names in one interval, and the cost is
 * the sum of what is inserted, times the depth of the tree at most: near-linear in the rules where they name few atoms
 * each or few ports each, and bounded by fuel where every rule covers everything in part. */
#pragma once
#include "analysis/atoms.h"
#include "analysis/fuel.h"

/* One policy's rules. A piece is a rule, or a part of it: pieces are numbered in the order of the rules; the number
 * after the last is the default. */
struct port_tree_plane {
	const uint32_t *rule_of;  /* by piece, the default's included */
	uint32_t *first, *second; /* by place; second is of another rule than first; ANALYSIS_NONE: nothing */
	uint32_t *port_item;      /* by rule: which of its ports covers the interval, where it has several */
};

struct port_tree_rect {
	uint32_t plane, piece;
	uint32_t runs, run_count; /* into port_tree.runs */
	uint16_t lo, hi;          /* ports */
	uint32_t port_item;       /* ANALYSIS_NONE: not kept track of */
};

struct port_interval {
	uint16_t lo, hi;
	/* whole: look at every place. Otherwise nothing but the touched runs (they may overlap) differs from the
	 * representative, an interval without rules on ports, which was or will be visited whole. */
	bool whole;
	const struct run *touched;
	size_t touched_count;
};

/* The caller fills in all but `state`. */
struct port_tree {
	struct arena *arena;
	struct fuel *fuel;
	struct port_tree_plane planes[ANALYSIS_PLANES];
	uint32_t floors; /* the first plane of a floor: where such rules differ by port, intervals are visited whole */
	LIST_OF(struct port_tree_rect) rects;
	LIST_OF(struct run) runs;
	LIST_OF(uint16_t) cuts;    /* intervals must begin here */
	LIST_OF(uint16_t) refused; /* ports not to visit */
	bool has_ports;
	void (*root)(struct port_tree *); /* called once what holds for all ports is inserted; may be NULL */
	void (*visit)(struct port_tree *, const struct port_interval *);
	void *self;
	struct port_tree_state *state;
};

/* Visits all intervals in order, ports ascending. Without ports there is one. */
void port_tree_visit(struct port_tree *);
