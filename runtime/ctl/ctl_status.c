/* One sandbox, in full: what it answers, section by section. */
#include "base/escape.h"
#include "base/units.h"
#include "ctl/ctl.h"
#include "ctl/ctl_cgroup.h"
#include "ctl/ctl_sections.h"
#include "ctl/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESSES_TOLD 1 /* of a name; of more the number */

static const char *joined(struct arena *arena, const json_t *list)
{
	const char *text = "";

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *item = json_string_value(json_array_get(list, i));
		text = item ? arena_printf(arena, "%s%s%s", text, *text ? " " : "", item) : text;
	}
	return escape_text(arena, text);
}

static void print_head(struct ctl_line *line, const json_t *answer)
{
	struct arena *arena = line->arena;
	const json_t *generation = json_object_get(answer, "generation");

	printf("%s  running %s  %s pid %u  since %s\n", line->sandbox,
	       table_duration(arena, section_number(answer, "up_ms")),
	       escape_text(arena, section_text(answer, "vmm", "-")), (unsigned)section_number(answer, "pid"),
	       escape_text(arena, section_text(answer, "started", "-")));
	printf("guest  %s  gateway %s\n", joined(arena, json_object_get(answer, "guest")),
	       joined(arena, json_object_get(answer, "gateway")));
	printf("policy %s", escape_text(arena, section_text(answer, "policy", "-")));
	if (generation)
		printf(", generation %u", (unsigned)section_number(answer, "generation"));
	printf("; denied %" JSON_INTEGER_FORMAT "\n", json_integer_value(json_object_get(answer, "denied")));
}

/* What is not counted for a rule is not a number */
static const char *count_of(struct arena *arena, const json_t *rule, const char *key)
{
	const json_t *value = json_object_get(rule, key);

	return json_is_integer(value) ? arena_printf(arena, "%" JSON_INTEGER_FORMAT, json_integer_value(value)) : "-";
}

static void add_rule(struct ctl_line *line, struct table *table, const json_t *rule)
{
	const json_t *number = json_object_get(rule, "number"), *until = json_object_get(rule, "until");
	const char *last = json_string_value(json_object_get(rule, "last"));

	table_cell(table, "%s", number ? count_of(line->arena, rule, "number") : "-");
	table_cell(table, "%s", count_of(line->arena, rule, "connections"));
	table_cell(table, "%s", count_of(line->arena, rule, "lookups"));
	table_cell(table, "%s", last ? section_ago(line->arena, last) : "-");
	table_cell(table, "%s", section_text(rule, "text", "-"));
	table_cell(table, "%s%s%s", section_text(rule, "place", "-"), until ? "  until " : "",
		   until ? section_text(rule, "until", "-") : "");
}

static void print_rules(struct ctl_line *line, const json_t *answer)
{
	static const char *const heads[] = { "#", "CONNECTIONS", "LOOKUPS", "LAST", "RULE", "PLACE" };
	const json_t *rules = json_object_get(answer, "rules"), *defaults = json_object_get(answer, "defaults");
	struct table *table = table_new(line->arena, heads, 6, 4);

	for (size_t i = 0; i < 4; i++)
		table_align_right(table, i);
	for (size_t i = 0; i < json_array_size(rules); i++)
		add_rule(line, table, json_array_get(rules, i));
	for (size_t i = 0; i < json_array_size(defaults); i++)
		add_rule(line, table, json_array_get(defaults, i));
	puts("");
	table_print(table, stdout, table_terminal_width());
	if (json_is_false(json_object_get(answer, "counted")))
		puts("the kernel did not tell its counters");
}

static void print_grants(struct ctl_line *line, const json_t *answer)
{
	static const char *const heads[] = { "GRANT", "RULE", "FOR" };
	const json_t *grants = json_object_get(answer, "grants");
	struct table *table = table_new(line->arena, heads, 3, 1);

	table_align_right(table, 0);
	for (size_t i = 0; i < json_array_size(grants); i++) {
		const json_t *grant = json_array_get(grants, i);
		table_cell(table, "%s", count_of(line->arena, grant, "id"));
		table_cell(table, "%s", section_text(grant, "rule", "-"));
		table_cell(table, "%s", table_duration(line->arena, section_number(grant, "left_ms")));
	}
	if (!json_array_size(grants))
		return;
	puts("");
	table_print(table, stdout, table_terminal_width());
}

