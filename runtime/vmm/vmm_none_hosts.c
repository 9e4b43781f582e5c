/* The guest's name, as a host name of COMMAND's own UTS namespace, and the host's /etc/hosts with the lines that it lacks for
 * that name and localhost. */
#include "base/text_stream.h"
#include "core/fd.h"
#include "core/log.h"
#include "guest/hosts.h"
#include "vmm/vmm_none.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define HOSTS "/etc/hosts"
#define COMPLETE "/proc/hosts"       /* in a file system that is there for a moment only */
#define HOSTS_MAX (16 * 1024 * 1024) /* lists of blocked names are long */

/* The host's file as a string, the caller's to free; NULL with errno. What is no regular file is as good as empty. */
static char *read_hosts(void)
{
	CLEANUP_FD int fd = open(HOSTS, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char *text = fd < 0 ? NULL : calloc(1, HOSTS_MAX + 1);
	struct stat st;
	size_t have = 0;
	ssize_t n;

	if (!text || fstat(fd, &st) || !S_ISREG(st.st_mode))
		return text;
	while (have < HOSTS_MAX && (n = read(fd, text + have, HOSTS_MAX - have)) > 0)
		have += (size_t)n;
	if (st.st_size <= HOSTS_MAX)
		return text;
	free(text);
	errno = EFBIG;
	return NULL;
}

static int complete(const char *have, const char *wanted, bool *any)
{
	FILE *out = fopen(COMPLETE, "we");
	size_t length = strlen(have);

	if (!out)
		return -errno;
	fputs(have, out);
	if (length && have[length - 1] != '\n')
		fputc('\n', out);
	*any = hosts_add(out, have, wanted);
	int error = fchmod(fileno(out), 0644) ? -errno : 0;
	return fclose(out) && error == 0 ? -errno : error;
}

/* Over the name itself, also where that is a symbolic link */
static int cover(void)
{
	CLEANUP_FD int mount = open_tree(AT_FDCWD, COMPLETE, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	return mount < 0 || move_mount(mount, "", AT_FDCWD, HOSTS, MOVE_MOUNT_F_EMPTY_PATH) ? -errno : 0;
}

/* Like resolv.conf, the file needs a file system of its own, in the place of /proc, which is covered anyway */
static int put_in_place(const char *have, const char *wanted)
{
	bool any = false;

	if (mount("msb", "/proc", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=20m,mode=755"))
		return -errno;
	int error = complete(have, wanted, &any);
	if (error == 0 && any)
		error = cover();
	umount2("/proc", MNT_DETACH);
	return error;
}

int vmm_none_set_hosts(const struct vmm_start *start)
{
	CLEANUP_FREE char *have = NULL, *wanted = NULL;
	size_t size;
	FILE *lines = open_memstream(&wanted, &size);
	int error = lines ? 0 : -ENOMEM;

	if (lines) {
		vmm_hosts(lines, start);
		error = text_stream_close(lines, &wanted);
	}
	if (error == 0 && sethostname(start->config->name, strlen(start->config->name)))
		error = -errno;
	have = error < 0 ? NULL : read_hosts();
	if (error == 0 && !have && (errno == ENOENT || errno == EFBIG)) {
		log_line("the command may not find localhost by name: %s",
			 errno == EFBIG ? HOSTS " is too large to be completed" :
					  "the host has no " HOSTS "; an empty file is enough");
		return 0;
	}
	if (error == 0)
		error = have ? put_in_place(have, wanted) : -errno;
	if (error < 0)
		log_error("cannot complete " HOSTS " for the command: %s", strerror(-error));
	return error;
}
