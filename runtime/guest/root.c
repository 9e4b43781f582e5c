/* Preparing the root directory. Where a path of the user's is looked up, we are inside that root, as the command will be. */
#include "root.h"
#include "agent.h"
#include "hosts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOSTS "/etc/hosts"
#define HOSTS_MAX (1024 * 1024)
#define COMPLETE "/msb/hosts.complete"

/* A regular file as a string, to be freed; whatever else is there is an empty one */
static char *text_of(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char *text = calloc(1, HOSTS_MAX + 1);
	struct stat st;
	size_t have = 0;
	ssize_t n;

	if (text && fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode))
		while (have < HOSTS_MAX && (n = read(fd, text + have, HOSTS_MAX - have)) > 0)
			have += (size_t)n;
	if (fd >= 0)
		close(fd);
	return text;
}

/* Into `root`; back with the descriptor of what was the root directory, which is -1 on failure */
static int enter(const char *root)
{
	int before = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (before >= 0 && chroot(root) == 0 && chdir("/") == 0)
		return before;
	if (before >= 0)
		close(before);
	return -1;
}

static int leave(int before)
{
	int failed = fchdir(before) < 0 || chroot(".") < 0;

	close(before);
	return failed ? -1 : 0;
}

static char *hosts_of(const char *root)
{
	int before = enter(root);
	char *text = before < 0 ? NULL : text_of(HOSTS);

	if (before >= 0 && leave(before) < 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* True where something was lacking and is in COMPLETE now */
static bool complete(const char *have, const char *wanted)
{
	FILE *out = fopen(COMPLETE, "we");
	size_t length = strlen(have);

	if (!out)
		return false;
	fputs(have, out);
	if (length && have[length - 1] != '\n')
		fputc('\n', out);
	bool any = hosts_add(out, have, wanted);
	fchmod(fileno(out), 0644);
	return fclose(out) == 0 && any;
}

static int cover(const char *root)
{
	int mount = open_tree(AT_FDCWD, COMPLETE, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	int before = mount < 0 ? -1 : enter(root);

	if (before < 0)
		return -1;
	if (access(HOSTS, F_OK) < 0) {
		mkdir("/etc", 0755);
		close(open(HOSTS, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644));
	}
	int failed = move_mount(mount, "", AT_FDCWD, HOSTS, MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS);
	int error = errno;
	close(mount);
	if (leave(before) < 0)
		return -1;
	errno = error;
	return failed;
}

int root_complete_hosts(const char *root)
{
	char *have = hosts_of(root), *wanted = text_of(AGENT_HOSTS);
	int failed = have && wanted ? 0 : -1;

	if (!failed && complete(have, wanted))
		failed = cover(root);
	free(have);
	free(wanted);
	return failed;
}

int root_workdir(const char *path)
{
	char part[PATH_MAX];

	if (strlen(path) >= sizeof part) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(part, path);
	for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(part, 0755); /* what is wrong with it, chdir() will find */
		*slash = '/';
	}
	mkdir(part, 0755);
	return chdir(path);
}
