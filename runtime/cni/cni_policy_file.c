/* Files that a pod may name: beneath a directory of the operator's, through no link, and nobody's to change but root's. */
#include "cni/cni_policy_file.h"
#include "base/escape.h"
#include "core/fd.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { NAME_MOST = 200 };

/* Parts of a-z 0-9 . - between slashes; none empty, none beginning with a dot */
static bool is_name(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-/");

	if (!len || name[len] || len > NAME_MOST || name[len - 1] == '/')
		return false;
	for (const char *part = name; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL)
		if (*part == '.' || *part == '/')
			return false;
	return true;
}

static bool ends_in(const char *name, const char *end)
{
	size_t len = strlen(name), end_len = strlen(end);

	return len > end_len && !strcmp(name + len - end_len, end);
}

static const char *judge(int fd)
{
	struct stat status;

	if (fstat(fd, &status))
		return strerror(errno);
	return !S_ISREG(status.st_mode)             ? "it is no regular file" :
	       status.st_uid != geteuid()           ? "it is not root's" :
	       status.st_mode & (S_IWGRP | S_IWOTH) ? "others than root may write to it" :
						      NULL;
}

static const char *look(const char *directory, const char *name, bool *missing)
{
	const struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
				      .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
	CLEANUP_FD int parent = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	CLEANUP_FD int fd = parent < 0 ? -1 : (int)syscall(SYS_openat2, parent, name, &how, sizeof how);

	*missing = fd < 0 && errno == ENOENT;
	if (fd < 0)
		return errno == ELOOP ? "it is, or lies behind, a symbolic link" : strerror(errno);
	return judge(fd);
}

const char *cni_policy_file(struct arena *arena, const char *directory, const char *name, const char **why,
			    bool *missing)
{
	*missing = false;
	*why = NULL;
	if (directory[0] != '/') {
		*why = arena_printf(arena, "`%s` is no absolute directory", escape_text(arena, directory));
		return NULL;
	}
	if (!is_name(name)) {
		*why = arena_printf(
			arena,
			"`%s` names no file below %s: use a-z, 0-9, `.`, `-` and `/`, no part beginning with a dot",
			escape_text(arena, name), directory);
		return NULL;
	}
	if (!ends_in(name, ".msb"))
		name = arena_printf(arena, "%s.msb", name);
	const char *path = arena_printf(arena, "%s/%s", directory, name), *fault = look(directory, name, missing);
	if (fault)
		*why = arena_printf(arena, "%s: %s", path, fault);
	return fault ? NULL : path;
}
