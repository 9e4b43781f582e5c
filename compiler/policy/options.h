/* The policy options that every program takes, from argv to a resolved policy. */
#pragma once
#include "policy/policy.h"

#include <getopt.h>
#include <time.h>

struct options_list {
	const char **items;
	size_t count, cap;
};

/* Rates and their bursts, as --net-egress-bandwidth and the rest of them name these */
enum options_limit {
	LIMIT_EGRESS_BANDWIDTH,
	LIMIT_EGRESS_OPS,
	LIMIT_INGRESS_BANDWIDTH,
	LIMIT_INGRESS_OPS,
	LIMIT_EGRESS_BYTES, /* sizes, without bursts */
	LIMIT_INGRESS_BYTES,
	LIMIT_DNS_LABEL, /* likewise */
	LIMIT_DNS_NAMES,
	LIMIT_DNS_RATE,
	LIMIT_COUNT
};

/* Numbers of connections, as --max-connections and its kin name them */
enum options_bound { BOUND_CONNECTIONS, BOUND_TCP, BOUND_UDP, BOUND_RATE, BOUND_COUNT };

/* A rule in front of all others, for a time: the caller keeps its end */
struct policy_grant {
	uint32_t id;
	const char *rule; /* "allow@pypi.org:tcp:443" */
};

/* Filled by options_take(); argv stays the caller's and must outlive it. Set the arena first. */
struct policy_options {
	struct arena *arena;
	struct options_list files;  /* --policy and plain FILE arguments */
	struct options_list rules;  /* --net-rule */
	struct options_list nets;   /* --net */
	struct options_list floors; /* --floor */
	struct options_list publishes, nameservers, nat64_prefixes;
	struct options_list groups, clusters; /* --net-group, --dns-cluster */
	LIST_OF(struct policy_grant) grants;  /* of no option: what a running sandbox was granted */
	const char *net_default, *net_default_egress, *net_default_ingress;
	const char *query_timeout, *binding_minimum, *ech, *pool4, *pool6, *mac, *mtu, *address4, *address6,
		*deployment_profile, *accept_queue;
	const char *bounds[BOUND_COUNT];
	const char *rates[LIMIT_COUNT], *bursts[LIMIT_COUNT];
	const char *stdin_name, *include_root;
	const char
		*today; /* YYYY-MM-DD; NULL: dates are not judged. The library has no clock: see options_set_today() */
	bool no_net, no_rebind_protection, no_server_names, deny_ech;
	bool takes_library;       /* what is asked is about the file, not about flows: a library is fine */
	const char *floors_today; /* the day that floors are judged by; NULL: `today` */
	const char *text;         /* what the file holds, where it is none */
	bool as_floor;            /* the file is a floor's: it may forbid, and sets nothing */
	/* flags of one value that were given twice; flags that parse and have no effect yet */
	struct options_list repeated, unsupported;
};

/* getopt_long entries of the policy options, to be put into a program's own table; values are from
 * OPTIONS_FIRST up. Ends with a zero entry. -p is the caller's to put into its short options ("p:"). */
#define OPTIONS_FIRST 0x1000
extern const struct option policy_long_options[];
/* true where `value` was one of ours, 'p' among them, and was taken */
bool options_take(struct policy_options *, int value, const char *optarg);

/* Every option that was given, in the table's order, without its dashes; value NULL: a switch. Stops at the first false,
 * and returns whether there was none. */
bool options_each(const struct policy_options *, bool (*each)(void *self, const char *name, const char *value),
		  void *self);
/* By its name without dashes; false: none of that name, or one that takes a value has none, or the other way round */
bool options_take_named(struct policy_options *, const char *name, const char *value);

/* What --today is without the option: the day of `now`, UTC */
void options_set_today(struct policy_options *, time_t now);

/* The id of the error for a file that could not be read: the system failed, not the policy */
#define OPTIONS_UNREADABLE "unreadable"
/* Parses, resolves, checks. Never NULL; with errors in `diags` the policy must not be used.
 * `file` may be NULL. Findings of every kind of input end up in the same queue. */
struct policy *options_resolve(const struct policy_options *, const char *file, struct diags *);
