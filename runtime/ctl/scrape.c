/* Asking `stats` of all and handing the answers on. */
#include "ctl/scrape.h"
#include "ctl/gather.h"
#include "metrics/metrics.h"

#include <errno.h>

static bool said_yes(const json_t *answer)
{
	return json_is_true(json_object_get(answer, "ok"));
}

static const char *text_of(struct arena *arena, const struct gathered *all)
{
	struct metrics_sandbox *sandboxes = arena_alloc(arena, (all->count + 1) * sizeof *sandboxes);

	for (size_t i = 0; i < all->count; i++)
		sandboxes[i] = (struct metrics_sandbox){ all->asks[i].name,
							 said_yes(all->asks[i].answer) ? all->asks[i].answer : NULL };
	return metrics_text(arena, sandboxes, all->count);
}

const char *scrape(struct arena *arena, int directory, const char *name, int *error)
{
	json_t *request = json_pack("{s:i, s:s}", "version", 1, "command", "stats");
	struct gathered all = { 0 };
	const char *text = NULL;

	*error = directory < 0 ? directory : gather(directory, name, request, SCRAPE_PATIENCE_MS, &all);
	if (*error == -ENOENT && !name)
		*error = 0; /* none has ever run */
	if (*error == 0)
		text = text_of(arena, &all);
	gathered_free(&all);
	json_decref(request);
	return text;
}
