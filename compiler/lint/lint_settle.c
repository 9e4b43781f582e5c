/* Tries suggested edits: applies each to a copy of the sources, makes the policy again and checks it, so that no help
 * breaks what it was to mend. Nothing is read from disk for that. */
#include "lint/checks.h"
#include "lint/offer.h"
#include "base/text.h"
#include "policy/options.h"

#include <stdlib.h>
#include <string.h>

/* For all trials of one policy, in steps of fuel.h and bytes of sources; a fraction of a second. Past it, words only. */
#define STEPS_MAX UINT64_C(20000000)
#define BYTES_MAX UINT64_C(8000000)
#define TRIALS_MAX 2000

/* A finding, told by what stays when lines move */
struct key {
	const char *id, *line;
	struct place place;
	bool taken;
};

struct outcome {
	struct arena *arena;
	LIST_OF(struct key) keys;
	bool compiles;
};

struct settling {
	struct lint *lint;
	struct outcome before;
	uint64_t steps, bytes;
	size_t trials;
};

static int by_place(const void *left, const void *right)
{
	const struct diag_edit *a = left, *b = right;

	return COMPARE(a->span.start, b->span.start) ?: COMPARE(a->span.end, b->span.end);
}

/* The source's text with the edits that concern it */
static const char *edited(struct arena *arena, const struct source *source, uint32_t index,
			  const struct lint_offer *offer, size_t *len)
{
	size_t count = 0, total = offer ? offer->edits.count : 0;
	struct diag_edit *edits = arena_alloc(arena, (total + 1) * sizeof *edits);
	uint32_t at = 0;
	char *out;

	*len = source->len;
	for (size_t i = 0; i < total; i++)
		if (offer->edits.items[i].span.source == index) {
			edits[count++] = offer->edits.items[i];
			*len += strlen(offer->edits.items[i].text);
		}
	qsort(edits, count, sizeof *edits, by_place);
	out = arena_alloc(arena, *len + 1);
	*len = 0;
	for (size_t i = 0; i < count; i++) {
		size_t added = strlen(edits[i].text);

		if (edits[i].span.start < at)
			return NULL; /* they overlap */
		memcpy(out + *len, source->text + at, edits[i].span.start - at);
		*len += edits[i].span.start - at;
		memcpy(out + *len, edits[i].text, added);
		*len += added;
		at = edits[i].span.end;
	}
	memcpy(out + *len, source->text + at, source->len - at);
	*len += source->len - at;
	return out;
}

/* The rule arguments and files as the edits leave them. false: they cannot be applied */
static bool apply(struct settling *settling, struct arena *arena, const struct lint_offer *offer,
		  struct policy_options *options, struct source_texts *texts)
{
	const struct policy *policy = settling->lint->policy;
	const struct sources *sources = policy->sources;
	struct source *items = arena_alloc(arena, (sources->count + 1) * sizeof *items);
	const char **rules = arena_alloc(arena, (options->rules.count + 1) * sizeof *rules);

	for (size_t i = 0; i < options->rules.count; i++)
		rules[i] = options->rules.items[i];
	options->rules.items = rules;
	for (uint32_t i = 0; i < sources->count; i++) {
		struct source *source = &items[texts->count], text = *sources->items[i];
		size_t number = text.kind == SOURCE_ARG ? strtoul(text.name + strlen("arg:"), NULL, 10) : 0;

		if (text.kind == SOURCE_FLAG)
			continue;
		text.text = edited(arena, sources->items[i], i, offer, &text.len);
		settling->bytes += text.len;
		if (!text.text)
			return false;
		if (number && number <= options->rules.count)
			rules[number - 1] = text.text;
		if (text.kind != SOURCE_FILE)
			continue;
		*source = text;
		if (!strcmp(text.name, policy->name) && texts->count) { /* the top file comes first */
			*source = items[0];
			items[0] = text;
		}
		texts->count++;
	}
	texts->items = items;
	return true;
}

static const char *line_of(struct arena *arena, const struct sources *sources, struct span span)
{
	const struct source *source = sources_get(sources, span.source);

	if (source && source->kind == SOURCE_FILE)
		span = span_line(sources, span);
	return source ? span_text(arena, sources, span) : "";
}

static void note_findings(struct outcome *outcome, const struct diags *diags)
{
	for (size_t i = 0; i < diags->list.count; i++) {
		const struct diag *diag = &diags->list.items[i];
		struct key *key = arena_push(outcome->arena, &outcome->keys);

		*key = (struct key){ .id = diag->id,
				     .line = line_of(outcome->arena, diags->sources, diag->span),
				     .place = span_place(diags->sources, diag->span) };
		if (diag->level == DIAG_ERROR && strcmp(diag->id, "expired"))
			outcome->compiles = false;
	}
}

/* What a policy is after an offer, NULL: as it is. The caller frees the arena. */
static struct outcome attempt(struct settling *settling, const struct lint_offer *offer)
{
	struct lint *lint = settling->lint;
	struct outcome outcome = { .arena = arena_new(), .compiles = true };
	struct policy_options options = *lint->policy->made_from;
	struct source_texts texts = { NULL, 0 };
	struct sources *sources = sources_new(outcome.arena);
	struct diags *diags = diags_new(outcome.arena, sources);
	struct lint_options lint_options = *lint->options;
	struct policy *policy;

