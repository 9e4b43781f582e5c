/* From a directory to the policies below it. A tree may be a stranger's, so nothing outside of it is read because of what
 * is in it; and somebody trusts the answer, so what is not read though it looks like a policy is an error. */
#include "cmd/cmd_files.h"
#include "base/escape.h"

#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FOUND_MAX 10000
#define DEPTH_MAX 64

struct search {
	struct cmd_line *line;
	const char *dir;
	struct options_list found;
	bool full;
	int status;
};

static void report(struct search *search, const char *path, const char *why, int status)
{
	fprintf(stderr, "msb-policyc: error: %s: %s\n", escape_text(search->line->arena, path), why);
	if (search->status < status)
		search->status = status;
}

static bool is_policy_name(const char *name)
{
	size_t len = strlen(name);

	return len > 4 && name[0] != '.' && !strcmp(name + len - 4, ".msb");
}

/* "./a.msb" is the file that everybody calls a.msb, and places on a code host are told without the dot */
static const char *shown_path(const char *path)
{
	while (path[0] == '.' && path[1] == '/' && path[2])
		path += 2 + strspn(path + 2, "/");
	return path;
}

static void take(struct search *search, const char *path)
{
	if (search->full)
		return;
	search->full = search->found.count == FOUND_MAX;
	if (search->full)
		report(search, search->dir, "more than 10000 policies; name directories in it", STATUS_NO);
	else
		*arena_push(search->line->arena, &search->found) = arena_strdup(search->line->arena, shown_path(path));
}

/* A directory it leads to is visited under its own name, where it is in the tree */
static void take_link(struct search *search, const FTSENT *entry)
{
	struct stat target;
	char *real;
	bool inside = false;

	if (stat(entry->fts_path, &target) < 0) {
		if (is_policy_name(entry->fts_name))
			report(search, entry->fts_path, strerror(errno), STATUS_SYSTEM);
		return;
	}
	if (!is_policy_name(entry->fts_name))
		return;
	real = realpath(entry->fts_path, NULL);
	if (real) {
		char *slash = strrchr(real, '/');

		*(slash == real ? slash + 1 : slash) = '\0';
		inside = source_path_beneath(search->line->arena, search->dir, real);
	}
	free(real);
	if (S_ISDIR(target.st_mode))
		report(search, entry->fts_path, "a link to a directory, which is not followed", STATUS_NO);
	else if (inside)
		take(search, entry->fts_path);
	else
		report(search, entry->fts_path,
		       "a link out of the directory, which is not followed; name the file itself", STATUS_NO);
}

static void visit(struct search *search, FTS *tree, FTSENT *entry)
{
	bool hidden = entry->fts_level > 0 && entry->fts_name[0] == '.';

	switch (entry->fts_info) {
	case FTS_D:
		if (hidden || entry->fts_level > DEPTH_MAX)
			fts_set(tree, entry, FTS_SKIP);
		if (!hidden && entry->fts_level > DEPTH_MAX)
			report(search, entry->fts_path, "nested too deeply", STATUS_NO);
		break;
	case FTS_DNR:
	case FTS_ERR:
	case FTS_NS:
		report(search, entry->fts_path, strerror(entry->fts_errno), STATUS_SYSTEM);
		break;
	case FTS_SL:
	case FTS_SLNONE:
		take_link(search, entry);
		break;
	case FTS_F:
	case FTS_DEFAULT: /* a FIFO of that name is refused when it is loaded */
		if (is_policy_name(entry->fts_name))
			take(search, entry->fts_path);
		break;
	default:
		break;
	}
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static int search_directory(struct search *search)
{
	char *roots[] = { arena_strdup(search->line->arena, search->dir), NULL };
	size_t before = search->found.count;
	FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, by_name);
	FTSENT *entry;

	if (!tree)
		return cmd_system_error(search->line, search->dir, -errno);
	while (errno = 0, (entry = fts_read(tree)))
		visit(search, tree, entry);
	if (errno)
		report(search, search->dir, strerror(errno), STATUS_SYSTEM);
	fts_close(tree);
	if (search->found.count == before && search->status == STATUS_FINE)
		report(search, search->dir, "no policy (*.msb) is in it, nothing was looked at", STATUS_NO);
	return search->status;
}

static bool is_directory(const char *path)
{
	struct stat status;

	return strcmp(path, "-") != 0 && stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

int cmd_files_expand(struct cmd_line *line)
{
	struct search search = { .line = line };
	int worst = STATUS_FINE;

	for (size_t i = 0; i < line->policy.files.count; i++) {
		const char *file = line->policy.files.items[i];
		int status;

		if (!is_directory(file)) {
			*arena_push(line->arena, &search.found) = file;
			continue;
		}
		search.dir = file;
		search.status = STATUS_FINE;
		status = search_directory(&search);
		if (status > worst)
			worst = status;
	}
	line->policy.files = search.found;
	return worst;
}
