/* A table of metrics: where each one's numbers are in a sandbox's answer, and which of its members become labels. */
#include "metrics/metrics.h"
#include "base/escape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABELS_MAX 3

struct metric {
	const char *name, *type, *help;
	const char *list;               /* an array in the answer, an object a series; NULL: the answer itself */
	const char *value;              /* in such an object: a dotted path */
	const char *labels[LABELS_MAX]; /* beside `sandbox`: members that are strings */
};

static const struct metric metrics[] = {
	{ "msb_start_time_seconds", "gauge", "When the sandbox started, in seconds since 1970", NULL, "started_s" },
	{ "msb_generation", "gauge",
	  "Which policy is in force: 1 the first, one more with each reload, grant and end of a grant", NULL,
	  "generation" },
	{ "msb_traffic_bytes_total",
	  "counter",
	  "Bytes of frames between guest and sandbox",
	  "traffic",
	  "bytes",
	  { "direction" } },
	{ "msb_traffic_packets_total",
	  "counter",
	  "Frames between guest and sandbox",
	  "traffic",
	  "packets",
	  { "direction" } },
	{ "msb_flows", "gauge", "Entries of the sandbox's own conntrack", NULL, "flows" },
	{ "msb_rule_connections_total",
	  "counter",
	  "First packets of flows that the rule decided, in the kernel",
	  "rules",
	  "connections",
	  { "rule", "place", "action" } },
	{ "msb_rule_lookups_total",
	  "counter",
	  "Lookups that the rule decided",
	  "rules",
	  "lookups",
	  { "rule", "place", "action" } },
	{ "msb_denials_total", "counter", "Denials that were reported, of flows, lookups and limits", NULL, "denied" },
	{ "msb_dns_questions_total",
	  "counter",
	  "Questions of the guest's, by what became of them",
	  "dns.questions",
	  "count",
	  { "outcome" } },
	{ "msb_dns_limited_total",
	  "counter",
	  "Questions over a bound on lookups (limit dns)",
	  "dns.limited",
	  "count",
	  { "bound" } },
	{ "msb_dns_cached_total", "counter", "Of them: answered without asking a server", NULL, "dns.cached" },
	{ "msb_events_total", "counter", "Events that were written", NULL, "events.written" },
	{ "msb_events_lost_total", "counter", "Events that were left out or lost", NULL, "events.lost" },
	{ "msb_bindings",
	  "gauge",
	  "Names that are bound, one a family, and the addresses they are bound to",
	  "bindings",
	  "count",
	  { "what" } },
	{ "msb_limit",
	  "gauge",
	  "What an option lets the guest have at once, or in a second",
	  "limits",
	  "most",
	  { "option" } },
	{ "msb_limit_used", "gauge", "How much of it is used", "limits", "used", { "option" } },
	{ "msb_quota_bytes",
	  "gauge",
	  "What may pass in all while the sandbox runs, or be moved by a rule's flows",
	  "quotas",
	  "most",
	  { "rule", "place" } },
	{ "msb_memory_bytes", "gauge", "Memory that the sandbox has on the host, with its page cache", NULL,
	  "cgroup.memory.used" },
	{ "msb_memory_limit_bytes", "gauge", "What it may have (--memory-max)", NULL, "cgroup.memory.most" },
	{ "msb_cpu_seconds_total", "counter", "Time of the host's processors that it has used", NULL,
	  "cgroup.cpus.used" },
	{ "msb_cpu_limit", "gauge", "How many processors it may use (--cpus-max)", NULL, "cgroup.cpus.most" },
	{ "msb_pids", "gauge", "Its processes and threads on the host", NULL, "cgroup.pids.used" },
	{ "msb_pids_limit", "gauge", "How many it may have (--pids-max)", NULL, "cgroup.pids.most" },
	{ "msb_oom_kills_total", "counter", "Its processes that were killed for want of memory", NULL,
	  "cgroup.oom_kills" },
	{ "msb_quota_used_bytes", "gauge", "How much of it has passed", "quotas", "used", { "rule", "place" } },
};
#define WAIT "msb_dns_wait_seconds"

/* ---- reading an answer ---- */

/* NULL where it is not there */
static const json_t *at_path(const json_t *object, const char *path)
{
	char part[32];

	while (object && *path) {
		size_t len = strcspn(path, ".");
		if (len >= sizeof part)
			return NULL;
		memcpy(part, path, len);
		part[len] = '\0';
		object = json_object_get(object, part);
		path += len + (path[len] == '.');
	}
	return object;
}