	diags->limit = 4096;
	settling->trials++;
	options.arena = outcome.arena;
	outcome.compiles = apply(settling, outcome.arena, offer, &options, &texts);
	if (!outcome.compiles)
		return outcome;
	sources->texts = &texts;
	policy = options_resolve(&options, lint->policy->file, diags);
	note_findings(&outcome, diags);
	if (!outcome.compiles || !lint->run)
		return outcome;
	eval_prepare(policy);
	settling->steps += lint->run(policy, &lint_options, diags);
	outcome.keys.count = 0;
	note_findings(&outcome, diags);
	return outcome;
}

static bool take(struct outcome *from, const char *id, const char *line)
{
	for (size_t i = 0; i < from->keys.count; i++) {
		struct key *key = &from->keys.items[i];

		if (!key->taken && !strcmp(key->id, id) && (!line || !strcmp(key->line, line))) {
			key->taken = true;
			return true;
		}
	}
	return false;
}

static bool had_line(const struct sources *sources, const char *line)
{
	for (size_t i = 0; i < sources->count; i++)
		if (strstr(sources->items[i]->text, line))
			return true;
	return false;
}

/* Whether every finding that is left was there before, the one that was to go aside. A line that was changed may keep
 * what else was found in it. */
static bool nothing_new(struct settling *settling, const struct diag *gone, struct outcome *after)
{
	struct outcome *before = &settling->before;
	const struct sources *sources = settling->lint->policy->sources;

	for (size_t i = 0; i < before->keys.count; i++)
		before->keys.items[i].taken = false;
	if (!take(before, gone->id, line_of(after->arena, sources, gone->span)))
		return false;
	for (size_t i = 0; i < after->keys.count; i++) {
		struct key *key = &after->keys.items[i];

		key->taken = take(before, key->id, key->line);
	}
	for (size_t i = 0; i < after->keys.count; i++) {
		struct key *key = &after->keys.items[i];

		if (!key->taken && (had_line(sources, key->line) || !take(before, key->id, NULL)))
			return false;
	}
	return true;
}

static bool mends(struct settling *settling, const struct lint_offer *offer)
{
	struct outcome after;
	bool good;

	if (!offer->whole || settling->steps > STEPS_MAX || settling->bytes > BYTES_MAX ||
	    settling->trials > TRIALS_MAX)
		return false;
	after = attempt(settling, offer);
	good = after.compiles && nothing_new(settling, offer->diag, &after);
	arena_free(after.arena);
	return good;
}

static void keep(struct lint *lint, const struct lint_offer *offer)
{
	offer->diag->help = offer->help;
	for (size_t i = 0; i < offer->edits.count; i++)
		diag_edit(lint->diags, offer->diag, offer->edits.items[i].span, offer->edits.items[i].text);
}

void lint_settle(struct lint *lint)
{
	struct settling settling = { .lint = lint };
	const struct diag *settled = NULL;

	/* the first trial looks at the policy as it is, the second at an offer */
	if (!lint->offers.count || lint->fuel.out ||
	    analysis_fuel(lint->policy->rules.count) - lint->fuel.left > STEPS_MAX / 2)
		return;
	settling.before = attempt(&settling, NULL);
	for (size_t i = 0; i < lint->offers.count && settling.before.compiles; i++) {
		const struct lint_offer *offer = lint->offers.items[i];

		if (offer->diag == settled || !mends(&settling, offer))
			continue;
		keep(lint, offer);
		settled = offer->diag;
	}
	arena_free(settling.before.arena);
}

/* ---- errors ---- */

static bool is_there(const struct key *key, const struct place *place)
{
	return key->place.file && place->file && key->place.line == place->line &&
	       !strcmp(key->place.file, place->file);
}

/* Whether the line of an error has none that it did not have, and this one less */
static bool line_is_better(struct settling *settling, const struct diag *error, struct outcome *after)
{
	struct place place = span_place(settling->lint->diags->sources, error->span);
	struct outcome *before = &settling->before;
	bool gone = false;

	for (size_t i = 0; i < before->keys.count; i++) {
		struct key *key = &before->keys.items[i];

		key->taken = !is_there(key, &place);
		if (!gone && !key->taken && !strcmp(key->id, error->id))
			gone = key->taken = true;
	}
	for (size_t i = 0; i < after->keys.count; i++)
		if (is_there(&after->keys.items[i], &place) && !take(before, after->keys.items[i].id, NULL))
			return false;
	return gone;
}

static bool error_goes(struct settling *settling, struct diag *error)
{
	struct lint_offer offer = { .diag = error, .whole = true };
	struct outcome after;
	bool good;

	if (settling->bytes > BYTES_MAX || settling->trials > TRIALS_MAX)
		return false;
	offer.edits.items = error->edits.items;
	offer.edits.count = error->edits.count;
	after = attempt(settling, &offer);
	good = line_is_better(settling, error, &after);
	arena_free(after.arena);
	return good;
}

void lint_error_edits(const struct policy *policy, struct diags *diags, size_t first)
{
	const struct lint_options options = { .disabled = NULL };
	struct lint lint = { .policy = policy, .options = &options, .diags = diags, .arena = diags->arena };
	struct settling settling = { .lint = &lint };
	bool begun = false;

	for (size_t i = first; i < diags->list.count; i++) {
		struct diag *diag = &diags->list.items[i];

		if (diag->level != DIAG_ERROR || !diag->edits.count)
			continue;
		if (!begun)
			settling.before = attempt(&settling, NULL);
		begun = true;
		if (!error_goes(&settling, diag))
			diag->edits.count = 0;
	}
	if (begun)
		arena_free(settling.before.arena);
}
