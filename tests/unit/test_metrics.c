/* Prometheus' text format: what a sandbox answers becomes series with stable names; what it may say cannot break a line. */
#include "metrics/metrics.h"
#include "metrics/metrics_server.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static json_t *stats(const char *text)
{
	json_error_t error;
	json_t *json = json_loads(text, 0, &error);

	cr_assert(json, "%s", error.text);
	return json;
}

static bool has_line(const char *text, const char *line)
{
	size_t len = strlen(line);

	for (const char *at = text; (at = strstr(at, line)); at++)
		if ((at == text || at[-1] == '\n') && at[len] == '\n')
			return true;
	return false;
}

Test(metrics, an_answer_becomes_series)
{
	struct arena *arena = arena_new();
	json_t *json = stats(
		"{\"started_s\": 1700000000.25, \"generation\": 4, \"denied\": 2, \"flows\": 3,"
		"\"traffic\": [{\"direction\": \"egress\", \"bytes\": 10, \"packets\": 1}],"
		"\"rules\": [{\"rule\": \"1\", \"place\": \"a.msb:6\", \"action\": \"deny\", \"connections\": 7, \"lookups\": 5}],"
		"\"dns\": {\"questions\": [{\"outcome\": \"denied\", \"count\": 9}], \"cached\": 4,"
		"  \"waits\": [{\"most_ms\": 1, \"count\": 2}, {\"most_ms\": 20, \"count\": 3}, {\"count\": 1}],"
		"  \"waited_ms\": 1500},"
		"\"limits\": [{\"option\": \"--max-tcp-connections\", \"most\": 100}]}");
	const struct metrics_sandbox sandbox = { "web", json };
	const char *text = metrics_text(arena, &sandbox, 1);

	static const char *const lines[] = {
		"# TYPE msb_up gauge",
		"msb_up{sandbox=\"web\"} 1",
		"msb_start_time_seconds{sandbox=\"web\"} 1700000000.250",
		"msb_generation{sandbox=\"web\"} 4",
		"msb_denials_total{sandbox=\"web\"} 2",
		"msb_traffic_bytes_total{sandbox=\"web\",direction=\"egress\"} 10",
		"msb_rule_connections_total{sandbox=\"web\",rule=\"1\",place=\"a.msb:6\",action=\"deny\"} 7",
		"msb_rule_lookups_total{sandbox=\"web\",rule=\"1\",place=\"a.msb:6\",action=\"deny\"} 5",
		"msb_dns_questions_total{sandbox=\"web\",outcome=\"denied\"} 9",
		"msb_dns_wait_seconds_bucket{sandbox=\"web\",le=\"0.001\"} 2",
		"msb_dns_wait_seconds_bucket{sandbox=\"web\",le=\"0.02\"} 5",
		"msb_dns_wait_seconds_bucket{sandbox=\"web\",le=\"+Inf\"} 6",
		"msb_dns_wait_seconds_sum{sandbox=\"web\"} 1.500",
		"msb_dns_wait_seconds_count{sandbox=\"web\"} 6",
		"msb_limit{sandbox=\"web\",option=\"--max-tcp-connections\"} 100",
	};
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		cr_expect(has_line(text, lines[i]), "no line %s in\n%s", lines[i], text);
	cr_expect_null(strstr(text, "msb_limit_used{"), "what is not known has no series");
	json_decref(json);
	arena_free(arena);
}

Test(metrics, one_that_does_not_answer_is_down_and_has_nothing_else)
{
	struct arena *arena = arena_new();
	const struct metrics_sandbox sandbox = { "hangs", NULL };
	const char *text = metrics_text(arena, &sandbox, 1);

	cr_expect(has_line(text, "msb_up{sandbox=\"hangs\"} 0"));
	cr_expect_null(strstr(text, "msb_flows{"));
	arena_free(arena);
}

/* A file's name may hold anything, and the text of an answer is not to be trusted */
Test(metrics, labels_cannot_end_their_line)
{
	struct arena *arena = arena_new();
	json_t *json =
		stats("{\"flows\": \"many\", \"traffic\": 7, \"rules\": [3, {\"rule\": \"1\", \"connections\": 1,"
		      "\"place\": \"a\\\"} 9\\nmsb_up{sandbox=\\\"x\\\\\"}]}");
	const struct metrics_sandbox sandbox = { "web", json };
	const char *text = metrics_text(arena, &sandbox, 1);

	cr_expect(has_line(text, "msb_rule_connections_total{sandbox=\"web\",rule=\"1\","
				 "place=\"a\\\"} 9\\\\x0amsb_up{sandbox=\\\"x\\\\\",action=\"\"} 1"),
		  "%s", text);
	cr_expect_null(strstr(text, "msb_flows{"));
	json_decref(json);
	arena_free(arena);
}

