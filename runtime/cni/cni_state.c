/* A file is written whole beside its place, then renamed. */
#include "cni/cni_state.h"
#include "base/fnv.h"
#include "core/fd.h"
#include "core/run_directory.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NAME_BASE_MAX 23 /* with a hyphen and eight digits behind it a sandbox's name */
#define LOG_TEXT_MAX 1500
/* Behind a key, in which `@` follows the container and `:` cannot be: the kernel has no such links */
#define LOG_END ":log"
#define NEW_END ":new"
#define WRITE_S 60 /* a call takes no longer from one file to the next */

int cni_state_directory(void)
{
	struct stat st;

	if (mkdir(CNI_STATE_DIRECTORY, 0700) && errno != EEXIST)
		return -errno;
	CLEANUP_FD int directory = open(CNI_STATE_DIRECTORY, O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (directory < 0 || fstat(directory, &st))
		return -errno;
	if (st.st_uid != 0 || st.st_mode & (S_IRWXG | S_IRWXO))
		return -EPERM;
	return TAKE_FD(directory);
}

static const char *key(struct arena *arena, const char *container, const char *link, const char *end)
{
	return arena_printf(arena, "%s@%s%s", container, link, end);
}

/* Pods of one name follow one another, and their ends may overlap: the container makes the difference. */
const char *cni_state_name(const struct cni_call *call, const char *pod_namespace, const char *pod_name)
{
	const char *wanted =
		pod_name ? arena_printf(call->arena, "%s-%s", pod_namespace ? pod_namespace : "default", pod_name) :
			   call->container;
	uint64_t hash = fnv_text(FNV_START, key(call->arena, call->container, call->link, ""));
	char base[NAME_BASE_MAX + 1];
	size_t len = 0;

	for (; wanted[len] && len < NAME_BASE_MAX; len++)
		base[len] = isalnum((unsigned char)wanted[len]) ? (char)tolower((unsigned char)wanted[len]) : '-';
	base[len] = '\0';
	return arena_printf(call->arena, "%s-%08x", base, (unsigned)(hash ^ hash >> 32));
}

static bool take(const struct cni_call *call, const json_t *json, struct cni_state *out)
{
	const char *network, *name;
	json_int_t supervisor, launcher;

	if (json_unpack((json_t *)(uintptr_t)json, "{s:s, s:s, s:I, s:I}", "network", &network, "name", &name,
			"supervisor", &supervisor, "launcher", &launcher) ||
	    !run_name_valid(name))
		return false;
	out->network = arena_strdup(call->arena, network);
	out->name = arena_strdup(call->arena, name);
	out->supervisor = (pid_t)supervisor;
	out->launcher = (pid_t)launcher;
	return true;
}

int cni_state_read(const struct cni_call *call, const char *container, const char *link, struct cni_state *out)
{
	CLEANUP_FD int directory = cni_state_directory();
	CLEANUP_FD int fd = directory < 0 ? -1 :
					    openat(directory, key(call->arena, container, link, ""),
						   O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return directory < 0 ? directory : -errno;
	json_t *json = json_loadfd(fd, 0, NULL);
	*out = (struct cni_state){ .container = arena_strdup(call->arena, container),
				   .link = arena_strdup(call->arena, link) };
	bool is = json && take(call, json, out);
	json_decref(json);
	return is ? 0 : -EBADMSG;
}

static int write_beside(int directory, const char *name, json_t *json)
{
	CLEANUP_FD int fd = openat(directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	errno = EIO;
	return json_dumpfd(json, fd, JSON_COMPACT) ? -errno : 0;
}

int cni_state_write(const struct cni_call *call, const struct cni_state *state)
{
	CLEANUP_FD int directory = cni_state_directory();
	const char *name = key(call->arena, state->container, state->link, "");
	const char *beside = key(call->arena, state->container, state->link, NEW_END);

	if (directory < 0)
		return directory;
	json_t *json = json_pack("{s:s, s:s, s:i, s:i}", "network", state->network, "name", state->name, "supervisor",
				 (int)state->supervisor, "launcher", (int)state->launcher);
	int error = json ? write_beside(directory, beside, json) : -EINVAL;
	json_decref(json);
	if (error == 0 && renameat(directory, beside, directory, name))
		error = -errno;
	if (error < 0)
		unlinkat(directory, beside, 0);
	return error;
}

static const char *const ends[] = { LOG_END, NEW_END, "" };

void cni_state_remove(const struct cni_state *state)
{
	CLEANUP_FD int directory = cni_state_directory();
	struct arena *arena = arena_new();

	for (size_t i = 0; directory >= 0 && i < sizeof ends / sizeof *ends; i++)
		unlinkat(directory, key(arena, state->container, state->link, ends[i]), 0);
	arena_free(arena);
}

int cni_state_log(const struct cni_state *state)
{
	CLEANUP_FD int directory = cni_state_directory();
	struct arena *arena = arena_new();

	if (directory < 0) {
		arena_free(arena);
		return directory;
	}
	int fd = openat(directory, key(arena, state->container, state->link, LOG_END),
			O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	arena_free(arena);
	return fd < 0 ? -errno : fd;
}

const char *cni_state_log_text(const struct cni_call *call, const struct cni_state *state)
{
	CLEANUP_FD int directory = cni_state_directory();
	CLEANUP_FD int fd = directory < 0 ? -1 :
					    openat(directory, key(call->arena, state->container, state->link, LOG_END),
						   O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char *text = arena_alloc(call->arena, LOG_TEXT_MAX + 1);
	ssize_t len = fd < 0 ? 0 : read(fd, text, LOG_TEXT_MAX);

	while (len > 0 && text[len - 1] == '\n')
		len--;
	text[len > 0 ? len : 0] = '\0';
	return len > 0 ? text : NULL;
}

int cni_state_each(const struct cni_call *call, int (*each)(const struct cni_call *, const struct cni_state *))
{
	int directory = cni_state_directory(), result = 0;
	DIR *dir = directory < 0 ? NULL : fdopendir(directory);
	struct dirent *entry;

	if (!dir)
		return directory < 0 ? directory : -errno;
	while (result == 0 && (entry = readdir(dir))) {
		char *name = arena_strdup(call->arena, entry->d_name), *link = strchr(name, '@');
		struct cni_state state;
		if (!link || strchr(link, ':'))
			continue;
		*link++ = '\0';
		if (cni_state_read(call, name, link, &state) == 0)
			result = each(call, &state);
	}
	closedir(dir);
	return result;
}

/* Nobody's: its state is not there, nor about to be */
static bool is_orphan(int directory, struct arena *arena, const char *name)
{
	const char *end = strchr(name, ':');
	struct stat st;

	return end && fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_mtime + WRITE_S < time(NULL) &&
	       faccessat(directory, arena_strndup(arena, name, (size_t)(end - name)), F_OK, AT_SYMLINK_NOFOLLOW) != 0;
}

void cni_state_sweep(const struct cni_call *call)
{
	int directory = cni_state_directory();
	DIR *dir = directory < 0 ? NULL : fdopendir(directory);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (is_orphan(directory, call->arena, entry->d_name))
			unlinkat(directory, entry->d_name, 0);
	if (dir)
		closedir(dir);
}
