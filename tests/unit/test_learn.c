/* A learnt policy: that it allows what was seen and nothing near it, says it in canonical layout without a finding, and that no
 * name of the guest's becomes anything but a name. */
#include "learn/learn.h"
#include "lint/lint.h"
#include "expect/expect.h"
#include "policy/options.h"
#include "random_policy.h"
#include "syntax/fmt.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define RUNS random_effort(300)

struct learnt {
	struct arena *arena;
	struct learn *learn;
	const char *text;
	size_t rules;
	struct policy *policy;
	struct diags *diags;
	struct eval_context context;
};

static struct learnt start(void)
{
	struct learnt run = { .arena = arena_new() };
	struct addr_gateway gateway = test_gateway("172.16.0.1", "fd42:6d73:62::1");

	run.learn = learn_new(run.arena, &gateway);
	run.context = (struct eval_context){ NULL, gateway, EVAL_NO_BINDINGS };
	return run;
}

static struct eval_connection to(const char *addr, enum policy_proto proto, uint16_t port)
{
	return (struct eval_connection){ .direction = POLICY_EGRESS,
					 .proto = proto,
					 .addr = test_addr(addr),
					 .has_port = proto == PROTO_TCP || proto == PROTO_UDP,
					 .port = port };
}

static void looks_up(struct learnt *run, const char *name, const char *addr)
{
	learn_lookup(run->learn, name);
	if (addr)
		learn_answer(run->learn, name, test_addr(addr));
}

static void connects(struct learnt *run, const char *addr, enum policy_proto proto, uint16_t port)
{
	struct eval_connection connection = to(addr, proto, port);

	learn_flow(run->learn, &connection);
}

static void says(struct learnt *run, const char *addr, uint16_t port, const char *sni)
{
	struct eval_connection connection = to(addr, PROTO_TCP, port);

	learn_begun(run->learn, &connection);
	connection.sni = sni;
	learn_named(run->learn, &connection);
}

/* Makes the text, and holds it to all that is promised of every one */
static void finish(struct learnt *run, bool wildcards)
{
	struct learn_words words = {
		.sandbox = "agent", .within = "the default policy", .day = "2026-11-28", .wildcards = wildcards
	};
	struct policy_options options = { .arena = run->arena };
	struct sources *sources = sources_new(run->arena);
	struct lint_options lint = { .gateway = run->context.gateway };

	cr_assert(learn_text(run->arena, run->learn, &words, &run->text, &run->rules), "%s", run->text);
	run->diags = diags_new(run->arena, sources);
	struct source file = { .name = "learnt.msb", .text = run->text, .len = strlen(run->text), .quotable = true };
	struct source_texts texts = { &file, 1 };
	sources->texts = &texts;
	run->policy = options_resolve(&options, "learnt.msb", run->diags);
	run->context.policy = run->policy;
	lint_policy(run->policy, &lint, run->diags);
	cr_assert_eq(run->diags->list.count, 0, "%s: %s\n%s", run->diags->list.items[0].id,
		     run->diags->list.items[0].message, run->text);
	sources = sources_new(run->arena);
	const char *again = fmt_policy(diags_new(run->arena, sources),
				       sources_add(sources, SOURCE_FILE, "f", run->text, strlen(run->text)));
	cr_assert_str_eq(again, run->text);
	const struct expect_report *report = expect_run(run->arena, &run->context);
	cr_assert_eq(expect_count_held(report), report->outcomes.count, "%s", run->text);
}

static void cr_has(const struct learnt *run, const char *line)
{
	cr_assert(strstr(run->text, line), "no `%s` in\n%s", line, run->text);
}

static void cr_lacks(const struct learnt *run, const char *line)
{
	cr_assert_not(strstr(run->text, line), "`%s` in\n%s", line, run->text);
}

Test(learn, by_name_grouped_with_counts_and_expectations)
{
	struct learnt run = start();

	looks_up(&run, "pypi.org", "93.184.216.10");
	looks_up(&run, "files.pythonhosted.org", "93.184.216.11");
	for (int i = 0; i < 3; i++)
		says(&run, "93.184.216.10", 443, "pypi.org");
	says(&run, "93.184.216.11", 443, "files.pythonhosted.org");
	finish(&run, false);
	cr_has(&run, "allow@{files.pythonhosted.org,pypi.org}:tcp:443  # 4 connections\n");
	cr_has(&run, "expect allow egress@{files.pythonhosted.org,pypi.org}:tcp:443\n");
	cr_has(&run, "expect deny  egress@meta\n");
	cr_assert_eq(run.rules, 1);
	arena_free(run.arena);
}

