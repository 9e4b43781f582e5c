/* The list, its order, and the lines. */
#include "report/suggestions.h"
#include "base/name.h"
#include "base/text.h"
#include "core/log.h"

#include <stdlib.h>
#include <string.h>

#define SUGGESTIONS_MAX 64
#define LINE_OF_RULES 700 /* characters; longer lines are cut by the log */

struct suggestions {
	struct arena *arena;
	struct suggestion items[SUGGESTIONS_MAX];
	size_t count, more, without;
};

struct suggestions *suggestions_new(void)
{
	struct suggestions *suggestions = calloc(1, sizeof *suggestions);

	if (suggestions)
		suggestions->arena = arena_new();
	return suggestions;
}

void suggestions_free(struct suggestions *suggestions)
{
	if (suggestions)
		arena_free(suggestions->arena);
	free(suggestions);
}

void suggestions_add(struct suggestions *suggestions, const struct suggestion *item)
{
	if (!suggestions)
		return;
	if (!item) {
		suggestions->without++;
		return;
	}
	for (size_t i = 0; i < suggestions->count; i++)
		if (!strcmp(suggestions->items[i].rule, item->rule))
			return;
	if (suggestions->count == SUGGESTIONS_MAX) {
		suggestions->more++;
		return;
	}
	suggestions->items[suggestions->count++] = (struct suggestion){
		.rank = item->rank,
		.rule = arena_strdup(suggestions->arena, item->rule),
		.opens = arena_strdup(suggestions->arena, item->opens),
		.name = item->name ? arena_strdup(suggestions->arena, item->name) : NULL,
	};
}

static int by_care(const void *a, const void *b)
{
	const struct suggestion *x = a, *y = b;

	return COMPARE(x->rank, y->rank) ?: strcmp(x->rule, y->rule);
}

/* A rule on a port of the name's brings its lookup */
static bool goes_without_saying(const struct suggestions *suggestions, const struct suggestion *item)
{
	for (size_t i = 0; item->rank == SUGGEST_LOOKUP && i < suggestions->count; i++)
		if (suggestions->items[i].rank == SUGGEST_NAME && name_equal(suggestions->items[i].name, item->name))
			return true;
	return false;
}

static void drop_needless(struct suggestions *suggestions)
{
	size_t kept = 0;

	for (size_t i = 0; i < suggestions->count; i++)
		if (!goes_without_saying(suggestions, &suggestions->items[i]))
			suggestions->items[kept++] = suggestions->items[i];
	suggestions->count = kept;
}

/* To paste */
static void print_options(struct suggestions *suggestions)
{
	struct text rules = { .arena = suggestions->arena };

	for (size_t i = 0; i < suggestions->count; i++) {
		const char *rule = suggestions->items[i].rule;
		if (rules.count && rules.count + strlen(rule) > LINE_OF_RULES) {
			log_more("--net-rule '%s'", text_get(&rules));
			rules.count = 0;
		}
		text_addf(&rules, "%s%s", rules.count ? "," : "", rule);
	}
	if (rules.count)
		log_more("--net-rule '%s'", text_get(&rules));
}

void suggestions_print(struct suggestions *suggestions)
{
	size_t width = 0;

	drop_needless(suggestions);
	qsort(suggestions->items, suggestions->count, sizeof *suggestions->items, by_care);
	if (suggestions->count)
		log_line("rules that would let pass what was denied; the guest chose what it tried, so read them:");
	else
		log_line("no rule to suggest");
	for (size_t i = 0; i < suggestions->count; i++)
		width = strlen(suggestions->items[i].rule) > width ? strlen(suggestions->items[i].rule) : width;
	for (size_t i = 0; i < suggestions->count; i++)
		log_more("%-*s   opens %s", (int)width, suggestions->items[i].rule, suggestions->items[i].opens);
	if (suggestions->more)
		log_more("and %zu more", suggestions->more);
	if (suggestions->without)
		log_more("%zu different denial%s: none is offered, since a rule denies it or none should allow it",
			 suggestions->without, suggestions->without == 1 ? "" : "s");
	print_options(suggestions);
}
