#include "policy_of.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

struct test_policy test_policy_of(const char *egress, const char *ingress, const char *rules, bool multi_tenant)
{
	struct test_policy made = { .arena = arena_new() };

	made.sources = sources_new(made.arena);
	made.diags = diags_new(made.arena, made.sources);
	made.options.arena = made.arena;
	made.options.net_default_egress = egress;
	made.options.net_default_ingress = ingress;
	made.options.deployment_profile = multi_tenant ? "multi-tenant" : NULL;
	if (rules)
		*arena_push(made.arena, &made.options.rules) = arena_strdup(made.arena, rules);
	made.policy = options_resolve(&made.options, NULL, made.diags);
	cr_assert_eq(made.diags->errors, 0, "%s: %s", rules ? rules : "-",
		     made.diags->list.count ? made.diags->list.items[0].message : "");
	made.context = (struct eval_context){ .policy = made.policy, .gateway = test_gateway("-", "-") };
	return made;
}

struct addr test_addr(const char *text)
{
	struct addr addr = { ADDR_V4, 0 };

	cr_assert(addr_parse(text, &addr), "%s", text);
	return addr;
}

struct addr_gateway test_gateway(const char *v4, const char *v6)
{
	struct addr_gateway gateway = { .has4 = false };

	if (strcmp(v4, "-")) {
		gateway.has4 = true;
		gateway.v4 = test_addr(v4);
	}
	if (strcmp(v6, "-")) {
		gateway.has6 = true;
		gateway.v6 = test_addr(v6);
	}
	return gateway;
}

void test_table(const char *name, size_t min_fields, void (*row)(char **fields))
{
	char path[256], line[8192];
	size_t rows = 0;
	FILE *in;

	snprintf(path, sizeof path, "tests/vectors/%s", name);
	in = fopen(path, "r");
	cr_assert_not_null(in, "%s", path);
	while (fgets(line, sizeof line, in)) {
		char *fields[32] = { NULL }, *rest = line;
		size_t count = 0;

		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#')
			continue;
		while (rest && count < 32)
			fields[count++] = strsep(&rest, "\t");
		cr_assert_geq(count, min_fields, "%s", line);
		row(fields);
		rows++;
	}
	fclose(in);
	cr_assert_gt(rows, 0, "%s holds no rows", path);
}
