/* msb-ctl stats: what a sandbox has counted, for people, as JSON, or as Prometheus' text of it or of all sandboxes; that also into a file
 * which whoever reads it, the node exporter's textfile collector, finds whole at any moment. */
#include "base/units.h"
#include "core/fd.h"
#include "core/run_directory.h"
#include "ctl/ctl.h"
#include "ctl/ctl_cgroup.h"
#include "ctl/scrape.h"
#include "ctl/table.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- for people ---- */

enum { DNS_WIDTH = 120 }; /* of all that is said of DNS in one line */

static uint64_t number_at(const json_t *object, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(object, key));
}

static const char *text_at(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "-";
}

static void print_traffic(struct ctl_line *line, const json_t *list)
{
	const json_t *each;
	size_t i;

	json_array_foreach(list, i, each) printf("%-9s %s bytes in %s packets\n", text_at(each, "direction"),
						 table_size(line->arena, number_at(each, "bytes")),
						 table_size(line->arena, number_at(each, "packets")));
}

/* The bucket in which the middle one of all waits is; NULL: there was none, or it took longer than any bucket says */
static const json_t *median(const json_t *waits)
{
	uint64_t all = 0, seen = 0;
	const json_t *each;
	size_t i;

	json_array_foreach(waits, i, each) all += number_at(each, "count");
	json_array_foreach(waits, i, each)
	{
		seen += number_at(each, "count");
		if (all && seen * 2 >= all)
			return json_object_get(each, "most_ms");
	}
	return NULL;
}

static void print_dns(const json_t *dns)
{
	const json_t *each, *middle = median(json_object_get(dns, "waits"));
	size_t i, width = table_terminal_width();

	fputs("DNS       ", stdout);
	json_array_foreach(json_object_get(dns, "questions"), i, each)
		printf("%s%" JSON_INTEGER_FORMAT " %s", i ? ", " : "",
		       json_integer_value(json_object_get(each, "count")), text_at(each, "outcome"));
	printf("%s%" JSON_INTEGER_FORMAT " from the cache", width && width < DNS_WIDTH ? "\n          " : "; ",
	       json_integer_value(json_object_get(dns, "cached")));
	if (middle)
		printf("; half of the others within %" JSON_INTEGER_FORMAT " ms", json_integer_value(middle));
	putchar('\n');
}

static void print_limits(const json_t *list)
{
	const json_t *each, *used;
	size_t i;

	json_array_foreach(list, i, each)
	{
		used = json_object_get(each, "used");
		printf("limit     %s %" JSON_INTEGER_FORMAT, text_at(each, "option"),
		       json_integer_value(json_object_get(each, "most")));
		if (used)
			printf(", %" JSON_INTEGER_FORMAT " used", json_integer_value(used));
		putchar('\n');
	}
}

static void print_quotas(struct ctl_line *line, const json_t *list)
{
	const json_t *each, *used;
	size_t i;

	json_array_foreach(list, i, each)
	{
		const char *most = units_size_format(line->arena, number_at(each, "most")), *said = "";
		used = json_object_get(each, "used");
		if (used)
			said = arena_printf(line->arena, ", %" JSON_INTEGER_FORMAT " used%s", json_integer_value(used),
					    json_is_true(json_object_get(each, "spent")) ? " up" : "");
		said = arena_printf(line->arena, ": %s%s", most, said);
		printf("bytes     %s%s\n",
		       table_cut(line->arena, text_at(each, "text"), strlen("bytes     ") + strlen(said)), said);
	}
}

static void print_rules(struct ctl_line *line, const json_t *list)
{
	static const char *const heads[] = { "RULE", "ACTION", "CONNECTIONS", "LOOKUPS", "TEXT", "PLACE" };
	struct table *table = table_new(line->arena, heads, sizeof heads / sizeof *heads, 4);
	const json_t *each;
	size_t i;

	table_align_right(table, 2);
	table_align_right(table, 3);
	json_array_foreach(list, i, each)
	{
		table_cell(table, "%s", text_at(each, "rule"));
		table_cell(table, "%s", text_at(each, "action"));
		for (int k = 0; k < 2; k++) {
			const json_t *count = json_object_get(each, k ? "lookups" : "connections");
			table_cell(table, json_is_integer(count) ? "%s" : "-",
				   table_size(line->arena, (uint64_t)json_integer_value(count)));
		}
		table_cell(table, "%s", text_at(each, "text"));
		table_cell(table, "%s", text_at(each, "place"));
	}
	putchar('\n');
	table_print(table, stdout, table_terminal_width());
}

