/* Files that a pod may name: beneath a directory of the operator's, through no link, and nobody's to change or replace but root's. */
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

/* Who may write to a directory may put another file in the place of this one. */
static const char *judge(int fd, bool is_directory)
{
	struct stat status;

	if (fstat(fd, &status))
		return strerror(errno);
	return !is_directory && !S_ISREG(status.st_mode) ? "it is no regular file" :
	       status.st_uid != geteuid()                ? "it is not root's" :
	       status.st_mode & (S_IWGRP | S_IWOTH)      ? "others than root may write to it" :
							   NULL;
}

static int open_beneath(int parent, const char *name, int flags)
{
	const struct open_how how = { .flags = (uint64_t)flags | O_CLOEXEC,
				      .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };

	return (int)syscall(SYS_openat2, parent, name, &how, sizeof how);
}

static const char *failure(bool *missing)
{
	*missing = errno == ENOENT;
	return errno == ELOOP ? "it is, or lies behind, a symbolic link" : strerror(errno);
}

/* *at: what the answer is about */
static const char *look(struct arena *arena, const char *directory, const char *name, const char **at, bool *missing)
{
	CLEANUP_FD int parent = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	const char *wrong = parent < 0 ? failure(missing) : NULL;

	if (wrong)
		return wrong;
	wrong = judge(parent, true);
	*at = directory;
	for (const char *slash = name; !wrong && (slash = strchr(slash, '/')); slash++) {
		const char *part = arena_strndup(arena, name, (size_t)(slash - name));
		CLEANUP_FD int fd = open_beneath(parent, part, O_PATH | O_DIRECTORY);
		*at = arena_printf(arena, "%s/%s", directory, part);
		wrong = fd < 0 ? failure(missing) : judge(fd, true);
	}
	if (wrong)
		return wrong;
	CLEANUP_FD int fd = open_beneath(parent, name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	*at = arena_printf(arena, "%s/%s", directory, name);
	return fd < 0 ? failure(missing) : judge(fd, false);
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
	const char *path = arena_printf(arena, "%s/%s", directory, name), *at = path;
	const char *fault = look(arena, directory, name, &at, missing);
	if (fault)
		*why = arena_printf(arena, "%s: %s", at, fault);
	return fault ? NULL : path;
}
