/* The walk over ports. For one direction and protocol it visits every column of ports that no rule tells
 * apart, and at each says which rule is first (and second) to match in every atom: of addresses, and of
 * name situations, which stand behind the addresses on the same line.
 *
 * Rules are rectangles: runs of atoms times a run of ports. The columns form a binary tree; a rectangle is
 * laid down once at each of the few nodes whose columns it covers altogether, on the way down, and taken
 * away on the way up. So a rule without ports is laid down once for all columns, a rule on one port touches
 * the few atoms it names in one column, and the cost is the sum of what is laid down, times the depth of the
 * tree at most: near-linear in the rules where they name few atoms each or few ports each, and bounded by
 * fuel where every rule covers everything in part. */
#pragma once
#include "analysis/atoms.h"

#define ANALYSIS_NONE UINT32_MAX

/* Steps that may still be made; a step is one atom written or looked at. */
struct fuel {
	uint64_t left;
	bool out;            /* the answer is "too complex here": */
	size_t policy, rule; /* this rule of this policy was being put in */
};
/* false: out of fuel */
bool fuel_use(struct fuel *, uint64_t steps);

/* One policy's rules on the line. A piece is a rule, or one target of it: pieces are numbered in the order
 * of the rules; `pieces` itself stands for the default. */
struct port_tree_plane {
	uint32_t pieces;
	const uint32_t *rule_of;  /* pieces + 1 of them */
	uint32_t *first, *second; /* by atom; second is of another rule than first; ANALYSIS_NONE: nothing */
	uint32_t *port_item;      /* by rule: which of its ports covers the column, where it has several */
};

struct port_tree_rect {
	uint32_t plane, piece;
	uint32_t spans, span_count; /* into walk.spans */
	uint16_t lo, hi;            /* ports */
	uint32_t port_item;         /* ANALYSIS_NONE: not kept track of */
};

struct port_interval {
	uint16_t lo, hi;
	/* whole: look at every atom. Otherwise nothing but the touched runs (they may overlap) differs from
	 * the one column without port rules, which was or will be visited whole. */
	bool whole;
	const struct run *touched;
	size_t touched_count;
};

struct port_tree {
	struct arena *arena;
	struct fuel *fuel;
	struct port_tree_plane planes[2];
	size_t plane_count;
	LIST_OF(struct port_tree_rect) items;
	LIST_OF(struct run) spans;
	LIST_OF(uint16_t) cuts; /* columns must begin here */
	bool has_ports;
	const uint16_t *refused;          /* ports not to visit, up to a 0; NULL: none */
	uint16_t apart;                   /* a port to visit by itself, and whole; 0: none */
	void (*root)(struct port_tree *); /* called once what lies in all columns is laid down; may be NULL */
	void (*visit)(struct port_tree *, const struct port_interval *);
	void *self;
	struct port_tree_state *state; /* its own */
};

/* Visits all columns in order, ports ascending. Without ports there is one column. */
void port_tree_visit(struct port_tree *);
