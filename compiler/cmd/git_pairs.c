/* Loading both sides by the same rules, the revision's from its tree; and renames, by the lines that two files share:
 * git's own would run the filters that a repository names. */
#include "cmd/git_pairs.h"
#include "base/fnv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- loading ---- */

static const char *top_text(const struct cmd_policy *loaded)
{
	const struct source *source = sources_get(loaded->sources, 0);

	for (uint32_t i = 0; source && source->kind != SOURCE_FILE; i++)
		source = sources_get(loaded->sources, i);
	return source ? source->text : NULL;
}

/* Its first statement is the word `library`: statements for others to include, and no policy of its own */
static bool is_library(const struct cmd_policy *loaded)
{
	static const char word[] = "library";
	const char *text = top_text(loaded);

	while (text && (*text == '#' || strchr(" \t\r\n", *text)) && *text)
		text += *text == '#' ? strcspn(text, "\n") : 1;
	return text && !strncmp(text, word, strlen(word)) && strchr(" \t\r\n#", text[strlen(word)]);
}

/* The options with which both sides are read; the revision's may include from where its --include-root is there. */
static bool options_of(const struct git_review *review, const struct cmd_line *line, int side,
		       struct policy_options *out)
{
	*out = line->policy;
	if (side == 0 && out->include_root)
		out->include_root = git_review_inner(review, out->include_root);
	return !line->policy.include_root || out->include_root;
}

static void load(struct git_review *review, const struct cmd_line *line, struct git_pair *pair, int side)
{
	struct cmd_policy *loaded = &pair->sides.loaded[side];
	const char *path = pair->paths[side];
	struct policy_options options;

	loaded->arena = pair->arena;
	if (!path) {
		cmd_diff_absent(loaded, "/dev/null");
		return;
	}
	loaded->sources = sources_new(pair->arena);
	loaded->sources->tree = side == 0 ? review->tree : NULL;
	loaded->diags = diags_new(pair->arena, loaded->sources);
	options_of(review, line, side, &options);
	loaded->policy = options_resolve(&options, side == 0 ? path : git_review_outer(review, path), loaded->diags);
	loaded->name = path;
	if (!is_library(loaded))
		return;
	pair->paths[side] = NULL;
	*loaded = (struct cmd_policy){ .arena = pair->arena };
	cmd_diff_absent(loaded, "/dev/null");
}

static const struct source *next_file(const struct sources *sources, uint32_t *at)
{
	const struct source *source;

	while ((source = sources_get(sources, (*at)++)))
		if (source->kind == SOURCE_FILE)
			break;
	return source;
}

/* The same bytes, those of includes too, in the same order */
static bool same_files(const struct git_pair *pair)
{
	const struct source *files[2];
	uint32_t at[2] = { 0, 0 };

	do {
		for (int side = 0; side < 2; side++)
			files[side] = next_file(pair->sides.loaded[side].sources, &at[side]);
		if (!files[0] || !files[1])
			return !files[0] && !files[1];
	} while (files[0]->len == files[1]->len && !memcmp(files[0]->text, files[1]->text, files[0]->len));
	return false;
}

/* What could not be read is not known to be alike. */
static bool are_alike(const struct git_pair *pair)
{
	return pair->paths[0] && pair->paths[1] && !strcmp(pair->paths[0], pair->paths[1]) && same_files(pair) &&
	       pair->sides.loaded[0].diags->errors == pair->sides.loaded[1].diags->errors &&
	       cmd_policy_status(&pair->sides.loaded[1]) != STATUS_SYSTEM;
}

static void load_path(struct git_review *review, const struct cmd_line *line, struct git_pairs *pairs,
		      const struct git_path *path)
{
	struct git_pair pair = { .arena = arena_new() };

	for (int side = 0; side < 2; side++) {
		pair.paths[side] = path->there[side] ? path->path : NULL;
		load(review, line, &pair, side);
	}
	if ((pair.paths[0] || pair.paths[1]) && !are_alike(&pair)) {
		*arena_push(review->arena, pairs) = pair;
		*arena_push(review->arena, &pairs->arenas) = pair.arena;
		return;
	}
	pairs->alike += pair.paths[1] && git_review_wants(review, path->path);
	arena_free(pair.arena);
}

bool git_pairs_load(struct git_review *review, struct cmd_line *line, struct git_pairs *pairs)
{
	struct policy_options options;
	int failure;

	*pairs = (struct git_pairs){ .alike = 0 };
	if (!options_of(review, line, 0, &options)) {
		cmd_usage_error(line, "--include-root %s: outside of the repository %s", line->policy.include_root,
				review->top);
		return false;
	}
	for (size_t i = 0; i < review->paths.count; i++)
		load_path(review, line, pairs, &review->paths.items[i]);
	failure = git_tree_failure(review->tree);
	if (!failure)
		return true;
	cmd_usage_error(line,
			"the repository lacks files of %s%s: get them all (a clone without `--filter`, or "
			"`git fetch --refetch --no-filter`)",
			review->base, failure == -EIO ? ", or git failed" : "");
	return false;
}

