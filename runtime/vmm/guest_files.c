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

/* Relative to the directory of the program: of the build, and of an installation; and where msb-guest puts it */
static const char *const places[] = { "guest", "../share/msb-policy/guest", MSB_GUEST_DIRECTORY };

static int open_file(int directory, const char *path)
{
	int fd = openat(directory, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
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
	int fd = open_file(AT_FDCWD, path);

	if (fd < 0)
		log_error("%s %s: %s", option, path, fd == -EINVAL ? "not a regular file" : strerror(-fd));
	return fd;
}

/* The directory of the program, and whether that is to be had */
static bool program_directory(char program[static PATH_MAX])
{
	ssize_t length = readlink("/proc/self/exe", program, PATH_MAX - 1);

	if (length < 0)
		return false;
	program[length] = '\0';
	*strrchr(program, '/') = '\0';
	return true;
}

/* The first place that has a guest: kernel and modules of the initrd are of one version, so all files are from there */
static int open_place(void)
{
	char program[PATH_MAX], path[PATH_MAX + 64];

	if (!program_directory(program)) {
		int error = errno;
		log_error("/proc/self/exe: %s", strerror(error));
		return -error;
	}
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		if (places[i][0] == '/')
			snprintf(path, sizeof path, "%s", places[i]);
		else
			snprintf(path, sizeof path, "%s/%s", program, places[i]);
		CLEANUP_FD int directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (directory >= 0 && faccessat(directory, "initrd", F_OK, 0) == 0)
			return TAKE_FD(directory);
	}
	log_error("there is no default guest");
	log_help("%s, or give --kernel FILE and --initrd FILE, or --vmm none to run without a VM",
		 access(MSB_GUEST_PROGRAM, X_OK) == 0 ? "msb-guest makes it" : "make guest");
	return -ENOENT;
}

static int open_default(int place, const char *name)
{
	int fd = open_file(place, name);

	if (fd < 0)
		log_error("the default guest's %s: %s", name, fd == -EINVAL ? "not a regular file" : strerror(-fd));
	return fd;
}

/* Uncompressed where there is that: the guest starts sooner. It is large, so what root has put there for all is not copied. */
static int open_default_kernel(int place, bool *tree)
{
	struct stat st;

	if (faccessat(place, "vmlinux", F_OK, 0))
		return open_default(place, "vmlinuz");
	CLEANUP_FD int fd = open_default(place, "vmlinux");
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
	CLEANUP_FD int place = -1;
	CLEANUP_FD int kernel = -1;
	bool tree = false;
	int initrd = -1;

	if (!config->kernel && (place = open_place()) < 0)
		return place;
	kernel = config->kernel ? open_given("--kernel", config->kernel) : open_default_kernel(place, &tree);
	if (kernel < 0)
		return kernel;
	/* A kernel of one's own fits the modules of our initrd by chance only: it comes with its own initrd, or none */
	if (config->initrd)
		initrd = open_given("--initrd", config->initrd);
	else if (!config->kernel)
		initrd = open_default(place, "initrd");
	if (initrd < 0 && (config->initrd || !config->kernel))
		return initrd;
	*out = (struct guest_files){ TAKE_FD(kernel), initrd, !config->kernel && !config->initrd, tree };
	return 0;
}
