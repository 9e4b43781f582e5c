/* The text comes by memory that both processes share, so that the supervisor needs no right to write files. It goes to a name of
 * its own beside the file, and gets the file's name when it is on the disk. */
#include "run/learn_file.h"
#include "core/fd.h"
#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

static int fail(const char *path, const char *what, int error)
{
	log_error("--learn %s: %s%s%s", path, what, error ? ": " : "", error ? strerror(-error) : "");
	return error ? error : -EEXIST;
}

/* "DIR" of "DIR/FILE"; "." and "/" likewise */
static int open_directory(const char *path, const char **base)
{
	const char *slash = strrchr(path, '/');
	char directory[PATH_MAX] = ".";

	*base = slash ? slash + 1 : path;
	if (slash && (size_t)(slash - path) + 2 > sizeof directory)
		return -ENAMETOOLONG;
	if (slash)
		snprintf(directory, sizeof directory, "%.*s", slash == path ? 1 : (int)(slash - path), path);
	int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int learn_file_open(const char *path, struct learn_file *out)
{
	struct stat status;

	*out = (struct learn_file){ .path = path, .directory = -1, .memory = -1 };
	int directory = open_directory(path, &out->base);
	if (directory < 0)
		return fail(path, "its directory", directory);
	out->directory = directory;
	if (!*out->base || !strcmp(out->base, ".") || !strcmp(out->base, ".."))
		return fail(path, "no file's name", -EISDIR);
	if (fstatat(directory, out->base, &status, AT_SYMLINK_NOFOLLOW) == 0)
		return fail(path, "is there already; a new file is written, so choose another name or remove it", 0);
	if (errno != ENOENT)
		return fail(path, "cannot be made", -errno);
	if (faccessat(directory, ".", W_OK | X_OK, AT_EACCESS) < 0)
		return fail(path, "its directory", -errno);
	out->memory = memfd_create("learnt", MFD_CLOEXEC);
	return out->memory < 0 ? fail(path, "memory", -errno) : 0;
}

void learn_file_close(struct learn_file *file)
{
	fd_closep(&file->directory);
	fd_closep(&file->memory);
}

static int copy(int from, int to, off_t size)
{
	off_t at = 0;

	while (at < size)
		if (sendfile(to, from, &at, (size_t)(size - at)) <= 0)
			return errno ? -errno : -EIO;
	return fsync(to) < 0 ? -errno : 0;
}

/* A file that has come meanwhile is somebody's. Not every file system renames under that condition; most others link so. */
static int give_name(const struct learn_file *file, const char *from)
{
	int directory = file->directory;

	if (renameat2(directory, from, directory, file->base, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL || linkat(directory, from, directory, file->base, 0) < 0)
		return -errno;
	return unlinkat(directory, from, 0) < 0 ? -errno : 0;
}

static int put(const struct learn_file *file, off_t size)
{
	char name[64];
	uint64_t number = 0;

	if (getrandom(&number, sizeof number, 0) != sizeof number)
		return -EIO;
	snprintf(name, sizeof name, ".msb-learnt-%016llx", (unsigned long long)number);
	CLEANUP_FD int to = openat(file->directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (to < 0)
		return -errno;
	errno = 0;
	int error = copy(file->memory, to, size);
	if (error == 0)
		error = give_name(file, name);
	if (error < 0)
		unlinkat(file->directory, name, 0);
	return error;
}

int learn_file_write(const struct learn_file *file)
{
	struct stat status;

	if (fstat(file->memory, &status) < 0)
		return fail(file->path, "what was learnt", -errno);
	if (status.st_size == 0) {
		log_error("--learn %s: nothing is written: the run did not get to its end", file->path);
		return -ENODATA;
	}
	int error = put(file, status.st_size);
	return error < 0 ? fail(file->path, "not written", error) : 0;
}
