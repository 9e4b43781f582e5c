/* The queue of findings: adding, counting, ordering, and "did you mean". Printers are in diag_text.c,
 * diag_json.c, diag_sarif.c and diag_github.c. */
#include "diag/diag.h"
#include "base/text.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIMIT 100
#define MESSAGE_MAX 512 /* bytes */

struct diags *diags_new(struct arena *arena, struct sources *sources)
{
	struct diags *diags = arena_alloc(arena, sizeof *diags);
	diags->arena = arena;
	diags->sources = sources;
	diags->limit = LIMIT;
	return diags;
}

static void count_level(struct diags *diags, enum diag_level level)
{
	switch (level) {
	case DIAG_ERROR:
		diags->errors++;
		break;
	case DIAG_WARNING:
		diags->warnings++;
		break;
	case DIAG_NOTE:
		diags->notes++;
		break;
	}
}

/* Where a finding goes. Past the limit an error still takes the place of something milder, so that a
 * hundred warnings do not hide why the policy was refused. NULL: nowhere. */
static struct diag *find_slot(struct diags *diags, enum diag_level level)
{
	if (diags->list.count < diags->limit) {
		if (!diags->list.items) { /* all at once: pointers to findings then stay good */
			diags->list.items = arena_alloc(diags->arena, diags->limit * sizeof *diags->list.items);
			diags->list.cap = diags->limit;
		}
		return arena_push(diags->arena, &diags->list);
	}
	for (size_t i = diags->list.count; level == DIAG_ERROR && i-- > 0;)
		if (diags->list.items[i].level < DIAG_ERROR)
			return &diags->list.items[i];
	return NULL;
}

/* A message quotes words of the input, which may be of any length. */
static const char *format_bounded(struct arena *arena, const char *fmt, va_list args)
{
	char text[MESSAGE_MAX];
	int len = vsnprintf(text, sizeof text, fmt, args);
	if (len < (int)sizeof text)
		return arena_strdup(arena, text);
	size_t keep = sizeof text - 4;
	while (keep > 0 && ((unsigned char)text[keep] & 0xc0) == 0x80)
		keep--;
	return arena_printf(arena, "%.*s…", (int)keep, text);
}

struct diag *diag_add(struct diags *diags, enum diag_level level, const char *id, struct span span, const char *fmt,
		      ...)
{
	count_level(diags, level);
	struct diag *slot = find_slot(diags, level), *diag = slot ? slot : &diags->spare;
	*diag = (struct diag){ .level = level, .id = id, .span = span, .message = "" };
	if (!slot)
		return diag;
	va_list args;
	va_start(args, fmt);
	diag->message = format_bounded(diags->arena, fmt, args);
	va_end(args);
	return diag;
}

void diag_relate(struct diags *diags, struct diag *diag, struct span span, const char *fmt, ...)
{
	if (diag == &diags->spare)
		return;
	struct diag_related *related = arena_push(diags->arena, &diag->related);
	va_list args;
	va_start(args, fmt);
	*related = (struct diag_related){ span, format_bounded(diags->arena, fmt, args) };
	va_end(args);
}

void diag_edit(struct diags *diags, struct diag *diag, struct span span, const char *text)
{
	const struct source *source = sources_get(diags->sources, span.source);
	if (diag == &diags->spare || !source || !source->quotable)
		return;
	struct diag_edit *edit = arena_push(diags->arena, &diag->edits);
	*edit = (struct diag_edit){ span, text };
}

void diag_did_you_mean(struct diags *diags, struct diag *diag, struct span span, const char *nearest)
{
	if (!nearest)
		return;
	diag->label = arena_printf(diags->arena, "did you mean `%s`?", nearest);
	if (strcmp(nearest, "any") != 0)
		diag_edit(diags, diag, span, nearest);
}

