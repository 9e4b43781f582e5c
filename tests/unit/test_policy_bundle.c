/* A policy out of its bundle is the policy that went in: the same rules at the same places, from texts alone. */
#include "policy/policy_bundle.h"
#include "emit/emit.h"
#include "lower/lower.h"
#include "policy_of.h"
#include "random_policy.h"

#include <criterion/criterion.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *ruleset_of(struct arena *arena, const struct policy *policy)
{
	struct lower_options options = { .gateway = test_gateway("172.16.0.1", "fd42:6d73:62::1") };

	return ruleset_format(arena, lower_policy(arena, policy, &options));
}

/* Written, read, and written again: the text stays the same, and so does what it means */
static void check_round_trip(struct arena *arena, const struct policy *policy, const char *what)
{
	struct diags *diags = diags_new(arena, sources_new(arena));
	size_t len = 0, again_len = 0;
	char *text = policy_bundle(arena, policy, &len);

	cr_assert(text, "%s has a bundle", what);
	struct policy *made = policy_unbundle(arena, text, len, diags);
	cr_assert(made, "%s: %s", what, diags->list.count ? diags->list.items[0].message : "no policy");
	cr_assert_str_eq(policy_format(arena, policy), policy_format(arena, made), "%s", what);
	cr_assert_str_eq(ruleset_of(arena, policy), ruleset_of(arena, made), "%s", what);
	cr_assert_eq(policy->floors.count, made->floors.count);
	for (size_t i = 0; i < policy->floors.count; i++)
		cr_assert_str_eq(policy_format(arena, policy->floors.items[i]),
				 policy_format(arena, made->floors.items[i]), "%s", what);
	cr_assert_str_eq(text, policy_bundle(arena, made, &again_len), "%s", what);
}

static size_t check_file(const char *path, const char *floor)
{
	struct arena *arena = arena_new();
	struct diags *diags = diags_new(arena, sources_new(arena));
	struct policy_options options = { .arena = arena, .today = "2026-11-24" };

	if (floor)
		*arena_push(arena, &options.floors) = floor;
	struct policy *policy = options_resolve(&options, path, diags);
	bool compiles = !diags->errors;
	if (compiles)
		check_round_trip(arena, policy, path);
	arena_free(arena);
	return compiles;
}

Test(policy_bundle, every_policy_that_compiles_comes_back)
{
	static const char *const patterns[] = { "policies/*.msb", "tests/golden/*/*.msb", "tests/golden/*/*.json",
						"tests/golden/*/*.yaml" };
	size_t compiled = 0;

	for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
		glob_t files;
		if (glob(patterns[i], 0, NULL, &files))
			continue;
		for (size_t k = 0; k < files.gl_pathc; k++) {
			compiled += check_file(files.gl_pathv[k], NULL);
			check_file(files.gl_pathv[k], "policies/floors/multi-tenant.msb");
		}
		globfree(&files);
	}
	cr_assert_gt(compiled, 20);
}

Test(policy_bundle, random_policies_come_back)
{
	struct random random = { .state = 20260707 };

	for (size_t i = 0; i < random_effort(300); i++) {
		struct test_policy made = random_policy(&random, 12);
		made.policy->nat64 = (struct addr_nat64){ .count = 0 }; /* put in behind the options' back */
		made.policy->rebind_protection = true;
		check_round_trip(made.arena, made.policy, "a random policy");
		arena_free(made.arena);
	}
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");
	cr_assert(file && fputs(text, file) >= 0 && !fclose(file));
}

/* By includes of includes, from a directory, a pipe's name, with the floor's own file of the same name */
Test(policy_bundle, files_are_found_by_name_when_none_is_there)
{
	char directory[] = "/tmp/msb-test-bundle.XXXXXX";
	struct arena *arena = arena_new();
	struct diags *diags = diags_new(arena, sources_new(arena));
	struct policy_options options = { .arena = arena, .today = "2026-11-24" };
	size_t len = 0;

	cr_assert(mkdtemp(directory));
	cr_assert_eq(chdir(directory), 0);
	cr_assert_eq(mkdir("deep", 0700) | mkdir("floor", 0700), 0);
	write_file("deep/top.msb", "include \"a.msb\"\nallow@10.0.0.1\n");
	write_file("deep/a.msb", "include \"../deep/b.msb\"\nallow@10.0.0.2\n");
	write_file("deep/b.msb", "allow@10.0.0.3\n");
	write_file("floor/floor.msb", "default egress allow\ninclude \"b.msb\"\n");
	write_file("floor/b.msb", "deny@10.0.0.4\n");
	options.include_root = ".";
	*arena_push(arena, &options.floors) = "floor/floor.msb";
	*arena_push(arena, &options.rules) = "deny@10.0.0.5,deny@10.0.0.6";
	struct policy *policy = options_resolve(&options, "deep/top.msb", diags);
	cr_assert_eq(diags->errors, 0, "%s", diags->list.count ? diags->list.items[0].message : "");
	char *text = policy_bundle(arena, policy, &len);
	const char *before = policy_format(arena, policy);
	cr_assert_eq(chdir("/"), 0);
	cr_assert_eq(system(arena_printf(arena, "rm -r %s", directory)), 0);
	struct diags *anew = diags_new(arena, sources_new(arena));
	struct policy *made = policy_unbundle(arena, text, len, anew);
	cr_assert(made, "%s", anew->list.count ? anew->list.items[0].message : "");
	cr_assert_str_eq(before, policy_format(arena, made));
	cr_assert_eq(made->floors.count, 1);
	arena_free(arena);
}

