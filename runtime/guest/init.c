/* The steps from the kernel's first process to the agent. /msb/run is made anew for each start by runtime/vmm/initrd.c: words
 * NAME=VALUE, none of which holds a blank. */
#include "init.h"
#include "agent.h"
#include "network.h"
#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RUN "/msb/run"
#define RESOLV_CONF "/etc/resolv.conf"
#define LINK "eth0"
#define ROOT "/mnt"

static void complain(const char *what)
{
	fprintf(stderr, "msb-run: in the guest: %s: %s\n", what, strerror(errno));
}

_Noreturn void init_end_machine(void)
{
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

/* ---- mounts ---- */

static void mount_at(const char *type, const char *directory, const char *options)
{
	mkdir(directory, 0755);
	/* a kernel may have mounted /dev itself */
	if (mount(type, directory, type, 0, options) < 0 && errno != EBUSY)
		complain(directory);
}

static void mount_all(void)
{
	static const char *const links[][2] = {
		{ "/proc/self/fd", "/dev/fd" },
		{ "/proc/self/fd/0", "/dev/stdin" },
		{ "/proc/self/fd/1", "/dev/stdout" },
		{ "/proc/self/fd/2", "/dev/stderr" },
	};

	mount_at("proc", "/proc", NULL);
	mount_at("sysfs", "/sys", NULL);
	mount_at("devtmpfs", "/dev", NULL);
	for (size_t i = 0; i < sizeof links / sizeof *links; i++)
		if (symlink(links[i][0], links[i][1]) < 0)
			complain(links[i][1]);
	mount_at("devpts", "/dev/pts", "mode=620,ptmxmode=666");
	mount_at("tmpfs", "/dev/shm", "mode=1777");
	mount_at("tmpfs", "/run", "mode=755");
}

/* ---- drivers ---- */

static bool wanted(const char *module)
{
	/* they take memory */
	return access(AGENT_VOLUMES, F_OK) == 0 || (!strstr(module, "fuse.ko") && !strstr(module, "virtiofs.ko"));
}

static void load_modules(void)
{
	glob_t modules;

	if (glob("/lib/modules/*.ko", 0, NULL, &modules))
		return;
	for (size_t i = 0; i < modules.gl_pathc; i++) {
		int fd = wanted(modules.gl_pathv[i]) ? open(modules.gl_pathv[i], O_RDONLY | O_CLOEXEC) : -1;
		if (fd < 0)
			continue;
		if (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST)
			complain(modules.gl_pathv[i]);
		close(fd);
	}
	globfree(&modules);
}

/* ---- what msb-run says ---- */

static char run_text[4096];

static void read_run(void)
{
	int fd = open(RUN, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, run_text, sizeof run_text - 1) < 0)
		complain(RUN);
	close(fd);
	for (char *at = run_text; *at; at++)
		if (*at == ' ' || *at == '\n')
			*at = '\0';
}

/* "" where it is not there */
static const char *value_of(const char *name)
{
	size_t length = strlen(name);

	for (const char *word = run_text; word < run_text + sizeof run_text - 1; word += strlen(word) + 1)
		if (!strncmp(word, name, length) && word[length] == '=')
			return word + length + 1;
	return "";
}

/* ---- network ---- */

static void write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		complain(path);
	close(fd);
}

static void add_family(const char *address, const char *gateway)
{
	if (*address && (network_address(LINK, address) < 0 || network_default_route(LINK, gateway) < 0))
		complain(address);
}

static void set_up_network(void)
{
	const char *address4 = value_of("ADDRESS4"), *address6 = value_of("ADDRESS6");

	if (network_up("lo") < 0)
		complain("lo");
	/* the address is ours for sure: no waiting for duplicates */
	write_to("/proc/sys/net/ipv6/conf/all/accept_ra", "0");
	if (access("/sys/class/net/" LINK, F_OK) < 0)
		return;
	write_to("/proc/sys/net/ipv6/conf/" LINK "/accept_dad", "0");
	if ((*address4 || *address6) && network_up(LINK) < 0)
		complain(LINK);
	add_family(address4, value_of("GATEWAY4"));
	add_family(address6, value_of("GATEWAY6"));
}

static void write_resolv_conf(const char *path)
{
	FILE *out = fopen(path, "we");

	if (!out) {
		complain(path);
		return;
	}
	for (const char *gateways[] = { value_of("GATEWAY4"), value_of("GATEWAY6"), NULL }, **at = gateways; *at; at++)
		if (**at)
			fprintf(out, "nameserver %s\n", *at);
	const char *search = value_of("SEARCH");
	if (*search)
		fputs("search ", out);
	for (const char *at = search; *at; at++)
		fputc(*at == ',' ? ' ' : *at, out);
	if (*search)
		fputc('\n', out);
	fclose(out);
}

static void set_name(void)
{
	const char *name = value_of("NAME");

	if (sethostname(name, strlen(name)) < 0)
		complain(name);
}

/* ---- the command's root directory ---- */

static bool mount_disk(const char *serial)
{
	static const char *const types[] = { "ext4", "ext3", "ext2" };
	char device[PATH_MAX];

	if (root_disk(serial, device) < 0)
		return false;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (mount(device, ROOT, types[i], 0, NULL) == 0)
			return true;
	return false;
}

static const char *mount_root(const char *serial)
{
	static const char *const shared[] = { "dev", "proc", "sys", "run" }, *const there[] = { "tmp", "etc" };
	char path[64], own[64];

	if (!mount_disk(serial)) {
		fputs("cannot mount the root file system: not ext2, ext3 or ext4?\n", stderr);
		init_end_machine();
	}
	for (size_t i = 0; i < sizeof there / sizeof *there; i++) {
		snprintf(path, sizeof path, ROOT "/%s", there[i]);
		mkdir(path, 0755);
	}
	for (size_t i = 0; i < sizeof shared / sizeof *shared; i++) {
		snprintf(path, sizeof path, ROOT "/%s", shared[i]);
		snprintf(own, sizeof own, "/%s", shared[i]);
		mkdir(path, 0755);
		if (mount(own, path, NULL, MS_BIND | MS_REC, NULL) < 0)
			complain(path);
	}
	/* a link in the image leads where it likes: only a plain file is replaced */
	unlink(ROOT RESOLV_CONF);
	write_resolv_conf(ROOT RESOLV_CONF);
	return ROOT;
}

const char *init_prepare(void)
{
	umask(022);
	mount_all();
	load_modules();
	read_run();
	set_up_network();
	set_name();
	write_resolv_conf(RESOLV_CONF);
	return *value_of("ROOTFS") ? mount_root(value_of("ROOTFS")) : "/";
}