static void print_text(struct ctl_line *line, const json_t *stats)
{
	const json_t *events = json_object_get(stats, "events"), *bindings = json_object_get(stats, "bindings");

	print_traffic(line, json_object_get(stats, "traffic"));
	printf("flows     %" PRIu64 " now\n", number_at(stats, "flows"));
	printf("denied    %" PRIu64 "\n", number_at(stats, "denied"));
	print_dns(json_object_get(stats, "dns"));
	printf("bindings  %" PRIu64 " names, %" PRIu64 " addresses\n", number_at(json_array_get(bindings, 0), "count"),
	       number_at(json_array_get(bindings, 1), "count"));
	printf("events    %" PRIu64 " written, %" PRIu64 " lost\n", number_at(events, "written"),
	       number_at(events, "lost"));
	print_limits(json_object_get(stats, "limits"));
	print_quotas(line, json_object_get(stats, "quotas"));
	ctl_cgroup_print(line->arena, stats);
	print_rules(line, json_object_get(stats, "rules"));
}

static enum ctl_status one(struct ctl_line *line)
{
	enum ctl_status status = CTL_FINE;
	json_t *stats = ctl_ask(line, json_pack("{s:s}", "command", "stats"), &status);

	if (!stats)
		return status;
	if (line->format == CTL_JSON)
		return ctl_print_json(line, stats);
	print_text(line, stats);
	json_decref(stats);
	return CTL_FINE;
}

/* ---- for Prometheus ---- */

/* Beside the file, then in its place; nothing is left where that fails */
static int write_file(struct arena *arena, const char *path, const char *text)
{
	const char *beside = arena_printf(arena, "%s.%d.new", path, (int)getpid());
	CLEANUP_FD int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	size_t len = strlen(text), done = 0;
	int error = fd < 0 ? -errno : 0;

	while (error == 0 && done < len) {
		ssize_t written = write(fd, text + done, len - done);
		if (written < 0 && errno != EINTR)
			error = -errno;
		done += written > 0 ? (size_t)written : 0;
	}
	if (error == 0 && rename(beside, path))
		error = -errno;
	if (fd >= 0 && error < 0)
		unlink(beside);
	return error;
}

static enum ctl_status prometheus(struct ctl_line *line, const char *output)
{
	CLEANUP_FD int directory = run_directory_look(line->sandbox == NULL);
	int error;
	const char *text = scrape(line->arena, directory, line->sandbox, &error);

	if (!text && line->sandbox && error == -ENOENT)
		return ctl_fail(line, "msb-ctl ps", "%s: no such sandbox is running", line->sandbox);
	if (!text)
		return ctl_fail(line, error == -EACCES ? "sudo msb-ctl stats" : NULL, "cannot list the sandboxes: %s",
				strerror(-error));
	if (!output) {
		fputs(text, stdout);
		return fflush(stdout) || ferror(stdout) ? ctl_fail(line, NULL, "cannot write: %s", strerror(errno)) :
							  CTL_FINE;
	}
	error = write_file(line->arena, output, text);
	return error < 0 ? ctl_fail(line, NULL, "--output %s: %s", output, strerror(-error)) : CTL_FINE;
}

enum ctl_status ctl_stats(struct ctl_line *line)
{
	const char *output = line->values[STATS_OUTPUT];

	if (line->format == CTL_PROMETHEUS)
		return prometheus(line, output);
	if (output)
		return ctl_usage(line, "--output is for --format prometheus");
	return line->sandbox ? ctl_repeat(line, one) :
			       ctl_usage(line, "which sandbox? Only --format prometheus tells of all");
}
