/* Policies for unit tests, from the words a user would write. */
#pragma once
#include "eval/eval.h"
#include "policy/options.h"

struct test_policy {
	struct arena *arena;
	struct sources *sources;
	struct diags *diags;
	struct policy_options options;
	struct policy *policy;
	struct eval_context context;
};

/* `rules` comma-joined or NULL; fails the test when they do not resolve. The caller frees the arena. */
struct test_policy test_policy_of(const char *egress, const char *ingress, const char *rules, bool multi_tenant);
/* "V4" and "V6" or "-" */
struct addr_gateway test_gateway(const char *v4, const char *v6);
struct addr test_addr(const char *text);
/* Calls `row` with the fields of every line of a table under tests/vectors, comments aside */
void test_table(const char *name, size_t min_fields, void (*row)(char **fields));
