/* Settings of which a policy may have many: nameservers, expectations, findings that comments silence. */
#include "diff/diff_state.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* Something that a policy may have many of: the i-th of a key before is the i-th of it after */
struct listed {
	const char *key, *value;
	struct span span;
	int side;
	size_t at;
};

struct listing {
	struct listed *items;
	size_t count, cap;
};

static int compare_listed(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;

	return strcmp(x->key, y->key) ?: COMPARE(x->side, y->side) ?: COMPARE(x->at, y->at);
}

typedef void listed_change(struct diff *, const struct listed *before, const struct listed *after);

/* `each` is given what differs: one of the two NULL, or another value */
static void compare_lists(struct diff *diff, struct listing *list, listed_change *each)
{
	if (list->count)
		qsort(list->items, list->count, sizeof *list->items, compare_listed);
	for (size_t i = 0, middle, end; i < list->count; i = end) {
		for (end = i; end < list->count && !strcmp(list->items[end].key, list->items[i].key);)
			end++;
		for (middle = i; middle < end && !list->items[middle].side;)
			middle++;
		size_t before = middle - i, after = end - middle;
		for (size_t k = 0; k < before || k < after; k++) {
			const struct listed *was = k < before ? &list->items[i + k] : NULL;
			const struct listed *now = k < after ? &list->items[middle + k] : NULL;

			if (!was || !now || strcmp(was->value, now->value) != 0)
				each(diff, was, now);
		}
	}
}

static void add_listed(struct diff *diff, enum diff_effect effect, const char *name, const struct listed *was,
		       const struct listed *now)
{
	diff_add_setting(diff, effect, name, (const char *[2]){ was ? was->value : NULL, now ? now->value : NULL },
			 (struct span[2]){ was ? was->span : SPAN_NONE, now ? now->span : SPAN_NONE });
}

/* ---- nameservers ---- */

/* One more server is told every name that is looked up, and may answer as it likes. Without any the host's are asked. */
static void nameserver_changed(struct diff *diff, const struct listed *was, const struct listed *now)
{
	bool hosts = !diff->policies[1]->nameservers.count;

	add_listed(diff, now || hosts ? DIFF_OPENS : DIFF_CLOSES, "dns nameserver", was, now);
}

static struct listing list_nameservers(struct arena *arena, const struct policy *policy, int side)
{
	struct listing list = { 0 };

	for (size_t i = 0; i < policy->nameservers.count; i++) {
		const struct policy_nameserver *server = &policy->nameservers.items[i];
		const char *text =
			arena_printf(arena, "%s:%u", policy_nameserver_host(arena, server, true), server->port);

		*arena_push(arena, &list) = (struct listed){ text, text, server->span, side, i };
	}
	return list;
}

void diff_nameservers(struct diff *diff)
{
	struct arena *arena = diff->arena;
	struct listing was = list_nameservers(arena, diff->policies[0], 0), both = { 0 };
	struct listing now = list_nameservers(arena, diff->policies[1], 1);
	size_t before = diff->settings.count, same = 0;

	for (size_t i = 0; i < was.count; i++)
		*arena_push(arena, &both) = was.items[i];
	for (size_t i = 0; i < now.count; i++)
		*arena_push(arena, &both) = now.items[i];
	compare_lists(diff, &both, nameserver_changed);
	if (diff->settings.count > before)
		return;
	while (same < now.count && !strcmp(was.items[same].key, now.items[same].key))
		same++;
	if (same < now.count) /* the first is asked first */
		add_listed(diff, DIFF_CHANGES, arena_printf(arena, "dns nameserver number %zu:", same + 1),
			   &was.items[same], &now.items[same]);
}

/* ---- expectations ---- */

/* A flow as it was written, blanks aside: "egress@10.0.0.5:tcp:443 sni=x" */
static const char *flow_words(struct arena *arena, const struct policy *policy, const struct policy_expect *expect)
{
	char *words = arena_strdup(arena, span_text(arena, policy->sources, expect->span)), *save = NULL;
	struct text text = { .arena = arena };

	for (char *word = strtok_r(words, " \t\r\n", &save); word; word = strtok_r(NULL, " \t\r\n", &save)) {
		if (!text.count && (!strcmp(word, "expect") || !strcmp(word, policy_action_name(expect->action))))
			continue;
		text_addf(&text, "%s%s", text.count ? " " : "", word);
	}
	return text_get(&text);
}

static void expect_changed(struct diff *diff, const struct listed *was, const struct listed *now)
{
	enum diff_effect effect = !now                         ? DIFF_OPENS :
				  !was                         ? DIFF_CHANGES :
				  !strcmp(now->value, "allow") ? DIFF_OPENS :
								 DIFF_CLOSES;

	add_listed(diff, effect, arena_printf(diff->arena, "expect %s", (now ? now : was)->key), was, now);
}

void diff_expects(struct diff *diff)
{
	struct listing list = { 0 };

	if (diff->policies[0]->absent)
		return; /* all of them are new, as all else is */
	for (int side = 0; side < 2; side++) {
		const struct policy *policy = diff->policies[side];

		for (size_t i = 0; i < policy->expects.count; i++) {
			const struct policy_expect *expect = &policy->expects.items[i];

			*arena_push(diff->arena, &list) =
				(struct listed){ flow_words(diff->arena, policy, expect),
						 policy_action_name(expect->action), expect->span, side, i };
		}
	}
	compare_lists(diff, &list, expect_changed);
}

/* ---- findings that a comment silences: what check does not say is not fewer risks ---- */

static void silenced_changed(struct diff *diff, const struct listed *was, const struct listed *now)
{
	add_listed(diff,
		   !was ? DIFF_OPENS :
		   !now ? DIFF_CLOSES :
			  DIFF_CHANGES,
		   arena_printf(diff->arena, "lint: ignore %s", (now ? now : was)->key), was, now);
}

/* "# lint: ignore ID reason" of one source, each found by the mark in its comment */
static void list_silenced(struct diff *diff, struct listing *list, int side, uint32_t index)
{
	static const char mark[] = "lint:";
	const struct sources *sources = diff->policies[side]->sources;
	const struct source *source = sources_get(sources, index);

	for (size_t at = 0; at < source->len;) {
		const char *found = memmem(source->text + at, source->len - at, mark, strlen(mark));
		char *words, *save = NULL, *ignore, *id;

		if (!found)
			return;
		at = (size_t)(found - source->text);
		struct span comment = span_comment(sources, (struct span){ index, (uint32_t)at, (uint32_t)at });
		at += strlen(mark);
		words = arena_strdup(diff->arena, span_text(diff->arena, sources, comment));
		words += strspn(words, "# \t");
		if (strncmp(words, mark, strlen(mark)) != 0)
			continue;
		ignore = strtok_r(words + strlen(mark), " \t", &save);
		id = ignore && !strcmp(ignore, "ignore") ? strtok_r(NULL, " \t", &save) : NULL;
		if (!id || !save || !*(save += strspn(save, " \t")))
			continue; /* without a reason it does nothing */
		*arena_push(diff->arena, list) = (struct listed){ id, save, comment, side, list->count };
		at = comment.end; /* its words are its own */
	}
}

void diff_silenced(struct diff *diff)
{
	struct listing list = { 0 };

	for (int side = 0; side < 2; side++) {
		const struct sources *sources = diff->policies[side]->sources;

		for (uint32_t i = 0; i < sources->count; i++)
			if (sources->items[i]->kind == SOURCE_FILE)
				list_silenced(diff, &list, side, i);
	}
	compare_lists(diff, &list, silenced_changed);
}