void git_pairs_free(struct git_pairs *pairs)
{
	for (size_t i = 0; i < pairs->arenas.count; i++)
		arena_free(pairs->arenas.items[i]);
}

/* ---- renames ---- */

#define PAIRS_TRIED 100000
#define SIMILAR 50 /* of a hundred lines */

struct line_hash {
	uint64_t *items;
	size_t count, cap;
};

static int compare_hashes(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static struct line_hash hash_lines(struct arena *arena, const char *text)
{
	struct line_hash lines = { 0 };

	while (*text) {
		uint64_t hash = FNV_START;

		for (; *text && *text != '\n'; text++)
			if (*text != '\r')
				hash = fnv_byte(hash, (unsigned char)*text);
		text += *text == '\n';
		*arena_push(arena, &lines) = hash;
	}
	if (lines.count)
		qsort(lines.items, lines.count, sizeof *lines.items, compare_hashes);
	return lines;
}

/* Of a hundred lines of both how many are the same */
static size_t similarity(const struct line_hash *a, const struct line_hash *b)
{
	size_t i = 0, j = 0, shared = 0;

	while (i < a->count && j < b->count) {
		int order = compare_hashes(&a->items[i], &b->items[j]);

		shared += !order;
		i += order <= 0;
		j += order >= 0;
	}
	return a->count + b->count ? 200 * shared / (a->count + b->count) : 0;
}

struct end {
	size_t pair;
	struct line_hash lines;
	bool taken;
};

struct ends {
	struct end *items;
	size_t count, cap;
};

static struct ends find_ends(struct git_review *review, const struct git_pairs *pairs, int side)
{
	struct ends ends = { 0 };

	for (size_t i = 0; i < pairs->count; i++) {
		const struct git_pair *pair = &pairs->items[i];
		const char *text = top_text(&pair->sides.loaded[side]);

		if (pair->paths[side] && !pair->paths[!side] && text)
			*arena_push(review->arena, &ends) = (struct end){ i, hash_lines(review->arena, text), false };
	}
	return ends;
}

/* The removed side becomes the added one's; what is left of its own pair is empty. */
static void join(struct git_pairs *pairs, const struct end *removed, const struct end *added)
{
	struct git_pair *from = &pairs->items[removed->pair], *to = &pairs->items[added->pair];

	to->paths[0] = from->paths[0];
	to->sides.loaded[0] = from->sides.loaded[0];
	to->renamed = true;
	from->paths[0] = NULL;
}

struct candidate {
	size_t removed, added, score;
};

struct candidates {
	struct candidate *items;
	size_t count, cap;
};

static int compare_candidates(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	return (y->score > x->score) - (y->score < x->score)                 ?:
		       (x->removed > y->removed) - (x->removed < y->removed) ?:
		       (x->added > y->added) - (x->added < y->added);
}

static void join_renamed(struct arena *arena, struct git_pairs *pairs, struct ends *removed, struct ends *added)
{
	struct candidates candidates = { 0 };

	for (size_t i = 0; i < removed->count; i++)
		for (size_t j = 0; j < added->count; j++) {
			size_t score = similarity(&removed->items[i].lines, &added->items[j].lines);

			if (score >= SIMILAR)
				*arena_push(arena, &candidates) = (struct candidate){ i, j, score };
		}
	if (candidates.count)
		qsort(candidates.items, candidates.count, sizeof *candidates.items, compare_candidates);
	for (size_t i = 0; i < candidates.count; i++) {
		struct end *from = &removed->items[candidates.items[i].removed];
		struct end *to = &added->items[candidates.items[i].added];

		if (from->taken || to->taken)
			continue;
		from->taken = to->taken = true;
		join(pairs, from, to);
	}
}

static bool is_wanted(const struct git_review *review, const struct git_pair *pair)
{
	for (int side = 0; side < 2; side++)
		if (pair->paths[side] && git_review_wants(review, pair->paths[side]))
			return true;
	return false;
}

void git_pairs_join(struct git_review *review, struct git_pairs *pairs)
{
	struct ends removed = find_ends(review, pairs, 0), added = find_ends(review, pairs, 1);
	size_t kept = 0;

	/* where a whole tree moved, what was not tried is removed and added, which hides nothing */
	if (removed.count && added.count <= PAIRS_TRIED / removed.count)
		join_renamed(review->arena, pairs, &removed, &added);
	for (size_t i = 0; i < pairs->count; i++)
		if (is_wanted(review, &pairs->items[i]))
			pairs->items[kept++] = pairs->items[i];
	pairs->count = kept;
}
