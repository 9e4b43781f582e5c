/* Files are renamed inside the directory that was opened at the start, with its owner's rights alone, and never over anything but
 * regular files. */
#include "report/event_sink.h"
#include "core/fd.h"
#include "core/log.h"
#include "core/write_now.h"
#include "isolation/as_owner.h"
#include "report/event_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_FLAGS (O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)

static int open_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	char directory[PATH_MAX];

	if (!slash)
		return open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if ((size_t)snprintf(directory, sizeof directory, "%.*s/", (int)(slash - path), path) >= sizeof directory)
		return errno = ENAMETOOLONG, -1;
	return open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* What it takes to put a file aside. A file that is reached by a symbolic link would leave the link behind. */
static int prepare_rotation(struct event_sink *sink)
{
	struct stat st;

	sink->name = strrchr(sink->target, '/');
	sink->name = sink->name ? sink->name + 1 : sink->target;
	sink->directory = open_directory(sink->target);
	if (sink->directory < 0 || fstatat(sink->directory, sink->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? 0 : -ELOOP;
}

static int open_target(struct event_sink *sink)
{
	bool standard = !strcmp(sink->target, "-");
	struct stat st;

	if (sink->is_journal) {
		sink->fd = event_journal_open();
		return sink->fd < 0 ? -errno : 0;
	}
	/* without waiting for a FIFO's reader, neither now nor when it reads slowly */
	sink->fd = standard ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1) :
			      open(sink->target, FILE_FLAGS, 0600);
	if (sink->fd < 0 || fstat(sink->fd, &st) < 0)
		return -errno;
	sink->is_file = S_ISREG(st.st_mode);
	sink->size = sink->is_file ? (uint64_t)st.st_size : 0;
	if (!sink->is_file || standard)
		sink->limit = 0;
	return sink->limit ? prepare_rotation(sink) : 0;
}

int event_sink_open(struct event_sink *sink, const char *target, uint64_t limit, unsigned keep)
{
	*sink = (struct event_sink){ .target = target,
				     .fd = -1,
				     .directory = -1,
				     .limit = limit,
				     .keep = keep,
				     .is_journal = !strcmp(target, EVENT_JOURNAL) };
	int error = open_target(sink);
	if (error < 0)
		event_sink_close(sink);
	return error;
}

/* ---- rotation ---- */

/* "NAME.2"; 0: NAME itself */
static bool numbered(const struct event_sink *sink, unsigned number, char out[NAME_MAX + 1])
{
	int len = number ? snprintf(out, NAME_MAX + 1, "%s.%u", sink->name, number) :
			   snprintf(out, NAME_MAX + 1, "%s", sink->name);

	return len > 0 && len <= NAME_MAX;
}

/* 0: a regular file; -ENOENT: nothing; any other -errno: something that is not ours to replace */
static int look(const struct event_sink *sink, const char *name)
{
	struct stat st;

	if (fstatat(sink->directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? 0 : -EEXIST;
}

static int move(const struct event_sink *sink, unsigned number)
{
	char from[NAME_MAX + 1], to[NAME_MAX + 1];

	if (!numbered(sink, number, from) || !numbered(sink, number + 1, to))
		return -ENAMETOOLONG;
	int source = look(sink, from), destination = look(sink, to);
	if (source == -ENOENT)
		return 0;
	if (source < 0 || (destination < 0 && destination != -ENOENT))
		return source < 0 ? source : destination;
	return renameat(sink->directory, from, sink->directory, to) < 0 ? -errno : 0;
}

/* NAME becomes NAME.1, that NAME.2, …; the last is replaced. What stays behind on failure is as it was. The new file, or -errno */
static int put_aside(const struct event_sink *sink)
{
	int error = 0;

	for (unsigned number = sink->keep; error == 0 && number-- > 0;)
		error = move(sink, number);
	if (error < 0)
		return error;
	int fd = openat(sink->directory, sink->name, FILE_FLAGS | O_EXCL | O_NOFOLLOW, 0600);
	return fd < 0 ? -errno : fd;
}

static int rotate(struct event_sink *sink)
{
	struct as_owner before;
	int fd = as_owner_begin(&before, sink->directory);

	if (fd < 0)
		return fd;
	fd = put_aside(sink);
	as_owner_end(&before);
	if (fd < 0)
		return fd;
	close(sink->fd);
	sink->fd = fd;
	sink->size = 0;
	return 0;
}

/* ---- writing ---- */

/* Whole lines only: what a full disk took of one is taken back. */
static int write_file(struct event_sink *sink, const char *line, size_t len)
{
	int error = sink->limit && sink->size && sink->size + len > sink->limit ? rotate(sink) : 0;
	ssize_t written = error < 0 ? -1 : write(sink->fd, line, len);

	if (error < 0)
		return error;
	if (written < 0)
		return -errno;
	if ((size_t)written == len) {
		sink->size += len;
		return 0;
	}
	struct stat st;
	if (fstat(sink->fd, &st) == 0 && st.st_size >= written && ftruncate(sink->fd, st.st_size - written) < 0)
		return -errno;
	return -ENOSPC;
}

/* A pipe would not take a longer one whole */
static int write_pipe(const struct event_sink *sink, const char *line, size_t len)
{
	return len > PIPE_BUF ? -EAGAIN : write_now(sink->fd, false, line, len);
}

const char *event_sink_error(const char *target, int error)
{
	if (target && !strcmp(target, EVENT_JOURNAL) && (error == ENOENT || error == ENOTDIR))
		return "there is no journal here (no " EVENT_JOURNAL_SOCKET "); name a file, or - for standard output";
	if (error == ENXIO)
		return "a FIFO that nobody reads; start its reader first";
	if (error == EEXIST)
		return "what has the name of a former file is none, and is not replaced";
	if (error == ELOOP)
		return "a symbolic link, which --events-size would leave behind; name the file itself";
	return strerror(error);
}

const char *event_sink_why(const struct event_sink *sink)
{
	return sink->why == -EAGAIN ? "the reader was too slow" : strerror(-sink->why);
}

size_t event_sink_weight(const json_t *event)
{
	json_int_t count = json_integer_value(json_object_get(event, "count"));

	return count > 0 ? (size_t)count : 1;
}

int event_sink_write(struct event_sink *sink, const json_t *event, const char *line, size_t len)
{
	int error = !line            ? -ENOMEM :
		    sink->is_journal ? event_journal_write(sink->fd, event) :
		    sink->is_file    ? write_file(sink, line, len) :
				       write_pipe(sink, line, len);

	if (error == 0)
		return 0;
	sink->lost += event_sink_weight(event);
	sink->why = error;
	if (error != -EAGAIN && !sink->complained) {
		sink->complained = true;
		log_line("--events %s is incomplete: %s", sink->target, event_sink_error(sink->target, -error));
	}
	return error;
}

void event_sink_close(struct event_sink *sink)
{
	if (sink->fd >= 0)
		close(sink->fd);
	if (sink->directory >= 0)
		close(sink->directory);
	sink->fd = sink->directory = -1;
}
