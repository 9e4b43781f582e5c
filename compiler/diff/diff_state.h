/* Within diff*.c: how what changes is found. From the bottom up: verdicts (diff_verdicts.c); a name scenario beside all
 * addresses (diff_scenarios.c); two names (diff_pairs.c); all names in an interval (diff_names.c); a pass over a
 * direction and protocol (diff_pass.c); the whole (diff.c). */
#pragma once
#include "analysis/pass.h"
#include "diff/cells.h"
#include "diff/diff.h"
#include "diff/records.h"

/* ---- regions (diff_regions.c) ---- */

struct diff_region *diff_add(struct diff *, enum diff_kind, enum policy_direction, enum policy_action was,
			     const struct decider by[static 2]);
/* Puts the regions into words, merges those that say the same of several protocols, finds examples, sorts
 * (diff_words.c) */
void diff_put_in_words(struct diff *);
/* The region's atoms as targets of a rule, "public", "{10.0.0.0/8,host}"; *except: what of these is not in it, or NULL.
 * Atoms of which the protocol knows nothing do not count. (diff_addresses.c) */
const char *diff_address_words(struct diff *, const struct diff_region *, const char **except);
/* Roughly how many addresses; IPv6 counts as much as IPv4 */
double diff_address_width(const struct diff *, const struct diff_region *);
bool diff_has_family(const struct diff *, const struct diff_region *, enum addr_family);

/* ---- rules that correspond (diff_match.c) ---- */

/* Fills in diff->match */
void diff_match(struct diff *);

/* ---- lookups and answers (diff_queries.c) ---- */

void diff_queries(struct diff *);
void diff_answers(struct diff *);

/* ---- connections ---- */

/* A change of a connection's verdict */
struct diff_finding {
	enum policy_action was;
	struct decider by[2];
	bool by_server_name;
	uint32_t atom;    /* where it shows; ANALYSIS_NONE: where it was found */
	bool unnamed;     /* that is an address that no rule names */
	uint32_t partner; /* a class that is bound as well, or bound while another is sent; ANALYSIS_NONE */
};

/* A class may show its change beside many rules on addresses: a few of them tell enough. For each direction of change
 * there is one, and if one shows at an address that no rule names, such a one. */
#define DIFF_FINDINGS_MAX 6
struct diff_findings {
	struct diff_finding items[DIFF_FINDINGS_MAX];
	size_t count;
};

struct diff_pass {
	struct analysis_pass base;
	struct diff *diff;
	struct arena *arena;           /* of the pass */
	const uint32_t *first[2];      /* by policy: first matches by place, as pieces */
	struct records findings;       /* of struct diff_findings: the keys of cells */
	struct cells addresses;        /* by atom */
	struct cells names;            /* by class */
	struct cells pairs;            /* by pair */
	struct name_pairs name_pairs;  /* one bound, another sent */
	struct diff_addresses *kinds;  /* diff_scenarios.c */
	struct diff_names *name_state; /* diff_names.c */
};

/* Names first match (diff_verdicts.c) */
enum policy_action diff_verdict(const struct diff_pass *, int side, uint32_t atom, uint32_t piece, struct decider *);
/* Whether first matches a (before) and b (after) are the same rule, defaults included */
bool diff_corresponds(const struct diff_pass *, uint32_t a, uint32_t b);
bool diff_place_corresponds(const struct diff_pass *, uint32_t place);
/* A rule that the other policy has not is the cause of what changes: all that it changes is one region, whoever decides
 * on the other side */
void diff_find_cause(const struct diff_pass *, struct decider by[static 2]);

/* A name scenario: the first matches of both policies by name, and whether its names can be bound */
struct diff_scenario {
	uint32_t class;
	uint32_t first[2];
	bool possible[2];    /* the lookups are allowed, and rebind protection has an exception where it takes one */
	bool held[2];        /* ... has none for the name */
	bool too_long[2];    /* `limit dns label` denies them */
	uint32_t lookup[2];  /* the rule that decides that; ANALYSIS_NONE: the default */
	bool corresponds;    /* the first matches do */
	bool by_server_name; /* alone: the address need not be bound */
	uint32_t partner;
};

/* diff_scenarios.c */
void diff_init_scenarios(struct diff_pass *);
struct diff_scenario diff_scenario_of(const struct diff_pass *, uint32_t class, bool by_server_name);
/* In a new interval: sorts its addresses into kinds */
void diff_find_addresses(struct diff_pass *);
/* Adds what the scenario shows beside an address, or in this interval beside any */
void diff_compare_at(const struct diff_pass *, const struct diff_scenario *, uint32_t atom, struct diff_findings *);
void diff_compare(struct diff_pass *, const struct diff_scenario *, struct diff_findings *);
/* The same for the host's alias, which is bound to the gateway alone */
void diff_compare_alias(const struct diff_pass *, const struct diff_scenario *, struct diff_findings *);
/* Adds what a server name alone shows, where `findings` does not show as much */
void diff_add_by_server_name(struct diff_findings *, const struct diff_findings *by_server_name);
uint32_t diff_findings_key(struct diff_pass *, const struct diff_findings *);
const struct diff_findings *diff_findings_of(const struct diff_pass *, uint32_t key);
#define DIFF_STEPS_PER_COMPARISON 20

/* diff_pairs.c: what takes two names to show */

/* Two names bound at once; sets the findings of those classes that show something with another, and nothing alone */
struct diff_class {
	uint32_t class;
	uint32_t *findings; /* a key */
};
void diff_bound_pairs(struct diff_pass *, const struct diff_class *, size_t count);
/* Whether `a` might decide before and `b` after, otherwise, when both are bound */
bool diff_may_show(const struct diff_pass *, const struct diff_scenario *a, const struct diff_scenario *b);
/* One bound, another sent: the pairs that rules without a counterpart take in */
void diff_find_pairs(struct diff_pass *);
/* What a pair shows in this interval: a key */
uint32_t diff_compare_pair(struct diff_pass *, uint32_t pair);

/* diff_names.c */
void diff_names_root(struct diff_pass *);
void diff_names_interval(struct diff_pass *, const struct port_interval *);

/* diff_pass.c */
void diff_connections(struct diff *, enum policy_direction, enum policy_proto);

/* ---- settings (diff_settings.c); one of them (diff_setting.c); those of which there may be many (diff_listed.c) ---- */

void diff_add_setting(struct diff *, enum diff_effect, const char *name, const char *const values[2],
		      const struct span spans[2]);
void diff_nameservers(struct diff *);
void diff_expects(struct diff *);
void diff_silenced(struct diff *);