/* By name, IPv4 first */
static int compare_bindings(const void *a, const void *b)
{
	const json_t *left = *(const json_t *const *)a, *right = *(const json_t *const *)b;
	int order = strcmp(section_text(left, "name", "-"), section_text(right, "name", "-"));

	if (order == 0)
		order = !!strchr(section_text(left, "address", "-"), ':') -
			!!strchr(section_text(right, "address", "-"), ':');
	return order ? order : strcmp(section_text(left, "address", "-"), section_text(right, "address", "-"));
}

static const json_t **sorted_bindings(struct arena *arena, const json_t *bindings, size_t count)
{
	const json_t **sorted = arena_alloc(arena, (count + 1) * sizeof *sorted);

	for (size_t i = 0; i < count; i++)
		sorted[i] = json_array_get(bindings, i);
	qsort(sorted, count, sizeof *sorted, compare_bindings);
	return sorted;
}

static void print_bindings(struct ctl_line *line, const json_t *answer)
{
	static const char *const heads[] = { "NAME", "BOUND TO", "FOR" };
	const json_t *bindings = json_object_get(answer, "bindings");
	struct table *table = table_new(line->arena, heads, 3, 0);
	size_t count = json_array_size(bindings);
	const json_t **sorted = sorted_bindings(line->arena, bindings, count);

	for (size_t i = 0, next; i < count; i = next) {
		const json_t *first = sorted[i];
		uint64_t most = 0;
		for (next = i; next < count; next++) {
			const json_t *binding = sorted[next];
			uint64_t left = section_number(binding, "left_ms");
			if (strcmp(section_text(first, "name", "-"), section_text(binding, "name", "-")) != 0)
				break;
			most = left > most ? left : most;
		}
		table_cell(table, "%s", section_text(first, "name", "-"));
		table_cell(table, next - i > 1 ? "%s and %zu more" : "%s", section_text(first, "address", "-"),
			   next - i - 1);
		table_cell(table, "%s", table_duration(line->arena, most));
	}
	if (!count)
		return;
	puts("");
	table_print(table, stdout, table_terminal_width());
	if (section_number(answer, "bindings_more"))
		printf("and %u more\n", (unsigned)section_number(answer, "bindings_more"));
}

static void print_limits(struct ctl_line *line, const json_t *answer)
{
	static const char *const heads[] = { "LIMIT", "MOST", "NOW" };
	const json_t *limits = json_object_get(answer, "limits");
	struct table *table = table_new(line->arena, heads, 3, 0);

	table_align_right(table, 1);
	for (size_t i = 0; i < json_array_size(limits); i++) {
		const json_t *limit = json_array_get(limits, i);
		table_cell(table, "%s", section_text(limit, "option", "-"));
		const char *most = section_number(limit, "most") ? count_of(line->arena, limit, "most") : "none";
		if (section_number(limit, "every_ms"))
			most = arena_printf(line->arena, "%s in %s", most,
					    table_duration(line->arena, section_number(limit, "every_ms")));
		table_cell(table, "%s", most);
		table_cell(table, "%s", count_of(line->arena, limit, "used"));
	}
	puts("");
	table_print(table, stdout, table_terminal_width());
}

static void print_cgroup(struct ctl_line *line, const json_t *answer)
{
	if (!json_object_size(json_object_get(answer, "cgroup")))
		return;
	puts("");
	ctl_cgroup_print(line->arena, answer);
}

static const char *used_of(struct arena *arena, const json_t *quota)
{
	return json_is_true(json_object_get(quota, "spent")) ? "all of it" : count_of(arena, quota, "used");
}

