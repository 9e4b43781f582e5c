/* One setting that changes: adding it, counting, and what it is called. */
#include "diff/diff_state.h"
#include "base/escape.h"
#include "base/text.h"

const char *diff_effect_name(enum diff_effect effect)
{
	static const char *const names[] = {
		[DIFF_OPENS] = "opens", [DIFF_CLOSES] = "closes", [DIFF_CHANGES] = "changes"
	};

	return names[effect];
}

int diff_setting_side(const struct diff_setting *setting)
{
	return setting->values[1] && setting->spans[1].source != SPAN_NO_SOURCE ? 1 :
	       setting->spans[0].source != SPAN_NO_SOURCE                       ? 0 :
										  1;
}

const char *diff_setting_text(struct arena *arena, const struct diff_setting *setting)
{
	const char *name = escape_text(arena, setting->name), *now = setting->values[1], *was = setting->values[0];
	struct text text = { .arena = arena };

	text_add(&text, name);
	if (now && *now)
		text_addf(&text, " %s", escape_text(arena, now));
	if (!was)
		text_add(&text, " added");
	else if (!now)
		text_addf(&text, *was ? " removed, was %s" : " removed", escape_text(arena, was));
	else
		text_addf(&text, ", was %s", escape_text(arena, was));
	return text_get(&text);
}

void diff_add_setting(struct diff *diff, enum diff_effect effect, const char *name, const char *const values[2],
		      const struct span spans[2])
{
	*arena_push(diff->arena, &diff->settings) =
		(struct diff_setting){ effect, name, { values[0], values[1] }, { spans[0], spans[1] } };
}

size_t diff_count_settings(const struct diff *diff, enum diff_effect effect)
{
	size_t count = 0;

	for (size_t i = 0; i < diff->settings.count; i++)
		count += diff->settings.items[i].effect == effect;
	return count;
}
