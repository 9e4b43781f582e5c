/* virtiofsd comes in two kinds, one in C with QEMU up to 7.2, its successor in Rust, with other options. Both accept one
 * connection on a listening socket, and serve the directory that they find as their root. */
#include "vmm/guest_volumes.h"
#include "core/exit_status.h"
#include "core/fd.h"
#include "core/log.h"
#include "core/process.h"
#include "isolation/exec_jail.h"
#include "vmm/rootfs_pack.h"
#include "vmm/volume.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

static const struct daemon {
	const char *program;
	bool rust;
} daemons[] = {
	{ "/usr/libexec/virtiofsd", true },
	{ "/usr/lib/virtiofsd", true },
	{ "/usr/lib/qemu/virtiofsd", false },
};

#define ARGS_MAX 20
#define RUST_SHARE "--shared-dir=" EXEC_JAIL_SHARE
#define C_SHARE "source=" EXEC_JAIL_SHARE ",sandbox=chroot,no_xattr,log_level=err"

static const struct daemon *find_daemon(void)
{
	for (size_t i = 0; i < sizeof daemons / sizeof *daemons; i++)
		if (!access(daemons[i].program, X_OK))
			return &daemons[i];
	return NULL;
}

const char *guest_volumes_program(void)
{
	const struct daemon *daemon = find_daemon();

	return daemon ? daemon->program : NULL;
}

/* Without extended attributes: among them are the capabilities of a file, which the host would honour. */
static void arguments(const struct daemon *daemon, char *fd, char *argv[static ARGS_MAX])
{
	static char *const c[] = { "-f", "-o", C_SHARE, "-o", "cache=auto,modcaps=-mknod:-setfcap" };
	static char *const rust[] = { RUST_SHARE, "--sandbox=chroot", "--cache=auto", "--log-level=error",
				      "--modcaps=-mknod:-setfcap" };
	size_t count = 0;

	argv[count++] = (char *)daemon->program;
	for (size_t i = 0; i < sizeof c / sizeof *c; i++)
		argv[count++] = daemon->rust ? rust[i] : c[i];
	argv[count++] = "--rlimit-nofile=0";
	argv[count++] = fd;
	argv[count] = NULL;
}

/* Descriptors go first: the process can be traced by its user from then on. */
static _Noreturn void become_daemon(const struct daemon *daemon, const struct volume *volume, int listener, int errors)
{
	static char *environment[] = { "PATH=/usr/bin", "LC_ALL=C", NULL };
	const struct exec_jail_share share = { volume->tree, volume->gid };
	const struct exec_jail jail = { .uid = volume->uid, .own_network = true, .share = &share };
	struct rlimit files;
	char fd[32], *argv[ARGS_MAX];
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	process_reset_signals();
	process_forget_environment();
	if (dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
		_exit(EXIT_STATUS_FAILED);
	process_close_others((int[]){ volume->tree, listener, errors }, 3);
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	if (exec_jail_enter(&jail))
		_exit(EXIT_STATUS_FAILED);
	snprintf(fd, sizeof fd, "--fd=%d", listener);
	arguments(daemon, fd, argv);
	if (!fcntl(listener, F_SETFD, 0) && dup2(errors, STDOUT_FILENO) >= 0 && dup2(errors, STDERR_FILENO) >= 0 &&
	    !process_close_others(&listener, 1))
		execve(daemon->program, argv, environment);
	log_error("cannot run %s: %s", daemon->program, strerror(errno));
	_exit(EXIT_STATUS_FAILED);
}

/* A listener in whose queue our connection is the only one there can be: a stranger's that came first would make ours fail. */
static int connected_pair(int *listener, int *client)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t length = sizeof address;

	*listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	*client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* the kernel chooses a name */
	if (*listener < 0 || *client < 0 || bind(*listener, (struct sockaddr *)&address, sizeof(sa_family_t)) ||
	    listen(*listener, 0) || getsockname(*listener, (struct sockaddr *)&address, &length) ||
	    connect(*client, (struct sockaddr *)&address, length) || fcntl(*client, F_SETFL, 0))
		return -errno;
	return 0;
}

static int start_daemon(const struct daemon *daemon, const struct volume *volume, int errors, struct guest_volume *out)
{
	CLEANUP_FD int listener = -1, client = -1;
	int error = connected_pair(&listener, &client);
	pid_t pid = error < 0 ? error : process_fork(CLONE_NEWPID, &out->pidfd);

	if (pid == 0)
		become_daemon(daemon, volume, listener, errors);
	if (pid < 0) {
		log_error("cannot start %s: %s", daemon->program, strerror(-pid));
		out->pidfd = -1;
		return pid;
	}
	out->socket = TAKE_FD(client);
	return 0;
}

static int pack(const struct run_config *config, const struct run_volume *wanted, const struct volume *volume,
		struct guest_volume *out)
{
	const struct rootfs_pack pack = { .option = "-v",
					  .path = wanted->host,
					  .directory = volume->tree,
					  .repack = config->repack,
					  .full = true,
					  .uid = volume->uid,
					  .gid = volume->gid };
	char path[32];

	if (!wanted->read_only) {
		log_line("-v %s:%s: no virtiofsd here, so the guest gets a copy, and only to read", wanted->host,
			 wanted->guest);
		log_help("apt-get install virtiofsd, or on Debian 12 qemu-system-common");
	}
	CLEANUP_FD int image = rootfs_pack(&pack);
	if (image < 0)
		return image;
	/* QEMU takes it for reading only where it can do nothing else with it */
	snprintf(path, sizeof path, "/proc/self/fd/%d", image);
	out->image = open(path, O_RDONLY | O_CLOEXEC);
	if (out->image >= 0)
		return 0;
	int error = -errno;
	log_error("-v %s: %s", wanted->host, strerror(-error));
	return error;
}

int guest_volumes_open(const struct run_config *config, int errors, struct guest_volumes *out)
{
	const struct daemon *daemon = find_daemon();
	int error = 0;

	out->count = 0;
	for (size_t i = 0; error == 0 && i < config->volume_count; i++) {
		struct volume volume;
		error = volume_open(&config->volumes[i], false, &volume);
		if (error < 0)
			break;
		out->items[out->count] = (struct guest_volume){ -1, -1, -1 };
		struct guest_volume *item = &out->items[out->count++];
		error = daemon ? start_daemon(daemon, &volume, errors, item) :
				 pack(config, &config->volumes[i], &volume, item);
		close(volume.tree);
	}
	return error;
}

void guest_volumes_close(struct guest_volumes *volumes)
{
	for (size_t i = 0; i < volumes->count; i++) {
		fd_closep(&volumes->items[i].socket);
		fd_closep(&volumes->items[i].image);
		fd_closep(&volumes->items[i].pidfd);
	}
	volumes->count = 0;
}