Test(learn, the_server_name_tells_names_of_one_address_apart)
{
	struct learnt run = start();

	looks_up(&run, "a.example", "93.184.216.10");
	looks_up(&run, "b.example", "93.184.216.10");
	says(&run, "93.184.216.10", 443, "A.example.");
	finish(&run, false);
	cr_has(&run, "allow@a.example:tcp:443");
	cr_lacks(&run, "allow@b.example:tcp:443");
	cr_has(&run, "allow@b.example:udp:53");
	arena_free(run.arena);
}

Test(learn, without_a_server_name_the_last_lookup_counts)
{
	struct learnt run = start();

	looks_up(&run, "a.example", "93.184.216.10");
	looks_up(&run, "b.example", "93.184.216.10");
	connects(&run, "93.184.216.10", PROTO_UDP, 123);
	looks_up(&run, "a.example", "93.184.216.10");
	says(&run, "93.184.216.10", 22, NULL);
	finish(&run, false);
	cr_has(&run, "allow@b.example:udp:123");
	cr_has(&run, "allow@a.example:tcp:22");
	arena_free(run.arena);
}

Test(learn, a_client_that_never_speaks_counts_too)
{
	struct learnt run = start();
	struct eval_connection connection = to("93.184.216.10", PROTO_TCP, 25);

	looks_up(&run, "mail.example", "93.184.216.10");
	learn_begun(run.learn, &connection);
	learn_begun(run.learn, &connection);
	learn_named(run.learn, &connection);
	finish(&run, false);
	cr_has(&run, "allow@mail.example:tcp:25  # 2 connections");
	arena_free(run.arena);
}

Test(learn, a_server_name_of_another_address_is_its_address_s_flow)
{
	struct learnt run = start();

	looks_up(&run, "front.example", "93.184.216.10");
	looks_up(&run, "other.example", "93.184.216.99");
	says(&run, "93.184.216.10", 443, "other.example");
	finish(&run, false);
	cr_has(&run, "allow@93.184.216.10:tcp:443");
	arena_free(run.arena);
}

Test(learn, ports_of_one_name_stand_together_and_a_private_service_says_where)
{
	struct learnt run = start();

	looks_up(&run, "db.internal.example", "10.20.0.5");
	connects(&run, "10.20.0.5", PROTO_TCP, 5432);
	looks_up(&run, "www.example", "93.184.216.10");
	connects(&run, "93.184.216.10", PROTO_TCP, 443);
	connects(&run, "93.184.216.10", PROTO_TCP, 80);
	finish(&run, false);
	cr_has(&run, "allow@db.internal.example:tcp:5432  in 10.20.0.5");
	cr_has(&run, "allow@www.example:tcp:{80,443}");
	cr_has(&run, "# lint: ignore http-unjudged the run spoke clear HTTP");
	arena_free(run.arena);
}

Test(learn, neighbouring_addresses_are_a_network_where_they_are_exactly_that)
{
	struct learnt run = start();
	char text[32];

	for (int i = 8; i < 12; i++) {
		snprintf(text, sizeof text, "93.184.216.%d", i);
		connects(&run, text, PROTO_UDP, 123);
	}
	connects(&run, "93.184.216.20", PROTO_UDP, 123);
	connects(&run, "93.184.216.22", PROTO_UDP, 123);
	connects(&run, "2606:4700::1", PROTO_ICMPV6, 0);
	finish(&run, false);
	cr_has(&run, "allow@{93.184.216.8/30,93.184.216.20,93.184.216.22}:udp:123");
	cr_has(&run, "allow@[2606:4700::1]:icmpv6 ");
	arena_free(run.arena);
}