static struct policy *granted(struct arena *arena, const char *rules, const char *grant, const char **why)
{
	struct diags *diags = diags_new(arena, sources_new(arena));
	struct policy_options options = { .arena = arena, .no_rebind_protection = strstr(rules, "# open") != NULL };

	*arena_push(arena, &options.rules) = strstr(rules, "# open") ? "deny@meta" : rules;
	*arena_push(arena, &options.grants) = (struct policy_grant){ 7, grant };
	struct policy *policy = options_resolve(&options, NULL, diags);
	*why = diags->errors ? diags->list.items[0].message : NULL;
	return policy;
}

Test(policy_bundle, a_grant_is_the_first_rule_and_comes_back)
{
	struct arena *arena = arena_new();
	const char *why;
	struct policy *policy = granted(arena, "deny@10.0.0.0/8", "allow@10.0.0.5:tcp:443", &why);

	cr_assert_null(why);
	cr_assert_eq(policy->rules.items[0].origin, ORIGIN_GRANT);
	cr_assert_str_eq(span_format_line(arena, policy->sources, policy->rules.items[0].span), "grant:7");
	check_round_trip(arena, policy, "a grant");
	arena_free(arena);
}

Test(policy_bundle, a_grant_is_one_rule)
{
	static const char *const none[] = { "", " ", "\t", "allow@10.0.0.5,allow@10.0.0.6" };
	struct arena *arena = arena_new();
	const char *why;

	for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
		granted(arena, "deny@10.0.0.0/8", none[i], &why);
		cr_expect(why && strstr(why, "a grant is one rule"), "`%s`: %s", none[i], why ? why : "granted");
	}
	arena_free(arena);
}

Test(policy_bundle, no_grant_reaches_metadata)
{
	static const char *const refused[] = { "allow@any",
					       "allow@meta",
					       "allow@169.254.0.0/16:tcp:80",
					       "allow@169.254.169.254",
					       "allow@[64:ff9b::/96]",
					       "allow@[fd00:ec2::254]",
					       "allow@x.example in 169.254.0.0/16",
					       "allow@10.0.0.1,allow@10.0.0.2",
					       "allow@",
					       "" };
	static const char *const fine[] = {
		"allow@public",    "deny@any", "deny@meta", "allow@private:tcp:22", "allow@x.example:tcp:443",
		"allow@10.0.0.0/8"
	};
	struct arena *arena = arena_new();
	const char *why;

	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		granted(arena, "deny@meta", refused[i], &why);
		cr_assert(why || !*refused[i], "%s is refused", refused[i]);
	}
	for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
		granted(arena, "deny@meta", fine[i], &why);
		cr_assert_null(why, "%s: %s", fine[i], why);
	}
	granted(arena, "# open", "allow@x.example", &why);
	cr_assert(why, "a name may be anywhere without rebind protection");
	arena_free(arena);
}

static bool is_that_name(const void *name, struct addr addr, bool (*each)(const char *name, void *context),
			 void *context)
{
	(void)addr;
	return each(name, context);
}

/* Where the policy itself lets answers hold a metadata address: its own rule decides there, the grant's does not match */
Test(policy_bundle, no_name_takes_a_grant_to_metadata)
{
	struct arena *arena = arena_new();
	const char *why;
	struct policy *policy = granted(arena, "allow@169.254.169.254:udp", "allow@a.example.com", &why);
	struct eval_context context = { .policy = policy, .bindings = { is_that_name, "a.example.com" } };
	struct eval_connection connection = {
		.direction = POLICY_EGRESS, .proto = PROTO_TCP, .has_port = true, .port = 80
	};

	cr_assert_null(why, "%s", why);
	cr_assert(addr_parse("93.184.216.34", &connection.addr));
	cr_assert_eq(eval_connection(&context, &connection).action, POLICY_ALLOW);
	cr_assert(addr_parse("169.254.169.254", &connection.addr));
	cr_assert(eval_answer_passes_for(&context, "a.example.com", connection.addr));
	cr_assert_eq(eval_connection(&context, &connection).action, POLICY_DENY);
	connection.proto = PROTO_UDP;
	cr_assert_eq(eval_connection(&context, &connection).by.rule, 1);
	arena_free(arena);
}