static void print_quotas(struct ctl_line *line, const json_t *answer)
{
	static const char *const heads[] = { "BYTES OF", "MOST", "USED", "PLACE" };
	const json_t *quotas = json_object_get(answer, "quotas");
	struct table *table = table_new(line->arena, heads, 4, 0);

	if (!json_array_size(quotas))
		return;
	table_align_right(table, 1);
	table_align_right(table, 2);
	for (size_t i = 0; i < json_array_size(quotas); i++) {
		const json_t *quota = json_array_get(quotas, i);
		table_cell(table, "%s", section_text(quota, "text", "-"));
		table_cell(table, "%s", units_size_format(line->arena, section_number(quota, "most")));
		table_cell(table, "%s", used_of(line->arena, quota));
		table_cell(table, "%s",
			   json_is_string(json_object_get(quota, "place")) ? section_text(quota, "place", "-") : "");
	}
	puts("");
	table_print(table, stdout, table_terminal_width());
}

static void print_ports(struct ctl_line *line, const json_t *answer)
{
	const json_t *ports = json_object_get(answer, "published");
	const json_t *servers = json_object_get(answer, "nameservers");

	puts("");
	for (size_t i = 0; i < json_array_size(ports); i++)
		printf("published %s\n", escape_text(line->arena, section_port(line->arena, json_array_get(ports, i))));
	for (size_t i = 0; i < json_array_size(servers); i++) {
		const json_t *server = json_array_get(servers, i);
		printf("nameserver %s port %u%s\n", escape_text(line->arena, section_text(server, "address", "-")),
		       (unsigned)section_number(server, "port"),
		       json_is_true(json_object_get(server, "by_host")) ? ", asked by the host" : "");
	}
}

static const char *size_of(struct arena *arena, const json_t *flow, const char *key)
{
	return json_object_get(flow, key) ? table_size(arena, section_number(flow, key)) : "-";
}

static void add_flow(struct ctl_line *line, struct table *table, const json_t *flow)
{
	const json_t *open = json_object_get(flow, "open_ms");

	table_cell(table, "%s", section_text(flow, "flow", "-"));
	table_cell(table, "%s", open ? table_duration(line->arena, section_number(flow, "open_ms")) : "-");
	table_cell(table, "%s", size_of(line->arena, flow, "bytes_out"));
	table_cell(table, "%s", size_of(line->arena, flow, "bytes_in"));
	table_cell(table, "%s", count_of(line->arena, flow, "rule"));
	table_cell(table, "%s", section_text(flow, "name", "-"));
}

static void print_flows(struct ctl_line *line, const json_t *answer)
{
	static const char *const heads[] = { "FLOW", "OPEN", "SENT", "RECEIVED", "#", "NAME" };
	const json_t *flows = json_object_get(answer, "flows");
	struct table *table = table_new(line->arena, heads, 6, 0);

	for (size_t i = 1; i < 5; i++)
		table_align_right(table, i);
	for (size_t i = 0; i < json_array_size(flows); i++)
		add_flow(line, table, json_array_get(flows, i));
	if (!json_array_size(flows))
		return;
	puts("");
	table_print(table, stdout, table_terminal_width());
	if (section_number(answer, "flows_more"))
		printf("and %u more\n", (unsigned)section_number(answer, "flows_more"));
}

static enum ctl_status once(struct ctl_line *line)
{
	enum ctl_status status = CTL_FINE;
	json_t *answer = ctl_ask(line, json_pack("{s:s}", "command", "status"), &status);

	if (!answer)
		return status;
	if (line->format == CTL_JSON)
		return ctl_print_json(line, answer);
	print_head(line, answer);
	print_rules(line, answer);
	print_grants(line, answer);
	print_bindings(line, answer);
	print_flows(line, answer);
	print_limits(line, answer);
	print_cgroup(line, answer);
	print_quotas(line, answer);
	print_ports(line, answer);
	json_decref(answer);
	return CTL_FINE;
}

enum ctl_status ctl_show_status(struct ctl_line *line)
{
	return ctl_repeat(line, once);
}