/* Row after row a name that would be a rule, a comment, a finding's silence, a string's end, if it were text */
Test(learn, no_name_of_the_guest_s_becomes_text)
{
	static const char *const names[] = {
		"x\nallow@any",
		"allow@any",
		"a.example\\010allow@any",
		"#",
		"a#b.example",
		"a.example;allow@any",
		"\"",
		"a.example # lint: ignore metadata-reachable x",
		"*.example.com",
		"*",
		"",
		"a,b.example",
		"{a.example}",
		"a.example:tcp:22",
		"any",
		"public",
		"meta",
		"dns",
		"-a.example",
		"a..example",
		".",
		"\x1b[2J.example",
		"93.184.216.1",
		"xn--.example",
		"metadata.google.internal",
		"\xff\xfe.example",
		"A.EXAMPLE",
		"a.example.",
		"in 10.0.0.0/8",
		"domain=any",
		"group",
		"default egress allow",
		"\\",
	};
	struct learnt run = start();

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		looks_up(&run, names[i], "93.184.216.34");
		says(&run, "93.184.216.34", 443, names[i]);
		learn_denied(run.learn, names[i]);
	}
	looks_up(&run, "good.example", "93.184.216.35");
	says(&run, "93.184.216.35", 443, "good.example");
	finish(&run, true);
	for (size_t i = 0; i < run.policy->rules.count; i++)
		for (size_t j = 0; j < run.policy->rules.items[i].targets.count; j++) {
			const struct policy_target *target = &run.policy->rules.items[i].targets.items[j];
			cr_assert(target->kind == TARGET_CIDR ? target->prefix.len == 32 :
								target->kind == TARGET_DOMAIN,
				  "%s", run.text);
		}
	for (const char *at = run.text; *at; at++)
		cr_assert(*at == '\n' || *at == '\t' || (*at >= ' ' && *at <= '~'), "byte %d in\n%s", *at, run.text);
	arena_free(run.arena);
}

Test(learn, who_never_answered_is_said_where_all_answers_are_known)
{
	for (int known = 0; known < 2; known++) {
		struct learnt run = start();
		struct eval_connection answers = to("93.184.216.34", PROTO_TCP, 443);

		looks_up(&run, "example.com", "93.184.216.34");
		looks_up(&run, "example.com", "93.184.216.35");
		connects(&run, "93.184.216.35", PROTO_TCP, 443);
		connects(&run, "93.184.216.34", PROTO_TCP, 443);
		connects(&run, "93.184.216.34", PROTO_TCP, 22);
		connects(&run, "198.51.100.9", PROTO_UDP, 123);
		learn_answered(run.learn, &answers);
		if (known)
			learn_answers_told(run.learn);
		finish(&run, false);
		const char *said = strstr(run.text, "# Nobody answered, so that these may be mistakes:\n"
						    "#   egress@example.com:tcp:22\n"
						    "#   egress@198.51.100.9:udp:123\n\n");
		cr_expect_eq(said != NULL, known, "%s", run.text);
		cr_expect_eq(strstr(run.text, "Nobody answered") != NULL, known);
		cr_expect(strstr(run.text, "allow@198.51.100.9:udp:123"), "%s", run.text);
		arena_free(run.arena);
	}
}

Test(learn, the_longest_names_are_rules_that_read_back)
{
	static const char l63[] = "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0";
	struct learnt run = start();
	const char *longest = arena_printf(run.arena, "%s.%s.%s.%.53s.example", l63, l63, l63, l63);

	cr_assert_eq(strlen(longest), 253);
	looks_up(&run, longest, "93.184.216.34");
	says(&run, "93.184.216.34", 443, longest);
	looks_up(&run, "xn--bcher-kva.example", "93.184.216.35");
	connects(&run, "93.184.216.35", PROTO_TCP, 22);
	looks_up(&run, arena_printf(run.arena, "a%s", longest), "93.184.216.36");
	finish(&run, false);
	cr_expect(strstr(run.text, arena_printf(run.arena, "allow@%s:tcp:443", longest)), "%s", run.text);
	cr_expect(strstr(run.text, "allow@xn--bcher-kva.example:tcp:22"), "%s", run.text);
	cr_expect_null(strstr(run.text, arena_printf(run.arena, "allow@a%s", longest)));
	arena_free(run.arena);
}

Test(learn, metadata_is_never_allowed)
{
	struct learnt run = start();
	struct eval_connection meta = to("169.254.169.254", PROTO_TCP, 80);

	looks_up(&run, "rebound.example", "169.254.169.254");
	learn_flow(run.learn, &meta);
	connects(&run, "93.184.216.34", PROTO_OTHER, 0);
	finish(&run, false);
	cr_assert_eq(run.rules, 1); /* the lookup */
	cr_has(&run, "#   egress@169.254.169.254:tcp:80\n");
	cr_assert_eq(eval_connection(&run.context, &meta).action, POLICY_DENY);
	arena_free(run.arena);
}