static const char *text_at(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* ---- writing ---- */

/* A label's value: `\`, `"` and newlines escaped, after what would steer a terminal is */
static void put_label(FILE *out, struct arena *arena, const char *key, const char *value)
{
	fprintf(out, "%s=\"", key);
	for (const char *c = escape_text(arena, value); *c; c++) {
		if (*c == '\\' || *c == '"')
			fputc('\\', out);
		fputc(*c, out);
	}
	fputc('"', out);
}

static void put_number(FILE *out, const json_t *value)
{
	if (json_is_integer(value))
		fprintf(out, " %" JSON_INTEGER_FORMAT "\n", json_integer_value(value));
	else
		fprintf(out, " %.3f\n", json_number_value(value));
}

static void put_head(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

struct writer {
	FILE *out;
	struct arena *arena;
	const struct metrics_sandbox *sandboxes;
	size_t count;
};

static void put_series(const struct writer *to, const struct metric *metric, const struct metrics_sandbox *sandbox,
		       const json_t *object)
{
	const json_t *value = at_path(object, metric->value);

	if (!json_is_number(value))
		return;
	fprintf(to->out, "%s{", metric->name);
	put_label(to->out, to->arena, "sandbox", sandbox->name);
	for (size_t i = 0; i < LABELS_MAX && metric->labels[i]; i++) {
		fputc(',', to->out);
		put_label(to->out, to->arena, metric->labels[i], text_at(object, metric->labels[i]));
	}
	fputc('}', to->out);
	put_number(to->out, value);
}

/* ---- many rules ---- */

struct ranked {
	const json_t *item;
	json_int_t count;
};

static int by_count(const void *a, const void *b)
{
	const struct ranked *one = a, *other = b;

	return (one->count < other->count) - (one->count > other->count);
}

/* The list with the rules that have most counted, and one for the rest; a new reference */
static json_t *fewer(const json_t *list)
{
	size_t count = json_array_size(list);
	struct ranked *ranked = arena_must(calloc(count, sizeof *ranked));
	json_t *kept = arena_must(json_array());
	json_int_t connections = 0, lookups = 0;

	for (size_t i = 0; i < count; i++) {
		const json_t *item = json_array_get(list, i);
		ranked[i] = (struct ranked){ item, json_integer_value(json_object_get(item, "connections")) +
							   json_integer_value(json_object_get(item, "lookups")) };
	}
	qsort(ranked, count, sizeof *ranked, by_count);
	for (size_t i = 0; i < count; i++) {
		if (i < METRICS_RULES_MAX - 1) {
			json_array_append(kept, (json_t *)ranked[i].item);
			continue;
		}
		connections += json_integer_value(json_object_get(ranked[i].item, "connections"));
		lookups += json_integer_value(json_object_get(ranked[i].item, "lookups"));
	}
	json_array_append_new(kept, json_pack("{s:s, s:s, s:s, s:I, s:I}", "rule", "other", "place", "", "action", "",
					      "connections", connections, "lookups", lookups));
	free(ranked);
	return kept;
}

static void put_list(const struct writer *to, const struct metric *metric, const struct metrics_sandbox *sandbox)
{
	const json_t *list = at_path(sandbox->stats, metric->list);
	json_t *short_list = json_array_size(list) > METRICS_RULES_MAX ? fewer(list) : json_incref((json_t *)list);

	for (size_t i = 0; i < json_array_size(short_list); i++)
		put_series(to, metric, sandbox, json_array_get(short_list, i));
	json_decref(short_list);
}

static void put_metric(const struct writer *to, const struct metric *metric)
{
	put_head(to->out, metric->name, metric->type, metric->help);
	for (size_t i = 0; i < to->count; i++) {
		if (!to->sandboxes[i].stats)
			continue;
		if (metric->list)
			put_list(to, metric, &to->sandboxes[i]);
		else
			put_series(to, metric, &to->sandboxes[i], to->sandboxes[i].stats);
	}
}

/* ---- those that the table has no words for ---- */

static void put_up(const struct writer *to, size_t left_out)
{
	put_head(to->out, "msb_up", "gauge", "Whether the sandbox answered in time");
	for (size_t i = 0; i < to->count; i++) {
		fputs("msb_up{", to->out);
		put_label(to->out, to->arena, "sandbox", to->sandboxes[i].name);
		fprintf(to->out, "} %d\n", to->sandboxes[i].stats != NULL);
	}
	put_head(to->out, "msb_sandboxes_left_out", "gauge", "Sandboxes of this host beyond those that have series");
	fprintf(to->out, "msb_sandboxes_left_out %zu\n", left_out);
}

/* The buckets come as counts of their own, by their upper end in milliseconds, the last without one */
static void put_wait(const struct writer *to, const struct metrics_sandbox *sandbox)
{
	const json_t *waits = at_path(sandbox->stats, "dns.waits");
	json_int_t sum = 0;

	if (!json_is_array(waits))
		return;
	for (size_t i = 0; i < json_array_size(waits); i++) {
		const json_t *bucket = json_array_get(waits, i), *most = json_object_get(bucket, "most_ms");
		sum += json_integer_value(json_object_get(bucket, "count"));
		fputs(WAIT "_bucket{", to->out);
		put_label(to->out, to->arena, "sandbox", sandbox->name);
		if (json_is_integer(most))
			fprintf(to->out, ",le=\"%g\"", (double)json_integer_value(most) / 1000);
		else
			fputs(",le=\"+Inf\"", to->out);
		fprintf(to->out, "} %" JSON_INTEGER_FORMAT "\n", sum);
	}
	fputs(WAIT "_sum{", to->out);
	put_label(to->out, to->arena, "sandbox", sandbox->name);
	fprintf(to->out, "} %.3f\n", (double)json_integer_value(at_path(sandbox->stats, "dns.waited_ms")) / 1000);
	fputs(WAIT "_count{", to->out);
	put_label(to->out, to->arena, "sandbox", sandbox->name);
	fprintf(to->out, "} %" JSON_INTEGER_FORMAT "\n", sum);
}

static void put_waits(const struct writer *to)
{
	put_head(to->out, WAIT, "histogram", "How long the guest waited where a server was asked");
	for (size_t i = 0; i < to->count; i++)
		if (to->sandboxes[i].stats)
			put_wait(to, &to->sandboxes[i]);
}

const char *metrics_text(struct arena *arena, const struct metrics_sandbox *sandboxes, size_t count)
{
	char *text = NULL;
	size_t len = 0, shown = count < METRICS_SANDBOXES_MAX ? count : METRICS_SANDBOXES_MAX;
	struct writer to = { arena_must(open_memstream(&text, &len)), arena, sandboxes, shown };

	put_up(&to, count - shown);
	for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++)
		put_metric(&to, &metrics[i]);
	put_waits(&to);
	fclose(to.out);
	const char *copy = arena_strndup(arena, arena_must(text), len);
	free(text);
	return copy;
}
