/* Files of kernfs: each read and each write is one call. */
#include "cgroup/cgroup_files.h"
#include "core/fd.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

const char *cgroup_file_text(struct arena *arena, const char *path)
{
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t room = 1 << 12, len = 0;
	char *text = arena_alloc(arena, room);

	for (;;) {
		ssize_t got = fd < 0 ? -1 : read(fd, text + len, room - 1 - len);
		if (got < 0 && fd >= 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? NULL : text;
		len += (size_t)got;
		if (len < room - 1)
			continue;
		char *larger = arena_alloc(arena, room * 2);
		text = memcpy(larger, text, len);
		room *= 2;
	}
}

static int open_file(const char *directory, const char *file, int flags)
{
	char path[PATH_MAX];

	if ((size_t)snprintf(path, sizeof path, "%s/%s", directory, file) >= sizeof path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return open(path, flags | O_CLOEXEC | O_NOFOLLOW);
}

/* The beginning of a file, as text; false: it cannot be read */
static bool read_start(const char *directory, const char *file, char *text, size_t size)
{
	CLEANUP_FD int fd = open_file(directory, file, O_RDONLY);
	ssize_t len = fd < 0 ? -1 : read(fd, text, size - 1);

	text[len > 0 ? len : 0] = '\0';
	return len >= 0;
}

int cgroup_file_write(const char *directory, const char *file, const char *text)
{
	CLEANUP_FD int fd = open_file(directory, file, O_WRONLY);

	return fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static bool number(const char *text, uint64_t *out)
{
	return *text >= '0' && *text <= '9' && (*out = strtoull(text, NULL, 10), true);
}

bool cgroup_file_number(const char *directory, const char *file, uint64_t *out)
{
	char text[64];

	return read_start(directory, file, text, sizeof text) && number(text, out);
}

bool cgroup_file_keyed(const char *directory, const char *file, const char *key, uint64_t *out)
{
	char text[4096];
	size_t len = strlen(key);

	if (!read_start(directory, file, text, sizeof text))
		return false;
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
		if (!strncmp(line, key, len) && line[len] == ' ')
			return number(line + len + 1, out);
	return false;
}

bool cgroup_file_has(const char *directory, const char *file, const char *word)
{
	char text[4096], *save = NULL;

	if (!read_start(directory, file, text, sizeof text))
		return false;
	for (char *at = strtok_r(text, " \n", &save); at; at = strtok_r(NULL, " \n", &save))
		if (!strcmp(at, word))
			return true;
	return false;
}

bool cgroup_file_exists(const char *directory, const char *file)
{
	char path[PATH_MAX];

	return (size_t)snprintf(path, sizeof path, "%s/%s", directory, file) < sizeof path && !access(path, F_OK);
}
