/* Lines and events of denials, from a socket for the kernel's log in a network namespace of the test's own. */
#include "policy_of.h"
#include "report/denials.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct run {
	struct test_policy made;
	struct run_config config;
	struct denials *denials;
	char events[64], lines[64];
};

static void start(struct run *run, const char *rules)
{
	struct limit_numbers limits = { 0 };

	*run = (struct run){ .made = test_policy_of("deny", "deny", rules, false) };
	strcpy(run->events, "/tmp/msb-denials-events.XXXXXX");
	strcpy(run->lines, "/tmp/msb-denials-lines.XXXXXX");
	close(mkstemp(run->events));
	int lines = mkstemp(run->lines), zero = open("/dev/null", O_RDONLY);
	run->config = (struct run_config){ .policy = run->made.policy, .name = "test", .events = { run->events } };
	dup2(zero, STDIN_FILENO); /* no terminal: lines are printed at once */
	fflush(stderr);
	dup2(lines, STDERR_FILENO);
	if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		cr_skip("no network namespace of one's own");
	run->denials =
		denials_open(&run->config, &run->made.context.gateway, &(struct denials_host){ .log = NULL }, &limits);
	cr_assert(run->denials);
}

static void read_text(const char *path, char *out, size_t size)
{
	FILE *file = fopen(path, "r");
	size_t len = fread(out, 1, size - 1, file);

	out[len] = '\0';
	fclose(file);
	unlink(path);
}

static void finish(struct run *run, char *lines, char *events, size_t size)
{
	denials_close(run->denials);
	read_text(run->lines, lines, size);
	read_text(run->events, events, size);
	arena_free(run->made.arena);
}

static void deny(struct run *run, const char *sni, enum decider_kind by, enum denial_hello why)
{
	struct eval_connection connection = {
		.direction = POLICY_EGRESS, .proto = PROTO_TCP, .has_port = true, .port = 443, .sni = sni
	};

	cr_assert(addr_parse("93.184.216.34", &connection.addr));
	const struct denial_flow flow = { &connection, { POLICY_DENY, decided_by(by) }, .source_port = 40000 };
	denials_server_name(run->denials, &flow, why, false);
}

static size_t count(const char *text, const char *part)
{
	size_t found = 0;

	for (; (text = strstr(text, part)); text += strlen(part))
		found++;
	return found;
}

static void expect(const char *text, const char *part)
{
	cr_expect(strstr(text, part), "no `%s` in\n%s", part, text);
}

Test(denials, a_denied_server_name_is_named_with_what_decided_and_why)
{
	char lines[8192], events[8192];
	struct run run;

	start(&run, "allow@cdn.example:tcp:443");
	deny(&run, "evil.example.net", DECIDER_DEFAULT, DENIAL_NAME);
	deny(&run, NULL, DECIDER_DEFAULT, DENIAL_NAME);
	deny(&run, NULL, DECIDER_REFUSED, DENIAL_MALFORMED);
	deny(&run, NULL, DECIDER_REFUSED, DENIAL_SLOW);
	deny(&run, "evil.example.net", DECIDER_REFUSED, DENIAL_RENAMED);
	deny(&run, "cdn.example", DECIDER_RULE, DENIAL_ECH);
	finish(&run, lines, events, sizeof lines);
	expect(lines, "denied egress@93.184.216.34:tcp:443    default egress deny");
	expect(lines, "  TLS to evil.example.net\n  to allow: allow@evil.example.net:tcp:443\n");
	expect(lines, "  no server name\n");
	expect(lines, "refused whatever the rules say  TLS: malformed hello\n");
	expect(lines, "  TLS: too slow\n");
	expect(lines, "  TLS to evil.example.net: second hello names another\n");
	expect(lines, "allow@cdn.example:tcp:443 (arg:1)  TLS to cdn.example: ECH\n");
	cr_expect_eq(count(lines, "to allow: "), 1, "%s", lines);
	expect(events,
	       "\"hello\":\"name\",\"sni\":\"evil.example.net\",\"suggest\":\"allow@evil.example.net:tcp:443\"}");
	expect(events, "\"hello\":\"malformed hello\"}");
	expect(events, "\"hello\":\"too slow\"}");
	expect(events, "\"hello\":\"second hello names another\",\"sni\":\"evil.example.net\"}");
	expect(events, "\"rule\":1,");
	expect(events, "\"hello\":\"ECH\",\"sni\":\"cdn.example\"}");
}

