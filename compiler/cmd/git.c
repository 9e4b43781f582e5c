/* Starting git with what a repository could make it run switched off, and reading what it prints. */
#include "cmd/git.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* ---- what git is told ---- */

/* Before the command: what a repository's own configuration may not change */
static const char *const pinned[] = {
	"git", "--no-pager",
	"-c",  "core.fsmonitor=false", /* a program's name, run by ls-files */
	"-c",  "core.hooksPath=/dev/null",
	"-c",  "protocol.allow=never", /* a partial clone fetches what it lacks */
	"-c",  "submodule.recurse=false",
};
#define PINNED (sizeof pinned / sizeof *pinned)
enum { ARGS_MAX = 24 };

/* Where the repository is and whom git trusts stay the caller's; what else git heeds is dropped. */
static bool is_kept(const char *variable)
{
	static const char *const kept[] = {
		"GIT_DIR=",
		"GIT_WORK_TREE=",
		"GIT_COMMON_DIR=",
		"GIT_INDEX_FILE=",
		"GIT_OBJECT_DIRECTORY=",
		"GIT_ALTERNATE_OBJECT_DIRECTORIES=",
		"GIT_CEILING_DIRECTORIES=",
		"GIT_DISCOVERY_ACROSS_FILESYSTEM=",
		"GIT_CONFIG", /* _GLOBAL, _SYSTEM, _COUNT and their like: safe.directory */
	};

	if (!strncmp(variable, "LC_", 3) || !strncmp(variable, "LANG", 4))
		return false;
	if (strncmp(variable, "GIT_", 4) != 0)
		return true;
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		if (!strncmp(variable, kept[i], strlen(kept[i])))
			return true;
	return false;
}

static char **environment(struct arena *arena)
{
	static const char *const added[] = {
		"LC_ALL=C",
		"GIT_NO_LAZY_FETCH=1",
		"GIT_NO_REPLACE_OBJECTS=1", /* what a revision's name stands for is what is read */
		"GIT_OPTIONAL_LOCKS=0",
		"GIT_TERMINAL_PROMPT=0",
	};
	LIST_OF(const char *) list = { 0 };

	for (char **variable = environ; *variable; variable++)
		if (is_kept(*variable))
			*arena_push(arena, &list) = *variable;
	for (size_t i = 0; i < sizeof added / sizeof *added; i++)
		*arena_push(arena, &list) = added[i];
	*arena_push(arena, &list) = NULL;
	return (char **)list.items;
}

/* 0 with *pid, or -errno. Descriptors stay the caller's. */
static int start(struct arena *arena, const char *const *args, int in, int out, int err, pid_t *pid)
{
	const char *argv[PINNED + ARGS_MAX + 1];
	posix_spawn_file_actions_t actions;
	size_t count = 0;
	int error;

	memcpy(argv, pinned, sizeof pinned);
	while (count < ARGS_MAX && args[count]) {
		argv[PINNED + count] = args[count];
		count++;
	}
	argv[PINNED + count] = NULL;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
	error = posix_spawnp(pid, "git", &actions, NULL, (char **)argv, environment(arena));
	posix_spawn_file_actions_destroy(&actions);
	return -error;
}

