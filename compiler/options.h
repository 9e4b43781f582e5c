/* The policy options that every program takes, from argv to a resolved policy. */
#pragma once
#include "policy.h"

/* Filled by options_take(); argv stays the caller's and must outlive it. */
struct policy_options {
	struct arena *arena;
	struct { const char **items; size_t count, cap; } files; /* --policy and plain FILE arguments */
	struct { const char **items; size_t count, cap; } rules; /* --net-rule */
	struct { const char **items; size_t count, cap; } nets;  /* --net */
	struct { const char **items; size_t count, cap; } publishes;
	struct { const char **items; size_t count, cap; } nameservers;
	const char *net_default, *net_default_egress, *net_default_ingress;
	const char *query_timeout, *pool4, *pool6, *deployment_profile, *max_connections;
	const char *stdin_name, *today, *include_root;
	bool no_net, no_rebind_protection;
	/* for the conflicts: which of these were given twice, in the order found */
	struct { const char **items; size_t count, cap; } repeated;
	/* network flags that parse and have no effect yet: their names */
	struct { const char **items; size_t count, cap; } unsupported;
};

/* getopt_long entries of the policy options, to be put into a program's own table; values are from
 * OPTIONS_FIRST up. Ends with a zero entry. -p is the caller's to put into its short options ("p:"). */
#include <getopt.h>
#define OPTIONS_FIRST 0x1000
extern const struct option policy_long_options[];
/* true where `value` was one of ours and was taken */
bool options_take(struct policy_options *, int value, const char *optarg);

/* The id of the error that says a file could not be read: the system failed, not the policy */
#define OPTIONS_UNREADABLE "unreadable"
/* Parses, resolves, checks. Never NULL; with errors in `diags` the policy must not be used.
 * `file` may be NULL. Findings of every kind of input end up in the same queue. */
struct policy *options_resolve(const struct policy_options *, const char *file, struct diags *);
