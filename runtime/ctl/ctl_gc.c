/* msb-ctl gc: what killed sandboxes left is removed, and said; with --dry-run it is only said. */
#include "base/escape.h"
#include "ctl/ctl.h"
#include "sandbox/gc.h"

#include <jansson.h>
#include <stdio.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *word, *text;
} kinds[] = {
	[GC_LINK] = { "link", "link" },
	[GC_FORWARDING] = { "forwarding", "forwarding on" },
	[GC_CGROUP] = { "cgroup", "cgroup" },
	[GC_DIRECTORY] = { "directory", "run directory" },
};

struct sweep {
	bool dry, json;
	struct arena *arena;
	json_t *items;
	size_t count, failed;
};

static const char *outcome(const struct sweep *sweep, const struct gc_item *item)
{
	return item->unsure || item->error < 0 ? "left" : sweep->dry ? "found" : "removed";
}

static void say(const struct sweep *sweep, const struct gc_item *item)
{
	const char *name = escape_text(sweep->arena, item->name);

	if (item->unsure)
		printf("left     %s %s: its sandbox is starting, or was killed then; again once no sandbox runs\n",
		       kinds[item->kind].text, name);
	else if (item->error < 0)
		printf("left     %s %s: %s\n", kinds[item->kind].text, name, strerror(-item->error));
	else
		printf("%-8s %s %s\n", outcome(sweep, item), kinds[item->kind].text, name);
}

static void add_json(struct sweep *sweep, const struct gc_item *item)
{
	json_t *each = arena_must(json_pack("{s:s, s:s, s:s}", "kind", kinds[item->kind].word, "name",
					    escape_json(sweep->arena, item->name), "outcome", outcome(sweep, item)));

	if (item->error < 0)
		json_object_set_new(each, "error", json_string(strerror(-item->error)));
	json_array_append_new(sweep->items, each);
}

static void take_item(const struct gc_item *item, void *context)
{
	struct sweep *sweep = context;

	sweep->count++;
	sweep->failed += item->error < 0;
	if (sweep->json)
		add_json(sweep, item);
	else
		say(sweep, item);
}

static void print_end(const struct sweep *sweep)
{
	if (sweep->count == 0)
		printf("nothing is left of killed sandboxes\n");
	else if (sweep->dry)
		printf("nothing was changed (--dry-run)\n");
}

static enum ctl_status end(struct ctl_line *line, struct sweep *sweep)
{
	enum ctl_status status = sweep->failed ? CTL_FAILED : CTL_FINE;

	if (sweep->json) {
		json_t *all = json_pack("{s:i, s:b, s:O}", "version", 1, "dry_run", sweep->dry, "items", sweep->items);
		enum ctl_status printed = ctl_print_json(line, arena_must(all));
		return printed == CTL_FINE ? status : printed;
	}
	print_end(sweep);
	return fflush(stdout) || ferror(stdout) ? ctl_fail(line, NULL, "cannot write: %s", strerror(errno)) : status;
}

static enum ctl_status sweep_all(struct ctl_line *line, struct sweep *sweep)
{
	const char *what;

	sweep->arena = line->arena;
	sweep->items = arena_must(json_array());
	int error = gc_run(sweep->dry, take_item, sweep, &what);
	enum ctl_status status =
		error < 0 ? ctl_fail(line, NULL, "cannot %s: %s", what, strerror(-error)) : end(line, sweep);
	json_decref(sweep->items);
	return status;
}

enum ctl_status ctl_gc(struct ctl_line *line)
{
	struct sweep sweep = { .json = line->format == CTL_JSON, .dry = line->values[GC_DRY_RUN] };

	if (geteuid() != 0)
		return ctl_fail(line, "sudo msb-ctl gc", "needs root, to remove what sandboxes left");
	return sweep_all(line, &sweep);
}
