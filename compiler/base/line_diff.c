/* A unified diff. Lines that both texts begin or end with aside, the longest common subsequence of the rest
 * is what stayed; where that table would be too large, all of the rest counts as replaced. */
#include "base/line_diff.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define CONTEXT 3
#define TABLE_MAX (4u << 20)

struct lines {
	const char **items; /* each up to its newline, which is not part of it */
	size_t *lengths;
	size_t count;
};

static struct lines split(struct arena *arena, const char *text)
{
	struct lines lines = { 0 };
	size_t count = 0;
	for (const char *at = text; *at; count++) {
		const char *newline = strchr(at, '\n');
		at = newline ? newline + 1 : at + strlen(at);
	}
	lines.items = arena_alloc(arena, (count + 1) * sizeof *lines.items);
	lines.lengths = arena_alloc(arena, (count + 1) * sizeof *lines.lengths);
	for (const char *at = text; *at; lines.count++) {
		size_t len = strcspn(at, "\n");
		lines.items[lines.count] = at;
		lines.lengths[lines.count] = len;
		at += len + (at[len] == '\n');
	}
	return lines;
}

static bool is_same(const struct lines *a, size_t i, const struct lines *b, size_t j)
{
	return a->lengths[i] == b->lengths[j] && memcmp(a->items[i], b->items[j], a->lengths[i]) == 0;
}

/* The script: ' ' both have the line, '-' the old one has, '+' the new one. */
struct script {
	char *items;
	size_t count, cap;
};

static void put(struct arena *arena, struct script *script, char what)
{
	*arena_push(arena, script) = what;
}

/* Old lines [from, from + rows) against new lines [from, from + columns). */
static void diff_middle(struct arena *arena, struct script *script, const struct lines *old, const struct lines *new,
			size_t from, size_t rows, size_t columns)
{
	uint32_t *table = NULL; /* [i][j]: length of the common subsequence of what follows i and j */
	if ((rows + 1) <= TABLE_MAX / (columns + 1))
		table = arena_alloc(arena, (rows + 1) * (columns + 1) * sizeof *table);
#define COMMON(i, j) table[(i) * (columns + 1) + (j)]
	for (size_t i = rows; table && i-- > 0;)
		for (size_t j = columns; j-- > 0;) {
			uint32_t down = COMMON(i + 1, j), right = COMMON(i, j + 1);
			COMMON(i, j) = is_same(old, from + i, new, from + j) ? COMMON(i + 1, j + 1) + 1 :
				       down >= right                         ? down :
									       right;
		}
	size_t i = 0, j = 0;
	while (i < rows || j < columns) {
		if (table && i < rows && j < columns && is_same(old, from + i, new, from + j)) {
			put(arena, script, ' ');
			i++, j++;
		} else if (i < rows && (j == columns || !table || COMMON(i + 1, j) >= COMMON(i, j + 1))) {
			put(arena, script, '-');
			i++;
		} else {
			put(arena, script, '+');
			j++;
		}
	}
#undef COMMON
}

static struct script make_script(struct arena *arena, const struct lines *old, const struct lines *new)
{
	struct script script = { 0 };
	size_t shorter = old->count < new->count ? old->count : new->count, head = 0, tail = 0;
	while (head < shorter && is_same(old, head, new, head))
		head++;
	while (tail < shorter - head && is_same(old, old->count - 1 - tail, new, new->count - 1 - tail))
		tail++;
	for (size_t i = 0; i < head; i++)
		put(arena, &script, ' ');
	diff_middle(arena, &script, old, new, head, old->count - head - tail, new->count - head - tail);
	for (size_t i = 0; i < tail; i++)
		put(arena, &script, ' ');
	return script;
}

/* End of the hunk that begins at `from`: where more than twice the context has not changed, or the end. */
static size_t hunk_end(const struct script *script, size_t from)
{
	size_t unchanged = 0, at = from;
	for (; at < script->count && unchanged <= 2 * CONTEXT; at++)
		unchanged = script->items[at] == ' ' ? unchanged + 1 : 0;
	return unchanged > CONTEXT ? at - (unchanged - CONTEXT) : at;
}

static void print_hunk(struct text *out, const struct script *script, size_t from, size_t to, const struct lines *old,
		       const struct lines *new, size_t old_at, size_t new_at)
{
	size_t old_count = 0, new_count = 0;
	for (size_t i = from; i < to; i++) {
		old_count += script->items[i] != '+';
		new_count += script->items[i] != '-';
	}
	text_addf(out, "@@ -%zu,%zu +%zu,%zu @@\n", old_at + (old_count > 0), old_count, new_at + (new_count > 0),
		  new_count);
	for (size_t i = from; i < to; i++) {
		bool added = script->items[i] == '+';
		const struct lines *lines = added ? new : old;
		size_t at = added ? new_at : old_at;
		text_addf(out, "%c%.*s\n", script->items[i], (int)lines->lengths[at], lines->items[at]);
		old_at += script->items[i] != '+';
		new_at += script->items[i] != '-';
	}
}

const char *line_diff(struct arena *arena, const char *old_name, const char *old_text, const char *new_name,
		      const char *new_text)
{
	if (strcmp(old_text, new_text) == 0)
		return "";
	struct lines old = split(arena, old_text), new = split(arena, new_text);
	struct script script = make_script(arena, &old, &new);
	struct text out = { .arena = arena };
	text_addf(&out, "--- %s\n+++ %s\n", old_name, new_name);
	size_t old_at = 0, new_at = 0;
	for (size_t i = 0; i < script.count;) {
		size_t change = i;
		while (change < script.count && script.items[change] == ' ')
			change++;
		if (change == script.count)
			break;
		size_t from = change - i > CONTEXT ? change - CONTEXT : i, to = hunk_end(&script, change);
		old_at += from - i;
		new_at += from - i;
		print_hunk(&out, &script, from, to, &old, &new, old_at, new_at);
		for (size_t at = from; at < to; at++) {
			old_at += script.items[at] != '+';
			new_at += script.items[at] != '-';
		}
		i = to;
	}
	return text_get(&out);
}
