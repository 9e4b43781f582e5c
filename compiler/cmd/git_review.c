/* Finding the merge base and the policies of both sides. Links and odd names are git's to tell: nothing is taken apart
 * but what it ends with a NUL. */
#include "cmd/git_review.h"
#include "base/escape.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- errors ---- */

static int refuse(const struct cmd_line *line, const char *message, const char *help)
{
	fprintf(stderr, "msb-policyc: error: %s\n", escape_text(line->arena, message));
	if (help)
		fprintf(stderr, "  help: %s\n", escape_text(line->arena, help));
	return STATUS_SYSTEM;
}

static int no_git(const struct cmd_line *line, const struct git_end *end)
{
	if (end->status < 0)
		return refuse(line, arena_printf(line->arena, "cannot run git: %s", strerror(-end->status)),
			      "diff --git needs git 2.30 or later");
	return refuse(line, arena_printf(line->arena, "git: %s", *end->message ? end->message : "it failed"),
		      "--git compares with a commit of the repository that the current directory is in");
}

static bool is_shallow(struct git_review *review)
{
	static const char *const args[] = { "rev-parse", "--is-shallow-repository", NULL };
	struct git_end end;
	const char *answer = git_line(review->arena, args, &end);

	return answer && !strcmp(answer, "true");
}

static int no_history(struct git_review *review, const struct cmd_line *line, const char *message)
{
	return refuse(
		line, message,
		is_shallow(review) ?
			"this clone is shallow: `git fetch --unshallow`, or `fetch-depth: 0` for actions/checkout" :
			"fetch it: `git fetch origin`; for actions/checkout, `fetch-depth: 0`");
}

/* ---- the repository ---- */

static const char *real(struct arena *arena, const char *path)
{
	char *found = realpath(path, NULL);
	const char *copy = found ? arena_strdup(arena, found) : NULL;

	free(found);
	return copy;
}

/* Where `path` lies beneath `dir`, both absolute; NULL outside */
static const char *beneath(const char *dir, const char *path)
{
	size_t len = strcmp(dir, "/") ? strlen(dir) : 0;

	if (strncmp(dir, path, len) != 0 || (path[len] && path[len] != '/'))
		return NULL;
	return path + len + (path[len] == '/');
}

static int find_top(struct git_review *review, const struct cmd_line *line)
{
	static const char *const inside[] = { "rev-parse", "--is-inside-work-tree", NULL };
	static const char *const up[] = { "rev-parse", "--show-cdup", NULL };
	struct git_end end;
	const char *answer = git_line(review->arena, inside, &end), *here = real(review->arena, ".");

	if (!answer)
		return no_git(line, &end);
	if (strcmp(answer, "true") != 0)
		return refuse(line, "no work tree here: the repository is bare, or this is its .git",
			      "run it where the files are checked out: `git worktree add DIR`");
	answer = git_line(review->arena, up, &end);
	if (end.status)
		return no_git(line, &end);
	/* how many levels up: names of directories may hold any byte, ".." does not */
	review->top = real(review->arena, answer && *answer ? answer : ".");
	review->prefix = review->top && here ? beneath(review->top, here) : NULL;
	return review->prefix ? STATUS_FINE : refuse(line, "cannot find the repository's top directory", NULL);
}

/* The name of the object that REV's `kind` is */
static const char *resolve(struct git_review *review, const char *rev, const char *kind, struct git_end *end)
{
	const char *args[] = { "rev-parse",
			       "--verify",
			       "--quiet",
			       "--end-of-options",
			       arena_printf(review->arena, "%s^{%s}", rev, kind),
			       NULL };
	const char *name = git_line(review->arena, args, end);

	return name && strlen(name) <= GIT_NAME_MAX && strspn(name, "0123456789abcdef") == strlen(name) ? name : NULL;
}

struct bases {
	struct arena *arena;
	const char *first;
	size_t count;
};

static void take_base(void *self, const char *record)
{
	struct bases *bases = self;

	if (!bases->count++)
		bases->first = arena_strdup(bases->arena, record);
}

static int find_base(struct git_review *review, const struct cmd_line *line)
{
	struct bases bases = { .arena = review->arena };
	struct git_end end;
	const char *head = resolve(review, "HEAD", "commit", &end);

	if (!head)
		return end.status < 0 ? no_git(line, &end) :
					refuse(line, "git: HEAD is no commit yet", "commit something first");
	const char *rev = resolve(review, line->git, "commit", &end);
	if (!rev)
		return no_history(review, line, arena_printf(line->arena, "git has no commit `%s` here", line->git));
	const char *args[] = { "merge-base", "--all", rev, head, NULL };
	end = git_run(review->arena, args, '\n', take_base, &bases);
	if (end.status || !bases.count)
		return no_history(
			review, line,
			arena_printf(line->arena, "git finds no commit that `%s` and HEAD have in common", line->git));
	review->base = bases.first;
	if (bases.count > 1)
		fprintf(stderr, "msb-policyc: note: `%s` and HEAD have %zu merge bases; compared with %s\n",
			escape_text(line->arena, line->git), bases.count, review->base);
	return STATUS_FINE;
}