Test(policy_bundle, no_grant_reaches_metadata_by_the_nat64_of_a_floor)
{
	char file[] = "/tmp/msb-test-floor.XXXXXX";
	struct arena *arena = arena_new();
	struct diags *diags = diags_new(arena, sources_new(arena));
	struct policy_options options = { .arena = arena };
	int fd = mkstemp(file);

	cr_assert_geq(fd, 0);
	close(fd);
	write_file(file, "default egress allow\ndns nat64-prefix 2001:db8:64::/96\n");
	*arena_push(arena, &options.floors) = file;
	*arena_push(arena, &options.grants) = (struct policy_grant){ 7, "allow@[2001:db8:64::/96]:tcp:80" };
	options_resolve(&options, NULL, diags);
	unlink(file);
	cr_assert_eq(diags->errors, 1);
	cr_assert(strstr(diags->list.items[0].message, "metadata"), "%s", diags->list.items[0].message);
	arena_free(arena);
}

Test(policy_bundle, what_is_no_bundle_is_refused)
{
	static const char *const wrong[] = {
		"",
		"[]",
		"{}",
		"{\"version\":2,\"options\":[],\"files\":[]}",
		"{\"version\":1,\"options\":{},\"files\":[]}",
		"{\"version\":1,\"options\":[],\"files\":[],\"more\":1}",
		"{\"version\":1,\"options\":[[\"kernel\",\"x\"]],\"files\":[]}",
		"{\"version\":1,\"options\":[[\"no-net\",\"x\"]],\"files\":[]}",
		"{\"version\":1,\"options\":[[\"net-rule\"]],\"files\":[]}",
		"{\"version\":1,\"options\":[[\"net-rule\",\"deny@meta\",\"x\"]],\"files\":[]}",
		"{\"version\":1,\"options\":[\"no-net\"],\"files\":[]}",
		"{\"version\":1,\"options\":[],\"files\":[{\"name\":\"x\"}]}",
		"{\"version\":1,\"options\":[[\"policy\",\"/etc/passwd\"]],\"files\":[]}",
		"{\"version\":1,\"options\":[[\"policy\",\"a\"]],\"file\":\"b\",\"files\":[{\"name\":\"b\",\"text\":\"\"}]}",
		"{\"version\":1,\"options\":[],\"files\":[],\"file\":\"absent.msb\"}",
		"{\"version\":1,\"options\":[],\"files\":[],\"file\":\"/etc/passwd\"}",
		"{\"version\":1,\"options\":[],\"files\":[],\"grants\":[{\"id\":0,\"rule\":\"deny@any\"}]}",
		"{\"version\":1,\"options\":[],\"files\":[],\"grants\":[{\"id\":1,\"rule\":\"no rule\"}]}",
		"{\"version\":1,\"options\":[[\"net-rule\",\"a\\u0000b\"]],\"files\":[]}",
	};

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct arena *arena = arena_new();
		struct diags *diags = diags_new(arena, sources_new(arena));
		cr_assert_null(policy_unbundle(arena, wrong[i], strlen(wrong[i]), diags), "%s", wrong[i]);
		cr_assert_gt(diags->errors, 0, "%s", wrong[i]);
		arena_free(arena);
	}
}

Test(policy_bundle, a_running_sandbox_keeps_its_floors)
{
	struct arena *arena = arena_new();
	struct policy_bundle running = { .options.deployment_profile = "multi-tenant" }, wanted = { .file = NULL };

	*arena_push(arena, &running.options.floors) = "floor.msb";
	*arena_push(arena, &running.options.grants) = (struct policy_grant){ 1, "deny@meta" };
	cr_assert_null(policy_bundle_keep(&wanted, &running));
	cr_assert_str_eq(wanted.options.deployment_profile, "multi-tenant");
	cr_assert_eq(wanted.options.floors.count, 1);
	cr_assert_eq(wanted.options.grants.count, 1);
	struct policy_bundle other = { .options.deployment_profile = "single-tenant" };
	cr_assert(policy_bundle_keep(&other, &running));
	struct policy_bundle floor = { .file = NULL };
	*arena_push(arena, &floor.options.floors) = "weaker.msb";
	cr_assert(policy_bundle_keep(&floor, &running));
	arena_free(arena);
}
