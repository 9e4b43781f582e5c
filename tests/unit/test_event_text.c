/* Events for people and for the journal, whatever a guest put into them. */
#include "report/event_text.h"
#include "base/escape.h"
#include "report/event_journal.h"
#include "report/event_line.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static void expect_text(const char *json, const char *wanted)
{
	struct arena *arena = arena_new();
	json_t *event = json_loads(json, 0, NULL);

	cr_assert(event, "%s", json);
	cr_expect_str_eq(event_text(arena, event, true), wanted);
	json_decref(event);
	arena_free(arena);
}

Test(event_text, each_kind_in_a_line)
{
	static const struct {
		const char *json, *text;
	} cases[] = {
		{ "{\"time\":\"2026-11-28T09:26:44.870Z\",\"kind\":\"oom\",\"killed\":2,\"memory_max\":67108864}",
		  "09:26:44.870  oom    2 processes killed for memory: limit 64M" },
		{ "{\"time\":\"2026-11-28T09:26:44.870Z\",\"kind\":\"oom\",\"killed\":1}",
		  "09:26:44.870  oom    1 process killed for memory" },
		{ "{\"time\":\"2026-11-28T09:26:44.870Z\",\"kind\":\"deny\",\"flow\":\"egress@169.254.169.254:tcp:80\",\"rule\":1,"
		  "\"place\":\"agent.msb:6\",\"text\":\"deny@meta\",\"because\":\"no cloud credentials\"}",
		  "09:26:44.870  deny   egress@169.254.169.254:tcp:80  rule 1 deny@meta (agent.msb:6)  \"no cloud credentials\"" },
		{ "{\"time\":\"2026-11-28T09:26:45.871Z\",\"kind\":\"deny\",\"flow\":\"egress@169.254.169.254:tcp:80\",\"rule\":1,"
		  "\"count\":37,\"since\":\"2026-11-28T09:26:44.870Z\",\"text\":\"deny@meta\",\"place\":\"agent.msb:6\"}",
		  "09:26:45.871  deny   egress@169.254.169.254:tcp:80  37 more in 1.0 s" },
		{ "{\"time\":\"2026-11-28T09:26:51.402Z\",\"kind\":\"deny\",\"flow\":\"egress@140.82.121.4:tcp:80\",\"rule\":\"default\","
		  "\"place\":\"-\",\"text\":\"default egress deny\",\"name\":\"github.com\"}",
		  "09:26:51.402  deny   egress@140.82.121.4:tcp:80     default egress deny  github.com" },
		{ "{\"time\":\"2026-11-28T09:26:51.402Z\",\"kind\":\"rebind\",\"flow\":\"answer@10.0.0.5\",\"text\":\"rebind protection\"}",
		  "09:26:51.402  rebind  answer@10.0.0.5               rebind protection" },
		{ "{\"time\":\"2026-11-28T09:26:53.007Z\",\"kind\":\"deny\",\"flow\":\"egress@93.184.216.34:tcp:443\",\"rule\":3,"
		  "\"place\":\"a.msb:9\",\"text\":\"deny@evil.example\",\"hello\":\"name\",\"sni\":\"evil.example\"}",
		  "09:26:53.007  deny   egress@93.184.216.34:tcp:443   rule 3 deny@evil.example (a.msb:9)  TLS to evil.example" },
		{ "{\"time\":\"2026-11-28T09:26:53.007Z\",\"kind\":\"allow\",\"flow\":\"egress@93.184.216.34:tcp:443\",\"rule\":1,"
		  "\"text\":\"allow@good.example\",\"name\":\"good.example\",\"hello\":\"name\"}",
		  "09:26:53.007  allow  egress@93.184.216.34:tcp:443   rule 1 allow@good.example  good.example  no server name" },
		{ "{\"time\":\"2026-11-28T09:27:02.000Z\",\"kind\":\"lost\",\"count\":512,\"because\":\"the reader was too slow\"}",
		  "09:27:02.000  lost   512 events: the reader was too slow" },
		{ "{\"time\":\"2026-11-28T09:27:02.000Z\",\"kind\":\"start\",\"policy\":\"agent.msb\",\"generation\":1,\"audit\":true}",
		  "09:27:02.000  start  agent.msb, generation 1, not enforced: an audit" },
		{ "{\"time\":\"2026-11-28T09:27:02.000Z\",\"kind\":\"reload\",\"policy\":\"agent.msb\",\"generation\":3,\"flows_ended\":1}",
		  "09:27:02.000  reload  agent.msb, generation 3, 1 flow ended" },
		{ "{\"time\":\"2026-11-28T09:27:02.000Z\",\"kind\":\"grant\",\"grant\":1,\"text\":\"allow@pypi.org:tcp:443\",\"for_ms\":600000,"
		  "\"generation\":2,\"flows_ended\":0}",
		  "09:27:02.000  grant  1 allow@pypi.org:tcp:443 for 600 s, generation 2" },
		{ "{\"time\":\"2026-11-28T09:27:02.000Z\",\"kind\":\"grant-end\",\"grant\":1,\"text\":\"allow@pypi.org:tcp:443\","
		  "\"because\":\"its time is over\",\"generation\":3,\"flows_ended\":2}",
		  "09:27:02.000  grant-end  1 allow@pypi.org:tcp:443: its time is over, generation 3, 2 flows ended" },
		{ "{\"time\":\"2026-11-28T09:27:02.000Z\",\"kind\":\"stop\",\"status\":7,\"denied\":12,\"up_ms\":3520}",
		  "09:27:02.000  stop   status 7, 12 denied, after 3.5 s" },
		{ "{\"time\":\"2026-11-28T09:27:02.000Z\",\"kind\":\"flow-end\",\"flow\":\"egress@140.82.121.4:tcp:443\",\"rule\":2,"
		  "\"place\":\"agent.msb:7\",\"text\":\"allow@vcs\",\"name\":\"github.com\",\"bytes_sent\":1200,\"bytes_received\":88000,"
		  "\"duration_ms\":2040,\"end\":\"closed\"}",
		  "09:27:02.000  end    egress@140.82.121.4:tcp:443    rule 2 allow@vcs (agent.msb:7)  github.com  1200 B sent, "
		  "88000 B received in 2.0 s, closed" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		expect_text(cases[i].json, cases[i].text);
}

Test(event_text, what_is_no_event_does_no_harm)
{
	expect_text("{}", "-  ?");
	expect_text("{\"time\":1,\"kind\":[],\"flow\":{},\"count\":\"x\"}", "-  ?");
	expect_text(
		"{\"time\":\"2026-99-99T99:99:99.999Z\",\"kind\":\"deny\",\"flow\":\"x\",\"count\":1,\"since\":\"\"}",
		"99:99:99.999  deny   x");
	expect_text("{\"kind\":\"stop\"}", "-  stop   status 0, 0 denied, after 0.0 s");
}

Test(event_text, what_a_guest_chose_cannot_steer_a_terminal)
{
	expect_text(
		"{\"kind\":\"deny\",\"flow\":\"dns@\\u001b[2Jx\\n00:00:00.000  allow:udp\",\"name\":\"a\\rb\\u202e\"}",
		"-  deny   dns@\\x1b[2Jx\\x0a00:00:00.000  allow:udp  a\\x0db\\xe2\\x80\\xae");
}

/* With every byte of a name and of a server name escaped, since a pipe takes PIPE_BUF bytes as a whole and no more */
Test(event_line, the_longest_line_fits_a_pipe)
{
	struct arena *arena = arena_new();
	char bytes[254];
	struct eval_connection connection = { .proto = PROTO_TCP, .has_port = true, .port = 65535 };
	struct reason reason = { .place = "a-file-of-some-length.msb:1234", .text = "default egress deny" };
	size_t len;

	memset(bytes, 1, sizeof bytes - 1);
	bytes[sizeof bytes - 1] = '\0';
	const char *escaped = escape_text(arena, bytes);
	struct addr far;
	cr_assert(addr_parse("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", &far));
	connection.addr = far;
	struct event lookup = {
		.kind = "rebind",
		.flow = arena_printf(arena, "dns@%s:udp", escaped),
		.verdict = { POLICY_DENY, { DECIDER_DEFAULT, 0 } },
		.reason = &reason,
		.question = escaped,
		.protocol = "udp",
		.answer = &far,
		.class = "private",
	};
	struct event named = lookup;
	named.flow = "egress@[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:tcp:65535";
	named.question = NULL;
	named.answer = NULL;
	named.connection = &connection;
	named.name = named.sni = escaped;
	named.hello = "second hello names another";
	for (size_t i = 0; i < 2; i++) {
		json_t *object = event_object("rebind", "a-sandbox-of-32-characters-------", "0123456789abcdef");
		event_add_members(object, i ? &named : &lookup);
		char *line = event_line(object, &len);
		cr_assert(line);
		cr_expect_leq(len, PIPE_BUF);
		free(line);
		json_decref(object);
	}
	arena_free(arena);
}

static struct event denial(const struct reason *reason)
{
	return (struct event){ .kind = "deny",
			       .flow = "answer@10.0.0.5",
			       .verdict = { POLICY_DENY, { DECIDER_RULE, 0 } },
			       .reason = reason };
}

Test(event_line, what_says_something_else_is_not_counted_together)
{
	const struct reason reason = { .text = "deny@meta" }, other = { .text = "deny@meta", .place = "a.msb:1" };
	const struct event_traffic traffic = { .bytes_sent = 1 };
	struct event base = denial(&reason), others[9];
	uint64_t key = event_key(&base, 1);

	for (size_t i = 0; i < 9; i++)
		others[i] = denial(&reason);
	others[0].kind = "audit";
	others[1].flow = "answer@10.0.0.6";
	others[2].verdict.by.rule = 1;
	others[3].reason = &other;
	others[4].name = "a.example";
	others[5].ended = true;
	others[6].sni = "a.example";
	others[7].question = "a.example";
	others[8].option = "--max-connections";
	cr_assert_neq(key, 0);
	for (size_t i = 0; i < 9; i++)
		cr_expect_neq(event_key(&others[i], 1), key, "%zu", i);
	cr_expect_neq(event_key(&base, 2), key, "nobody else knows");
	base.source_port = 1234;
	cr_expect_eq(event_key(&base, 1), key, "it differs each time");
	base.traffic = &traffic;
	cr_expect_eq(event_key(&base, 1), 0);
}

Test(event_line, lookups_below_a_search_domain_are_counted_together_and_no_others)
{
	const struct reason reason = { .text = "default egress deny" };
	struct event one = denial(&reason), another = denial(&reason), elsewhere = denial(&reason);

	one.flow = "dns@a.org.x.test:udp", one.question = "a.org.x.test", one.search = "x.test";
	another.flow = "dns@b.org.x.test:udp", another.question = "b.org.x.test", another.search = "x.test";
	elsewhere.flow = "dns@a.org.y.test:udp", elsewhere.question = "a.org.y.test", elsewhere.search = "y.test";
	cr_expect_eq(event_key(&one, 1), event_key(&another, 1));
	cr_expect_neq(event_key(&one, 1), event_key(&elsewhere, 1));
	another.search = NULL;
	cr_expect_neq(event_key(&one, 1), event_key(&another, 1));
}

Test(event_line, lookups_over_a_bound_are_counted_together_whatever_their_names)
{
	const struct reason names = { .text = "limit dns names 50/1m" }, rate = { .text = "limit dns rate 20/1s" };
	struct event one = denial(&names), another = denial(&names), third = denial(&rate);

	one.flow = "dns@a.test:udp", one.question = "a.test", one.option = "--dns-max-names";
	another.flow = "dns@b.test:udp", another.question = "b.test", another.option = "--dns-max-names";
	third.flow = "dns@a.test:udp", third.question = "a.test", third.option = "--dns-max-rate";
	cr_expect_eq(event_key(&one, 1), event_key(&another, 1));
	cr_expect_neq(event_key(&one, 1), event_key(&third, 1));
	another.option = NULL;
	cr_expect_neq(event_key(&one, 1), event_key(&another, 1));
}

Test(event_journal, a_value_with_a_newline_is_no_field_more)
{
	json_t *event = json_pack("{s:s, s:s, s:i}", "kind", "deny", "sni", "a\nPRIORITY=0\n", "a-key", 7);
	char bytes[4096];
	static const char coded[] = "MSB_SNI\n\x0d\0\0\0\0\0\0\0a\nPRIORITY=0\n\n";
	size_t len = event_journal_fields(event, bytes, sizeof bytes);

	cr_assert_gt(len, 0);
	cr_expect(memmem(bytes, len, coded, sizeof coded - 1));
	cr_expect(memmem(bytes, len, "PRIORITY=5\n", 11));
	cr_expect(memmem(bytes, len, "MSB_A_KEY=7\n", 12));
	cr_expect(memmem(bytes, len, "SYSLOG_IDENTIFIER=msb-run\n", 26));
	cr_expect_eq(event_journal_fields(event, bytes, len), len);
	cr_expect_eq(event_journal_fields(event, bytes, len - 1), 0, "not a part of one");
	json_decref(event);
}

Test(event_journal, what_is_refused_for_a_limit_of_bytes_is_a_notice_as_other_refusals_are)
{
	static const struct {
		const char *kind, *priority;
	} cases[] = { { "quota", "PRIORITY=5\n" }, { "limit", "PRIORITY=5\n" }, { "rebind", "PRIORITY=5\n" },
		      { "lost", "PRIORITY=4\n" },  { "ask", "PRIORITY=6\n" },   { "flow-end", "PRIORITY=6\n" } };
	char bytes[4096];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		json_t *event = json_pack("{s:s}", "kind", cases[i].kind);
		size_t len = event_journal_fields(event, bytes, sizeof bytes);
		cr_expect(memmem(bytes, len, cases[i].priority, strlen(cases[i].priority)), "%s", cases[i].kind);
		json_decref(event);
	}
}
