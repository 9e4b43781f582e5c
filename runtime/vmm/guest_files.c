/* Opening kernel and initrd. */
#include "vmm/guest_files.h"
#include "core/fd.h"
#include "core/log.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

/* Relative to the directory of the program: of the build, and of an installation */
static const char *const places[] = { "guest", "../share/msb-policy/guest" };

static int open_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return -EINVAL;
	}
	return fd;
}

static int open_given(const char *option, const char *path)
{
	int fd = open_file(path);

	if (fd < 0)
		log_error("%s %s: %s", option, path, fd == -EINVAL ? "not a regular file" : strerror(-fd));
	return fd;
}

/* -ENOENT, and nothing said, where it is not there */
static int find_default(const char *name)
{
	char program[PATH_MAX], path[PATH_MAX + 64];
	ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);

	if (length < 0)
		return -errno;
	program[length] = '\0';
	*strrchr(program, '/') = '\0';
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		snprintf(path, sizeof path, "%s/%s/%s", program, places[i], name);
		int fd = open_file(path);
		if (fd != -ENOENT) {
			if (fd < 0)
				log_error("%s: %s", path, strerror(-fd));
			return fd;
		}
	}
	return -ENOENT;
}

static int open_default(const char *name)
{
	int fd = find_default(name);

	if (fd == -ENOENT) {
		log_error("no default guest beside msb-run (guest/%s)", name);
		log_help("make guest, or give --kernel FILE and --initrd FILE, or --vmm none to run without a VM");
	}
	return fd;
}

/* Uncompressed where there is that: the guest starts sooner. It is large, so what root has put there for all is not copied. */
static int open_default_kernel(bool *tree)
{
	CLEANUP_FD int fd = find_default("vmlinux");
	struct stat st;

	if (fd == -ENOENT)
		return open_default("vmlinuz");
	if (fd < 0)
		return fd;
	bool common =
		!fstat(fd, &st) && st.st_uid == 0 && (st.st_mode & S_IROTH) && !(st.st_mode & (S_IWGRP | S_IWOTH));
	int mount = common ? open_tree(fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC) : -1;
	*tree = mount >= 0;
	return *tree ? mount : TAKE_FD(fd);
}

int guest_files_open(const struct run_config *config, struct guest_files *out)
{
	CLEANUP_FD int kernel = -1;
	bool tree = false;
	int initrd = -1;

	kernel = config->kernel ? open_given("--kernel", config->kernel) : open_default_kernel(&tree);
	if (kernel < 0)
		return kernel;
	/* A kernel of one's own fits the modules of our initrd by chance only: it comes with its own initrd, or none */
	if (config->initrd)
		initrd = open_given("--initrd", config->initrd);
	else if (!config->kernel)
		initrd = open_default("initrd");
	if (initrd < 0 && (config->initrd || !config->kernel))
		return initrd;
	*out = (struct guest_files){ TAKE_FD(kernel), initrd, !config->kernel && !config->initrd, tree };
	return 0;
}
