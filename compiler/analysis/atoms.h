/* The address axis of the flow space: all addresses of both families, cut into atoms that no rule of the
 * given policies can tell apart.
 *
 * Two addresses are in one atom when they have the same family, class and standing with rebind protection,
 * and are in the same CIDRs. Prefixes nest or are disjoint, so the innermost CIDR says which ones an address
 * is in: there are no more atoms than CIDRs and (class, standing, family) groups together. Within a group,
 * atoms stand in the order in which a walk of the nesting prefixes meets them; so a class is one run of
 * atoms, and a CIDR one run in each group it touches. IPv4-mapped addresses are no part of the axis: they
 * are IPv4 addresses. */
#pragma once
#include "policy/policy.h"

struct axis_atom {
	enum addr_family family;
	enum addr_class class;
	bool reserved;                /* held back by rebind protection unless a rule names it */
	uint32_t ranges, range_count; /* into axis->ranges */
};

/* Half-open */
struct axis_span {
	uint32_t lo, hi;
};
#define AXIS_SPANS_MAX 96 /* runs a single target can have */

struct axis;
/* policies: one or two. The axis belongs to the arena. */
struct axis *axis_new(struct arena *, const struct addr_gateway *, const struct policy *const *policies, size_t count);
uint32_t axis_count(const struct axis *);
const struct axis_atom *axis_atom(const struct axis *, uint32_t atom);
const struct addr_range *axis_ranges(const struct axis *, uint32_t atom);
/* An address of the atom: the gateway or a well-known one where it holds one, else the lowest */
struct addr axis_member(const struct axis *, uint32_t atom);
/* The atom that holds an address (unmapped) */
uint32_t axis_find(const struct axis *, struct addr);
/* The runs of atoms that an address target of a rule with `action` takes in, ascending and disjoint; a name
 * takes in none. The target must be one of the policies' own. Returns how many. */
size_t axis_target_spans(const struct axis *, enum policy_action, const struct policy_target *,
			 struct axis_span out[static AXIS_SPANS_MAX]);
/* Whether the atom's addresses are all of its family, class and standing that no CIDR names */
bool axis_is_unnamed(const struct axis *, uint32_t atom);
