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

	bool regular = text && fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode);
	if (regular && st.st_size > HOSTS_MAX) { /* half of it would be worse than what is missing in it */
		free(text);
		text = NULL;
		errno = EFBIG;
	}
	if (regular && text)
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
	/* the default guest's own file is gone with it anyway, and stays one that a command can replace */
	if (!strcmp(root, "/"))
		return rename(COMPLETE, HOSTS);
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

/* `path` and what is missing above it */
static int make_directories(const char *path)
{
	char part[PATH_MAX];

	if (strlen(path) >= sizeof part) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(part, path);
	for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(part, 0755); /* what is wrong with it, whoever uses the path will find */
		*slash = '/';
	}
	mkdir(part, 0755);
	return 0;
}

int root_workdir(const char *path)
{
	return make_directories(path) < 0 ? -1 : chdir(path);
}

int root_disk(const char *serial, char device[static PATH_MAX])
{
	for (char letter = 'a'; letter <= 'z'; letter++) {
		char path[64], found[64] = "";
		snprintf(path, sizeof path, "/sys/block/vd%c/serial", letter);
		FILE *file = fopen(path, "re");
		if (!file)
			continue;
		/* without a newline in some kernels */
		bool same = fgets(found, sizeof found, file) && !strcmp(strtok(found, "\n") ?: "", serial);
		fclose(file);
		if (same) {
			snprintf(device, PATH_MAX, "/dev/vd%c", letter);
			return 0;
		}
	}
	errno = ENODEV;
	return -1;
}

static int mount_volume(char *const words[4])
{
	char device[PATH_MAX];
	unsigned long flags = MS_NOSUID | MS_NODEV | (strcmp(words[2], "ro") ? 0 : MS_RDONLY);
	bool image = strcmp(words[0], "virtiofs") != 0;

	if (image && root_disk(words[1], device) < 0)
		return -1;
	if (make_directories(words[3]) < 0)
		return -1;
	return mount(image ? device : words[1], words[3], words[0], flags, NULL);
}

int root_mount_volumes(const char *root, char **volumes)
{
	int before = enter(root), failed = before < 0;

	for (char **words = volumes; !failed && *words; words += 4) {
		failed = mount_volume(words) < 0;
		if (failed)
			fprintf(stderr, "msb-run: in the guest: cannot mount the volume at %s: %s\n", words[3],
				strerror(errno));
	}
	return before < 0 || leave(before) < 0 || failed ? -1 : 0;
}
