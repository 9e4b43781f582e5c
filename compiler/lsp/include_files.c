/* Lists a directory, as includes are opened: beneath the root, and nothing that begins with a dot. */
#include "lsp/include_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LOOKED_AT_MAX = 4096 };

static const char *directory_of(struct arena *arena, const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash != path ? arena_strndup(arena, path, (size_t)(slash - path)) : "/";
}

/* -1 where there is none to be looked at */
static int open_directory(struct lsp *lsp, struct arena *arena, const struct lsp_document *document, const char *sub)
{
	const char *here = directory_of(arena, document->path);
	const char *root = lsp->options->policy->include_root ? lsp->options->policy->include_root : here;
	const char *beneath = source_path_beneath(arena, root, here);
	const char *path = arena_printf(arena, "./%s/%s", beneath ? beneath : "", sub);
	struct open_how how = { .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
	int top = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC), fd;

	if (top < 0)
		return -1;
	fd = (int)syscall(SYS_openat2, top, path, &how, sizeof how);
	close(top);
	return fd;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_entry(struct arena *arena, struct include_files *files, const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);
	bool policy = len > 4 && !strcmp(entry->d_name + len - 4, ".msb");

	if (entry->d_name[0] == '.')
		return;
	if (entry->d_type == DT_DIR)
		*arena_push(arena, files) = arena_printf(arena, "%s/", entry->d_name);
	else if (policy && entry->d_type != DT_FIFO && entry->d_type != DT_SOCK && entry->d_type != DT_CHR)
		*arena_push(arena, files) = arena_strdup(arena, entry->d_name);
}

struct include_files include_files_in(struct lsp *lsp, struct arena *arena, const struct lsp_document *document,
				      const char *sub)
{
	struct include_files files = { 0 };
	int fd = lsp->options->alone || !document->is_file ? -1 : open_directory(lsp, arena, document, sub);
	DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;

	if (!directory) {
		if (fd >= 0)
			close(fd);
		return files;
	}
	for (int seen = 0; seen < LOOKED_AT_MAX && (entry = readdir(directory)); seen++)
		add_entry(arena, &files, entry);
	closedir(directory);
	if (files.count)
		qsort(files.items, files.count, sizeof *files.items, compare);
	return files;
}
