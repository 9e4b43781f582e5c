/* All sandboxes of the host. What is listed is running: its name is claimed, which ends with its processes. */
#include "core/fd.h"
#include "core/run_directory.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "ctl/ctl_sections.h"
#include "ctl/gather.h"
#include "ctl/table.h"

#include <errno.h>
#include <string.h>

static const char *const heads[] = { "NAME", "UP", "VMM", "GUEST", "POLICY", "DENIED", "PUBLISHED" };

/* The first, and how many more */
static const char *published(struct arena *arena, const json_t *answer)
{
	const json_t *list = json_object_get(answer, "published");
	size_t count = json_array_size(list);
	const char *first = section_port(arena, json_array_get(list, 0));

	return count < 2 ? first : arena_printf(arena, "%s and %zu more", first, count - 1);
}

static const char *text_or_dash(const json_t *value)
{
	const char *text = json_string_value(value);

	return text ? text : "-";
}

static void add_row(struct ctl_line *line, struct table *table, const struct client_ask *ask)
{
	const json_t *up = json_object_get(ask->answer, "up_ms");

	table_cell(table, "%s", ask->name);
	if (!ask->answer) {
		for (size_t i = 1; i < sizeof heads / sizeof *heads - 1; i++)
			table_cell(table, "-");
		table_cell(table, "%s", client_error_text(ask->error));
		return;
	}
	table_cell(table, "%s",
		   json_is_integer(up) ? table_duration(line->arena, (uint64_t)json_integer_value(up)) : "-");
	table_cell(table, "%s", text_or_dash(json_object_get(ask->answer, "vmm")));
	table_cell(table, "%s", text_or_dash(json_array_get(json_object_get(ask->answer, "guest"), 0)));
	table_cell(table, "%s", text_or_dash(json_object_get(ask->answer, "policy")));
	table_cell(table, "%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(ask->answer, "denied")));
	table_cell(table, "%s", published(line->arena, ask->answer));
}

static enum ctl_status print_text(struct ctl_line *line, const struct client_ask *asks, size_t count)
{
	struct table *table = table_new(line->arena, heads, sizeof heads / sizeof *heads, 4);

	table_align_right(table, 5);
	for (size_t i = 0; i < count; i++)
		add_row(line, table, &asks[i]);
	table_print(table, stdout, table_terminal_width());
	return CTL_FINE;
}

static enum ctl_status print_json(struct ctl_line *line, const struct client_ask *asks, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++) {
		json_t *sandbox = asks[i].answer ? json_copy(asks[i].answer) : json_object();
		json_object_del(sandbox, "version");
		json_object_del(sandbox, "ok");
		json_object_set_new(sandbox, "name", json_string(asks[i].name));
		if (asks[i].error)
			json_object_set_new(sandbox, "error", json_string(client_error_text(asks[i].error)));
		json_array_append_new(list, sandbox);
	}
	return ctl_print_json(line, json_pack("{s:i, s:o}", "version", 1, "sandboxes", list));
}

static enum ctl_status once(struct ctl_line *line)
{
	CLEANUP_FD int directory = run_directory_look(true);
	json_t *request = json_pack("{s:i, s:s}", "version", 1, "command", "ps");
	struct gathered all = { 0 };
	int error = directory < 0 ? directory : gather(directory, NULL, request, CLIENT_PATIENCE_MS, &all);

	json_decref(request);
	if (error < 0 && error != -ENOENT)
		return ctl_fail(line, error == -EACCES ? "sudo msb-ctl ps; a group may ask for single sandboxes" : NULL,
				RUN_DIRECTORY ": %s", strerror(-error));
	enum ctl_status status = line->format == CTL_JSON ? print_json(line, all.asks, all.count) :
							    print_text(line, all.asks, all.count);
	gathered_free(&all);
	return status;
}

enum ctl_status ctl_ps(struct ctl_line *line)
{
	return ctl_repeat(line, once);
}