static size_t lines_with(const char *text, const char *begin)
{
	size_t count = 0;

	for (const char *at = text; (at = strstr(at, begin)); at++)
		count += at == text || at[-1] == '\n';
	return count;
}

Test(metrics, many_rules_are_few_series_and_none_is_lost)
{
	struct arena *arena = arena_new();
	json_t *json = json_object(), *rules = json_array();

	for (int i = 0; i < 1000; i++)
		json_array_append_new(rules, json_pack("{s:o, s:s, s:i, s:i}", "rule", json_sprintf("%d", i), "place",
						       "", "connections", i, "lookups", 1));
	json_object_set_new(json, "rules", rules);
	const struct metrics_sandbox sandbox = { "web", json };
	const char *text = metrics_text(arena, &sandbox, 1);
	cr_expect_eq(lines_with(text, "msb_rule_connections_total{"), METRICS_RULES_MAX);
	cr_expect(
		has_line(text, "msb_rule_connections_total{sandbox=\"web\",rule=\"999\",place=\"\",action=\"\"} 999"));
	cr_expect(has_line(text,
			   "msb_rule_connections_total{sandbox=\"web\",rule=\"other\",place=\"\",action=\"\"} 320400"));
	cr_expect(has_line(text, "msb_rule_lookups_total{sandbox=\"web\",rule=\"other\",place=\"\",action=\"\"} 801"));
	json_decref(json);
	arena_free(arena);
}

Test(metrics, many_sandboxes_are_bounded_and_said)
{
	struct arena *arena = arena_new();
	struct metrics_sandbox *all = arena_alloc(arena, (METRICS_SANDBOXES_MAX + 3) * sizeof *all);

	for (size_t i = 0; i < METRICS_SANDBOXES_MAX + 3; i++)
		all[i].name = arena_printf(arena, "s%zu", i);
	const char *text = metrics_text(arena, all, METRICS_SANDBOXES_MAX + 3);
	cr_expect_eq(lines_with(text, "msb_up{"), METRICS_SANDBOXES_MAX);
	cr_expect(has_line(text, "msb_sandboxes_left_out 3"));
	arena_free(arena);
}

static const char *parsed(const char *text, bool *loopback)
{
	static char out[96];
	char host[INET6_ADDRSTRLEN];
	struct sockaddr_in6 address;

	if (!metrics_address_parse(text, &address))
		return "none";
	*loopback = metrics_address_is_loopback(&address);
	snprintf(out, sizeof out, "%s %u", inet_ntop(AF_INET6, &address.sin6_addr, host, sizeof host),
		 ntohs(address.sin6_port));
	return out;
}

Test(metrics, where_to_listen)
{
	static const struct {
		const char *text, *expected;
		bool loopback;
	} rows[] = {
		{ ":9100", "::ffff:127.0.0.1 9100", true },
		{ "127.0.0.1", "::ffff:127.0.0.1 9471", true },
		{ "127.8.0.1:1", "::ffff:127.8.0.1 1", true },
		{ "10.0.0.1:65535", "::ffff:10.0.0.1 65535", false },
		{ "[::1]:80", "::1 80", true },
		{ "::1", "::1 9471", true },
		{ "[::]:80", ":: 80", false },
		{ "fd00::1", "fd00::1 9471", false },
		{ "0.0.0.0:80", "::ffff:0.0.0.0 80", false },
	};
	static const char *const wrong[] = {
		"",        ":0",     ":65536", ":",    "1.2.3:80", "localhost:80",     "127.0.0.1:",
		"[::1]80", "[::1]:", "[::1",   ":80x", ":+80",     "::ffff:1.2.3.4.5", "127.0.0.1:-1"
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		bool loopback = false;
		cr_expect_str_eq(parsed(rows[i].text, &loopback), rows[i].expected, "%s", rows[i].text);
		cr_expect_eq(loopback, rows[i].loopback, "%s", rows[i].text);
	}
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		bool loopback;
		cr_expect_str_eq(parsed(wrong[i], &loopback), "none", "%s", wrong[i]);
	}
}