static int open_tree(struct git_review *review, const struct cmd_line *line)
{
	struct git_end end;
	const char *tree = resolve(review, review->base, "tree", &end);

	if (!tree)
		return no_history(review, line, arena_printf(line->arena, "git has not the files of %s", review->base));
	review->objects = git_objects_open(review->arena);
	if (!review->objects)
		return refuse(line, arena_printf(line->arena, "cannot run git: %s", strerror(errno)), NULL);
	review->tree =
		git_tree_new(review->arena, review->objects, tree, arena_printf(review->arena, "%.10s:", review->base));
	return STATUS_FINE;
}

/* ---- paths ---- */

const char *git_review_outer(const struct git_review *review, const char *path)
{
	const char *prefix = review->prefix, *up = "";

	while (*prefix) {
		size_t len = strcspn(prefix, "/");

		if (strncmp(prefix, path, len) != 0 || path[len] != '/')
			break;
		path += len + 1;
		prefix += len + (prefix[len] == '/');
	}
	for (; *prefix; prefix += strcspn(prefix, "/"), prefix += *prefix == '/')
		up = arena_printf(review->arena, "../%s", up);
	return arena_printf(review->arena, "%s%s", up, path);
}

/* The longest part of the path that exists, without links, and what is left: a directory may be in the revision only */
static const char *settle(struct arena *arena, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dir;
	struct stat status;

	if (!*name || !strcmp(name, ".") || !strcmp(name, "..") ||
	    (stat(path, &status) == 0 && S_ISDIR(status.st_mode)))
		return real(arena, path);
	dir = !slash ? "." : slash == path ? "/" : arena_strndup(arena, path, (size_t)(slash - path));
	dir = real(arena, dir) ?: settle(arena, dir);
	return dir ? arena_printf(arena, "%s/%s", strcmp(dir, "/") ? dir : "", name) : NULL;
}

const char *git_review_inner(const struct git_review *review, const char *outer)
{
	size_t len = strlen(outer);
	const char *path;

	while (len > 1 && outer[len - 1] == '/')
		len--;
	path = settle(review->arena, arena_strndup(review->arena, outer, len));
	return path ? beneath(review->top, path) : NULL;
}

/* ---- the policies of both sides ---- */

static bool has_suffix(const char *path, const char *suffix)
{
	size_t len = strlen(path), tail = strlen(suffix);

	return len > tail && !strcmp(path + len - tail, suffix);
}

static bool is_named(const struct git_review *review, const char *path)
{
	for (size_t i = 0; i < review->files.count; i++)
		if (!strcmp(review->files.items[i], path))
			return true;
	return false;
}

bool git_review_wants(const struct git_review *review, const char *path)
{
	if (!review->files.count && !review->dirs.count)
		return true;
	for (size_t i = 0; i < review->dirs.count; i++) {
		const char *dir = review->dirs.items[i];
		size_t len = strlen(dir);

		if (!len || (!strncmp(path, dir, len) && path[len] == '/'))
			return true;
	}
	return is_named(review, path);
}

static void add_path(struct git_review *review, const char *path, int side)
{
	struct git_path *added = arena_push(review->arena, &review->paths);

	added->path = arena_strdup(review->arena, path);
	added->there[side] = true;
}

/* "100644 blob NAME\tPATH" */
static void take_tree_entry(void *self, const char *record)
{
	struct git_review *review = self;
	const char *tab = strchr(record, '\t'), *type = strchr(record, ' ');

	if (tab && type && !strncmp(type, " blob ", 6) && (has_suffix(tab + 1, ".msb") || is_named(review, tab + 1)))
		add_path(review, tab + 1, 0);
}

struct listing {
	struct git_review *review;
	const char *absent; /* in the index, and not checked out */
};

static bool on_disk(const struct git_review *review, const char *path)
{
	struct stat status;

	return lstat(git_review_outer(review, path), &status) == 0 && !S_ISDIR(status.st_mode);
}