static int end_of(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* ---- one command ---- */

static const char *first_line(struct arena *arena, int fd)
{
	static const char fatal[] = "fatal: ";
	char text[1024];
	ssize_t len = pread(fd, text, sizeof text - 1, 0);

	text[len > 0 ? len : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return arena_strdup(arena, text + (strncmp(text, fatal, sizeof fatal - 1) ? 0 : sizeof fatal - 1));
}

static void read_records(int fd, char separator, git_record *each, void *self)
{
	FILE *from = fdopen(fd, "r");
	char *record = NULL;
	size_t room = 0;
	ssize_t len;

	if (!from) {
		close(fd);
		return;
	}
	while ((len = getdelim(&record, &room, separator, from)) > 0) {
		if (record[len - 1] == separator)
			record[len - 1] = '\0';
		each(self, record);
	}
	free(record);
	fclose(from);
}

struct git_end git_run(struct arena *arena, const char *const *args, char separator, git_record *each, void *self)
{
	struct git_end end = { .message = "" };
	int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC), said = memfd_create("git", MFD_CLOEXEC);
	int out[2] = { -1, -1 };
	pid_t pid;

	end.status = nothing < 0 || said < 0 || pipe2(out, O_CLOEXEC) < 0 ? -errno : 0;
	if (!end.status)
		end.status = start(arena, args, nothing, out[1], said, &pid);
	if (out[1] >= 0)
		close(out[1]);
	if (!end.status) {
		read_records(out[0], separator, each, self);
		end.status = end_of(pid);
		end.message = first_line(arena, said);
	} else if (out[0] >= 0) {
		close(out[0]);
	}
	close(nothing);
	close(said);
	return end;
}

struct line {
	struct arena *arena;
	const char *text;
};

static void take_line(void *self, const char *record)
{
	struct line *line = self;

	if (!line->text)
		line->text = arena_strdup(line->arena, record);
}

const char *git_line(struct arena *arena, const char *const *args, struct git_end *end)
{
	struct line line = { .arena = arena };

	*end = git_run(arena, args, '\n', take_line, &line);
	return end->status ? NULL : line.text;
}

/* ---- objects ---- */

struct git_objects {
	pid_t pid;
	int to; /* a socket: writing to a git that died is an error and no signal */
	FILE *from;
};

struct git_objects *git_objects_open(struct arena *arena)
{
	static const char *const args[] = { "cat-file", "--batch", NULL };
	struct git_objects *objects = arena_alloc(arena, sizeof *objects);
	int to[2], from[2], error, nothing;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, to) < 0)
		return NULL;
	if (pipe2(from, O_CLOEXEC) < 0) {
		close(to[0]);
		close(to[1]);
		return NULL;
	}
	nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
	error = start(arena, args, to[1], from[1], nothing, &objects->pid);
	close(to[1]);
	close(from[1]);
	close(nothing);
	objects->to = to[0];
	objects->from = error ? NULL : fdopen(from[0], "r");
	if (objects->from)
		return objects;
	close(to[0]);
	close(from[0]);
	errno = error ? -error : ENOMEM;
	return NULL;
}

void git_objects_close(struct git_objects *objects)
{
	close(objects->to);
	fclose(objects->from);
	end_of(objects->pid);
}

static bool send_name(const struct git_objects *objects, const char *name)
{
	char request[GIT_NAME_MAX + 2];
	size_t len = strlen(name) + 1;

	snprintf(request, sizeof request, "%s\n", name);
	return send(objects->to, request, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static bool skip(FILE *from, size_t count)
{
	char scrap[4096];

	while (count) {
		size_t got = fread(scrap, 1, count < sizeof scrap ? count : sizeof scrap, from);

		if (!got)
			return false;
		count -= got;
	}
	return true;
}

int git_objects_read(struct git_objects *objects, struct arena *arena, const char *name, size_t max,
		     struct git_object *out)
{
	char head[GIT_NAME_MAX + 64], type[16];
	char *bytes;
	size_t len;

	if (strlen(name) > GIT_NAME_MAX || !send_name(objects, name) || !fgets(head, sizeof head, objects->from))
		return -EIO;
	if (sscanf(head, "%*s %15s %zu", type, &len) != 2)
		return -ENODATA;
	if (len > max)
		return skip(objects->from, len + 1) ? -EFBIG : -EIO;
	bytes = arena_alloc(arena, len + 1);
	if (fread(bytes, 1, len, objects->from) != len || !skip(objects->from, 1))
		return -EIO;
	*out = (struct git_object){ !strcmp(type, "blob") ? GIT_BLOB :
				    !strcmp(type, "tree") ? GIT_TREE :
							    GIT_OTHER,
				    bytes, len };
	return 0;
}