Test(denials, a_server_name_is_foreign_bytes)
{
	char lines[16384], events[16384], longest[256];
	struct run run;

	memset(longest, '\x01', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	start(&run, "allow@cdn.example:tcp:443");
	deny(&run, "a\nmsb-run: denied\x1b[31m\xff.example", DECIDER_DEFAULT, DENIAL_NAME);
	deny(&run, "a.example: ECH", DECIDER_DEFAULT, DENIAL_NAME);
	deny(&run, "\"a\".example", DECIDER_DEFAULT, DENIAL_NAME);
	deny(&run, "", DECIDER_DEFAULT, DENIAL_NAME);
	deny(&run, longest, DECIDER_DEFAULT, DENIAL_NAME);
	finish(&run, lines, events, sizeof lines);
	cr_expect_eq(count(lines, "\n"), 5, "one line each:\n%s", lines);
	cr_expect_eq(count(events, "\n"), 5, "%s", events);
	cr_expect_eq(count(events, "\"sni\":"), 5, "no name is left out:\n%s", events);
	cr_expect_eq(strspn(lines, "\n"), 0);
	for (const char *at = lines; *at; at++)
		cr_expect(*at == '\n' || (*at >= ' ' && *at <= '~'), "byte %d", *at);
	expect(lines, "  TLS to \"a\\x0amsb-run: denied\\x1b[31m\\xff.example\"\n");
	expect(lines, "  TLS to \"a.example: ECH\"\n");
	expect(lines, "  TLS to \"\"\n");
	cr_expect_eq(count(lines, "to allow: "), 0, "%s", lines);
}

Test(denials, repeated_server_names_are_folded_and_different_ones_told_apart)
{
	char lines[8192], events[65536], name[32];
	struct run run;

	start(&run, "allow@cdn.example:tcp:443");
	for (int i = 0; i < 50; i++)
		deny(&run, "evil.example.net", DECIDER_DEFAULT, DENIAL_NAME);
	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof name, "n%d.example", i);
		deny(&run, name, DECIDER_DEFAULT, DENIAL_NAME);
	}
	denials_finish(run.denials, -1);
	finish(&run, lines, events, sizeof lines);
	cr_expect_eq(count(lines, "TLS to evil.example.net\n"), 1, "%s", lines);
	cr_expect_eq(count(lines, "denied egress@"), 10, "%s", lines);
	expect(lines, "test: 100 denials, 51 different");
}

Test(denials, an_allowed_server_name_of_a_rule_with_log)
{
	char lines[8192], events[8192];
	struct eval_connection connection = { POLICY_EGRESS, PROTO_TCP, .has_port = true, .port = 443,
					      .sni = "cdn.example" };
	struct run run;

	start(&run, "allow@cdn.example:tcp:443");
	cr_assert(addr_parse("93.184.216.34", &connection.addr));
	const struct denial_flow flow = { &connection, { POLICY_ALLOW, decided_by_rule(0) } };
	denials_server_name(run.denials, &flow, DENIAL_NAME, false);
	finish(&run, lines, events, sizeof lines);
	expect(lines,
	       "allowed egress@93.184.216.34:tcp:443    allow@cdn.example:tcp:443 (arg:1)  TLS to cdn.example\n");
	expect(events, "\"kind\":\"allow\"");
	expect(events, "\"sni\":\"cdn.example\"}");
}

static void wait_on_a_terminal(struct run *run, const char *rules)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	struct limit_numbers limits = { 0 };

	start(run, rules);
	denials_close(run->denials);
	cr_assert(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	cr_assert_eq(dup2(open(ptsname(master), O_RDWR | O_NOCTTY), STDIN_FILENO), STDIN_FILENO);
	run->denials =
		denials_open(&run->config, &run->made.context.gateway, &(struct denials_host){ .log = NULL }, &limits);
	cr_assert(run->denials);
}

Test(denials, lines_of_many_used_up_limits_wait_for_the_end_and_none_is_written_past_their_room)
{
	enum { RULES = POLICY_METERS_MAX, RELOADS = 3 };
	char rules[RULES * 32] = "", lines[65536], events[65536];
	struct eval_connection connection = { POLICY_EGRESS, PROTO_TCP, .has_port = true, .port = 443 };
	struct run run;

	for (size_t i = 0, at = 0; i < RULES; i++)
		at += (size_t)snprintf(rules + at, sizeof rules - at, "%sallow@10.0.0.%zu:tcp:443", i ? "," : "",
				       i + 1);
	wait_on_a_terminal(&run, rules);
	cr_assert(addr_parse("10.0.0.1", &connection.addr));
	for (uint32_t i = 0; i < RULES; i++)
		run.made.policy->rules.items[i].meter = POLICY_METER_FLAG | (i + 1);
	for (size_t i = 0; i < RELOADS * RULES; i++) {
		if (i % RULES == 0)
			denials_use_policy(run.denials, run.made.policy);
		denials_spent_flow(run.denials, &connection, i % RULES);
	}
	denials_finish(run.denials, -1);
	finish(&run, lines, events, sizeof lines);
	cr_expect_geq(count(lines, " is used up "), RULES, "%s", lines);
	expect(lines, "test: 192 denials, 192 different");
}
