/* The address axis of the flow space: all addresses of both families, cut into atoms that no rule of the
 * given policies can tell apart.
 *
 * Two addresses are in one atom when they have the same family, class and standing (with rebind protection; and
 * whether packets get there), and are in the same CIDRs. Prefixes nest or are disjoint, so the innermost CIDR says which ones an address
 * is in: there are no more atoms than CIDRs and (class, standing, family) groups together. Within a group,
 * atoms stand in the order in which a walk of the nesting prefixes meets them; so a class is one run of
 * atoms, and a CIDR one run in each group it touches. IPv4-mapped addresses are no part of the axis: they
 * are IPv4 addresses. */
#pragma once
#include "policy/policy.h"

/* How many policies are looked at together, at most */
#define ANALYSIS_POLICIES 2
/* ... and their floors, which are planes of their own behind them */
#define ANALYSIS_PLANES (ANALYSIS_POLICIES * (1 + POLICY_FLOORS_MAX))
/* No place, rule, piece or class */
#define ANALYSIS_NONE UINT32_MAX
#define ANALYSIS_HIDDEN (UINT32_MAX - 1)

struct atom {
	enum addr_family family;
	enum addr_class class;
	bool reserved;                /* held back by rebind protection unless a rule names it */
	bool refused;                 /* no packet of the guest's gets there */
	uint32_t ranges, range_count; /* into atoms->ranges */
};

/* Half-open */
struct run {
	uint32_t lo, hi;
};
/* Runs that a single target can have: in each group of its family, for itself and for each way to carry it */
#define ATOMS_RUNS_MAX (32 * (1 + ADDR_EMBEDDINGS_MAX))

struct atoms;
/* policies: one or two, and their floors. The axis belongs to the arena. */
struct atoms *atoms_new(struct arena *, const struct addr_gateway *, const struct policy *const *policies,
			size_t count);
uint32_t atoms_count(const struct atoms *);
const struct atom *atoms_at(const struct atoms *, uint32_t atom);
const struct addr_range *atoms_ranges(const struct atoms *, uint32_t atom);
/* An address of the atom: the gateway or a well-known one where it holds one, else the lowest */
struct addr atoms_member(const struct atoms *, uint32_t atom);
/* The atom that holds an address (unmapped) */
uint32_t atoms_find(const struct atoms *, struct addr);
/* The runs of atoms that an address target of a rule with `action` takes in, ascending and disjoint; a name
 * takes in none. The target must be one of the policies' own. Returns how many. */
size_t atoms_target_runs(const struct atoms *, enum policy_action, const struct policy_target *,
			 struct run out[static ATOMS_RUNS_MAX]);
/* Whether the atom's addresses are all of its family, class and standing that no CIDR names */
bool atoms_is_unnamed(const struct atoms *, uint32_t atom);