/* "H PATH"; S where a sparse checkout leaves it out */
static void take_file(void *self, const char *record)
{
	struct listing *listing = self;
	struct git_review *review = listing->review;
	const char *path = record[0] && record[1] ? record + 2 : "";

	if (!has_suffix(path, ".msb"))
		return;
	if (on_disk(review, path))
		add_path(review, path, 1);
	else if (record[0] == 'S' && git_review_wants(review, path))
		listing->absent = arena_strdup(review->arena, path);
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp(((const struct git_path *)a)->path, ((const struct git_path *)b)->path);
}

static void join_sides(struct git_review *review)
{
	size_t kept = 0;

	if (review->paths.count)
		qsort(review->paths.items, review->paths.count, sizeof *review->paths.items, compare_paths);
	for (size_t i = 0; i < review->paths.count; i++) {
		struct git_path *path = &review->paths.items[i], *last = &review->paths.items[kept - (kept > 0)];

		if (kept && !strcmp(last->path, path->path)) {
			last->there[0] |= path->there[0];
			last->there[1] |= path->there[1];
		} else {
			review->paths.items[kept++] = *path;
		}
	}
	review->paths.count = kept;
}

static int list_paths(struct git_review *review, const struct cmd_line *line)
{
	const char *old[] = { "ls-tree", "-r", "-z", "--full-tree", review->base, NULL };
	static const char *const new[] = { "ls-files",           "-z",          "-t", "--cached", "--others",
					   "--exclude-standard", "--full-name", "--", ":/",       NULL };
	struct listing listing = { .review = review };
	struct git_end end = git_run(review->arena, old, '\0', take_tree_entry, review);

	if (end.status)
		return no_history(review, line, arena_printf(line->arena, "git: %s", end.message));
	end = git_run(review->arena, new, '\0', take_file, &listing);
	if (end.status)
		return no_git(line, &end);
	for (size_t i = 0; i < review->files.count; i++)
		if (on_disk(review, review->files.items[i]))
			add_path(review, review->files.items[i], 1);
	join_sides(review);
	if (listing.absent)
		return refuse(line, arena_printf(line->arena, "%s: not checked out", listing.absent),
			      "the work tree is sparse: `git sparse-checkout add` its directory");
	return STATUS_FINE;
}

/* ---- what was named ---- */

/* A submodule, or another repository in this one's work tree, has a history of its own. */
static bool in_another(const struct git_review *review, const char *inner)
{
	struct stat status;

	for (size_t len = 0; inner[len]; len++) {
		len += strcspn(inner + len, "/");
		if (lstat(arena_printf(review->arena, "%s/%.*s/.git", review->top, (int)len, inner), &status) == 0)
			return true;
		if (!inner[len])
			break;
	}
	return false;
}

static int name_path(struct git_review *review, const struct cmd_line *line, const char *outer)
{
	const char *inner = git_review_inner(review, outer);
	struct stat status;
	bool is_directory = stat(outer, &status) == 0 && S_ISDIR(status.st_mode);

	if (source_is_stream(outer))
		return cmd_usage_error(line, "%s: standard input is no file of the repository", outer);
	if (!inner)
		return cmd_usage_error(line, "%s: outside of the repository %s", outer, review->top);
	if (in_another(review, inner))
		return cmd_usage_error(line, "%s: in a submodule, which has its own history: run it there", outer);
	if (is_directory || !*inner || git_tree_has_directory(review->tree, inner))
		*arena_push(review->arena, &review->dirs) = inner;
	else
		*arena_push(review->arena, &review->files) = inner;
	return STATUS_FINE;
}

static int check_named(const struct git_review *review, const struct cmd_line *line)
{
	for (size_t i = 0; i < review->files.count; i++) {
		const char *file = review->files.items[i];
		struct git_path key = { .path = file };

		if (!bsearch(&key, review->paths.items, review->paths.count, sizeof key, compare_paths))
			return refuse(line,
				      arena_printf(line->arena, "%s: no such file, here or in %s",
						   git_review_outer(review, file), review->base),
				      NULL);
	}
	return STATUS_FINE;
}

int git_review_open(struct git_review *review, struct cmd_line *line)
{
	int status;

	*review = (struct git_review){ .arena = line->arena };
	status = find_top(review, line);
	if (status == STATUS_FINE)
		status = find_base(review, line);
	if (status == STATUS_FINE)
		status = open_tree(review, line);
	for (size_t i = 0; i < line->policy.files.count && status == STATUS_FINE; i++)
		status = name_path(review, line, line->policy.files.items[i]);
	if (status == STATUS_FINE)
		status = list_paths(review, line);
	return status == STATUS_FINE ? check_named(review, line) : status;
}

void git_review_close(struct git_review *review)
{
	if (review->objects)
		git_objects_close(review->objects);
}
