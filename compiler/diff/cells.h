/* Cells: what was found at an item (an atom, a class of names, a pair) in each interval of ports, before what is found
 * alike is grouped. What was found is a key; 0 is nothing. An item's key in most intervals is its base, the others are
 * exceptions. */
#pragma once
#include "analysis/fuel.h"
#include "policy/policy.h"

struct cell_exception {
	uint32_t item, interval, key;
};

struct cells {
	struct arena *arena;
	uint32_t items;
	uint32_t *base;  /* by item */
	uint32_t *stamp; /* by item: interval + 1 in which it was last set */
	LIST_OF(struct cell_exception) exceptions;
	LIST_OF(struct policy_port_range) intervals; /* in order */
};

struct cell_group {
	uint32_t key;
	const uint32_t *items;
	size_t count;
	const struct policy_port_range *ports; /* none: all intervals */
	size_t port_count;
};

void cells_init(struct cells *, struct arena *, uint32_t items);
void cells_add_interval(struct cells *, uint16_t lo, uint16_t hi);
/* In the interval added last; the same again changes nothing */
void cells_set(struct cells *, struct fuel *, uint32_t item, uint32_t key);
/* Items with the same key in the same intervals make one group */
void cells_group(struct cells *, bool has_ports, void (*each)(void *self, const struct cell_group *), void *self);
