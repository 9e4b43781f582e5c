/* The address space of one family from its start to its end: which rules apply where. */
#pragma once
#include "optimise/zones.h"

#define SWEEP_WIDE_MOST 48
#define SWEEP_ZONES_MOST 256

/* A set of addresses that wide rules name */
struct sweep_wide {
	const struct rs_set *set; /* or */
	u128 lo, hi;              /* a network that many rules name, of */
	bool v6;
	uint32_t rules;
};

/* The ordered list of narrow rules that apply to some addresses of a zone */
struct sweep_class {
	uint32_t zone;
	uint32_t first, count; /* in `listed` */
	uint32_t hash;
	size_t chain; /* once made: its chain's index */
};

/* lo to hi: a zone, or a class, by index */
struct sweep_span {
	u128 lo, hi;
	uint32_t index;
};

struct sweep_spans {
	struct sweep_span *items;
	size_t count, cap;
};

struct sweep {
	struct addresses *pass;
	struct linear *rules;
	LIST_OF(struct sweep_wide) wide;
	LIST_OF(struct zone) zones;
	LIST_OF(struct sweep_class) classes;
	LIST_OF(uint32_t) listed; /* rules, by index */
	uint32_t *table;          /* classes by hash: index + 1 */
	size_t table_size;
	size_t work, budget;
	uint32_t zone0[2];             /* where no wide set is, by family */
	struct sweep_spans at_zone[2]; /* but for zone0's */
	struct sweep_spans at_class[2];
};

/* false: it would take too much */
bool sweep_addresses(struct sweep *);