const char *diag_level_name(enum diag_level level)
{
	static const char *const names[] = { [DIAG_NOTE] = "note", [DIAG_WARNING] = "warning", [DIAG_ERROR] = "error" };
	return names[level];
}

const char *diags_counts(const struct diags *diags)
{
	const struct {
		size_t count;
		const char *what;
	} parts[] = { { diags->errors, "error" }, { diags->warnings, "warning" }, { diags->notes, "note" } };
	struct text text = { .arena = diags->arena };
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (parts[i].count)
			text_addf(&text, "%s%zu %s%s", text.count ? ", " : "", parts[i].count, parts[i].what,
				  parts[i].count == 1 ? "" : "s");
	return text.count ? text_get(&text) : "no findings";
}

/* By place; what has none first. Two findings at one place stay in the order in which they were found,
 * which is that of their addresses. */
static int compare_places(const void *left, const void *right)
{
	const struct diag *a = *(const struct diag *const *)left, *b = *(const struct diag *const *)right;
	uint32_t x = a->span.source + 1, y = b->span.source + 1; /* SPAN_NO_SOURCE + 1 is 0 */

	return COMPARE(x, y) ?: COMPARE(a->span.start, b->span.start) ?: COMPARE(a, b);
}

/* A finding of which only place and id may be told: its words, and whatever else it was made of, may be the file's. */
static const struct diag *without_words(struct arena *arena, const struct diag *diag)
{
	struct diag *hidden = arena_alloc(arena, sizeof *hidden);
	*hidden = (struct diag){
		.level = diag->level,
		.id = diag->id,
		.span = diag->span,
		.message = "what the file says is not shown: a link leads to it, out of its directory",
	};
	return hidden;
}

const struct diag **diags_sorted(const struct diags *diags)
{
	const struct diag **sorted = arena_alloc(diags->arena, (diags->list.count + 1) * sizeof *sorted);
	bool quotable = sources_quotable(diags->sources);
	for (size_t i = 0; i < diags->list.count; i++)
		sorted[i] = quotable ? &diags->list.items[i] : without_words(diags->arena, &diags->list.items[i]);
	qsort(sorted, diags->list.count, sizeof *sorted, compare_places);
	return sorted;
}

bool color_wanted(enum color_when when, FILE *out)
{
	if (when != COLOR_AUTO)
		return when == COLOR_ALWAYS;
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	return !(no_color && *no_color) && term && strcmp(term, "dumb") != 0 && isatty(fileno(out));
}

#define NEAREST_MAX 2
#define WORD_MAX 64

static size_t decode_word(const char *word, uint32_t out[static WORD_MAX])
{
	size_t len = strlen(word), count = 0;
	for (size_t at = 0; at < len; count++) {
		if (count == WORD_MAX)
			return WORD_MAX + 1;
		size_t size = utf8_decode(word + at, len - at, &out[count]);
		if (!size)
			out[count] = 0x110000u + (unsigned char)word[at]; /* equal to no character */
		at += size ? size : 1;
	}
	return count;
}

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;
	return least < c ? least : c;
}

/* Levenshtein, with one row of the table kept. */
static size_t distance(const uint32_t *a, size_t a_len, const uint32_t *b, size_t b_len)
{
	size_t row[WORD_MAX + 1];
	for (size_t j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t above = row[j];
			row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[b_len];
}

const char *diag_nearest(const char *word, const char *const *words)
{
	uint32_t wanted[WORD_MAX], candidate[WORD_MAX];
	size_t len = decode_word(word, wanted), best = NEAREST_MAX + 1;
	const char *nearest = NULL;
	if (len > WORD_MAX)
		return NULL;
	for (; *words && best; words++) {
		size_t candidate_len = decode_word(*words, candidate);
		if (candidate_len > WORD_MAX)
			continue;
		size_t far = distance(wanted, len, candidate, candidate_len);
		if (far < best) {
			best = far;
			nearest = *words;
		}
	}
	return nearest;
}