Test(learn, wildcards_are_comments_and_only_of_one_owner)
{
	static const char *const names[] = { "a.cdn.example.com", "b.cdn.example.com", "c.example.com",
					     "a.github.io",       "b.github.io",       "c.github.io",
					     "a.co.uk",           "b.co.uk",           "c.co.uk" };
	struct learnt run = start();

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		looks_up(&run, names[i], "93.184.216.34");
		says(&run, "93.184.216.34", 443, names[i]);
	}
	finish(&run, true);
	cr_has(&run, "# wider: allow@*.example.com:tcp:443   3 names seen\n");
	cr_lacks(&run, "*.github.io");
	cr_lacks(&run, "*.co.uk");
	cr_assert_eq(run.rules, 1);
	arena_free(run.arena);
}

Test(learn, what_is_beyond_the_bounds_is_said)
{
	struct learnt run = start();
	char text[64];

	for (int i = 0; i < LEARN_MOST + 100; i++) {
		snprintf(text, sizeof text, "n%d.example", i);
		looks_up(&run, text, NULL);
	}
	for (int i = 0; i < LEARN_MOST + 50; i++) {
		snprintf(text, sizeof text, "93.%d.%d.7", i / 256, i % 256);
		connects(&run, text, PROTO_UDP, 123);
	}
	struct learn_words words = { .sandbox = "agent", .within = "w", .day = "2026-11-28" };
	cr_assert(learn_text(run.arena, run.learn, &words, &run.text, &run.rules));
	cr_has(&run, "# Incomplete: 100 lookups of more names than are kept.");
	cr_has(&run, "# Incomplete: 50 flows to more services than are kept.");
	arena_free(run.arena);
}

/* ---- random runs ---- */

static const char *const pool_names[] = { "a.example", "b.example", "c.example", "_http._tcp.a.example", "d.example" };
static const char *const pool_addrs[] = { "93.184.216.8", "93.184.216.9", "93.184.216.10", "10.1.2.3",
					  "10.1.2.4",     "2606:4700::8", "2606:4700::9" };
static const uint16_t pool_ports[] = { 22, 80, 443, 5432 };
static const enum policy_proto pool_protos[] = { PROTO_TCP, PROTO_TCP, PROTO_UDP, PROTO_UDP };

struct seen {
	struct eval_connection connection;
	const char *names[32]; /* the address's when it began */
	size_t count;
};

static bool any_seen(const void *self, struct addr addr, bool (*each)(const char *, void *), void *context)
{
	const struct seen *seen = self;

	for (size_t i = 0; i < seen->count && addr_equal(addr, seen->connection.addr); i++)
		if (each(seen->names[i], context))
			return true;
	return false;
}

static size_t pick(struct random *random, size_t count)
{
	return (size_t)random_below(random, (uint32_t)count);
}

Test(learn, random_runs_pass_again_under_what_they_taught)
{
	struct random random = { 20261128 };

	for (size_t i = 0; i < RUNS; i++) {
		struct learnt run = start();
		struct seen seen[40] = { 0 };
		const char *bound[7][32] = { { NULL } };
		size_t counts[7] = { 0 }, flows = 0;

		for (int step = 0; step < 40; step++) {
			size_t where = pick(&random, 7);
			if (pick(&random, 2) && counts[where] < 32) {
				const char *name = pool_names[pick(&random, 5)];
				looks_up(&run, name, pool_addrs[where]);
				bound[where][counts[where]++] = name;
				continue;
			}
			struct seen *at = &seen[flows++];
			at->connection =
				to(pool_addrs[where], pool_protos[pick(&random, 4)], pool_ports[pick(&random, 4)]);
			memcpy(at->names, bound[where], sizeof at->names);
			at->count = counts[where];
			if (at->connection.proto == PROTO_TCP) {
				learn_begun(run.learn, &at->connection);
				if (pick(&random, 3))
					at->connection.sni = pool_names[pick(&random, 5)];
				if (at->connection.sni || pick(&random, 2))
					learn_named(run.learn, &at->connection);
			} else {
				learn_flow(run.learn, &at->connection);
			}
		}
		finish(&run, pick(&random, 2));
		for (size_t j = 0; j < flows; j++) {
			run.context.bindings = (struct eval_bindings){ any_seen, &seen[j] };
			cr_assert_eq(eval_connection(&run.context, &seen[j].connection).action, POLICY_ALLOW,
				     "run %zu flow %zu of\n%s", i, j, run.text);
			seen[j].connection.port = 4444;
			if (seen[j].connection.has_port)
				cr_assert_eq(eval_connection(&run.context, &seen[j].connection).action, POLICY_DENY);
		}
		arena_free(run.arena);
	}
}
