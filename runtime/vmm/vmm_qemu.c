/* The QEMU guest: a process that moves its standard streams, whose exit status is the command's, and QEMU as
 * its child. */
#include "core/exit_status.h"
#include "core/fd.h"
#include "core/log.h"
#include "core/process.h"
#include "isolation/exec_jail.h"
#include "vmm/accel.h"
#include "vmm/guest_files.h"
#include "vmm/guest_stdio.h"
#include "vmm/guest_volumes.h"
#include "vmm/initrd.h"
#include "vmm/qemu_argv.h"
#include "vmm/rootfs.h"
#include "vmm/vmm.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#define KERNEL "/kernel" /* in QEMU's root */
#define INITRD "/initrd"

static const char *const programs[] = { "/usr/bin/qemu-system-x86_64", "/usr/local/bin/qemu-system-x86_64" };

/* The descriptors that QEMU holds, each a socket whose other end the stdio process has */
enum stream_kind {
	STREAM_IN,
	STREAM_OUT,
	STREAM_ERR,
	STREAM_CONTROL,
	STREAM_CONSOLE,
	STREAM_EVENTS,
	STREAM_ERRORS,
	STREAMS
};

struct qemu_start {
	const struct vmm_start *start;
	const char *program;
	struct guest_files files;
	enum accel_kind accel;
	bool terminal;
	int disk;
	enum qemu_disk_format disk_format;
	struct guest_volumes volumes;
	char *initrd_run;
	size_t initrd_run_size;
	int ours[STREAMS], qemus[STREAMS];
};

const char *vmm_qemu_program(void)
{
	for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
		if (!access(programs[i], X_OK))
			return programs[i];
	log_error("no QEMU: %s is not there", programs[0]);
	log_help("apt-get install qemu-system-x86, or --vmm none to run without a VM");
	return NULL;
}

static int make_streams(struct qemu_start *qemu)
{
	for (int i = 0; i < STREAMS; i++) {
		int pair[2];
		if (!qemu->files.agent && i < STREAM_CONSOLE)
			continue;
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
			int error = errno;
			log_error("cannot make the guest's streams: %s", strerror(error));
			return -error;
		}
		qemu->ours[i] = pair[0];
		qemu->qemus[i] = pair[1];
	}
	return 0;
}

static int make_initrd_run(struct qemu_start *qemu)
{
	struct winsize size;
	struct initrd_run run = { .start = qemu->start, .has_rootfs = qemu->disk >= 0, .volumes = &qemu->volumes };

	if (!qemu->files.agent)
		return 0;
	if (qemu->terminal && !ioctl(qemu->start->host_stdin, TIOCGWINSZ, &size)) {
		run.terminal = &size;
		run.term = getenv("TERM");
	}
	int error = initrd_make(&run, &qemu->initrd_run, &qemu->initrd_run_size);
	if (error < 0)
		log_error("cannot make the guest's initrd: %s", strerror(-error));
	return error;
}

static int open_files(struct qemu_start *qemu)
{
	const struct run_config *config = qemu->start->config;

	int error = guest_files_open(config, &qemu->files);
	if (error < 0)
		return error;
	if (!qemu->files.agent && config->command) {
		log_error("a guest with a kernel or initrd of its own starts what it likes, not a COMMAND");
		return -EINVAL;
	}
	return config->rootfs ? rootfs_open(config, &qemu->disk, &qemu->disk_format) : 0;
}

/* All that can go wrong, while it can still be reported plainly */
static int prepare(struct qemu_start *qemu)
{
	const struct vmm_start *start = qemu->start;

	qemu->program = vmm_qemu_program();
	if (!qemu->program)
		return -ENOENT;
	qemu->terminal = isatty(start->host_stdin) && isatty(start->host_stdout);
	int error = open_files(qemu);
	if (error < 0)
		return error;
	int accel = accel_choose(start->config->accel);
	if (accel < 0)
		return -ENOENT;
	qemu->accel = (enum accel_kind)accel;
	error = make_streams(qemu);
	if (error == 0)
		error = guest_volumes_open(start->config, qemu->qemus[STREAM_ERRORS], &qemu->volumes);
	return error < 0 ? error : make_initrd_run(qemu);
}

static void close_all(int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		fd_closep(&fds[i]);
}

static void release(struct qemu_start *qemu)
{
	close_all(qemu->ours, STREAMS);
	close_all(qemu->qemus, STREAMS);
	fd_closep(&qemu->files.kernel);
	fd_closep(&qemu->files.initrd);
	fd_closep(&qemu->disk);
	guest_volumes_close(&qemu->volumes);
	free(qemu->initrd_run);
}

static char **argv_of(const struct qemu_start *qemu, struct arena *arena)
{
	const struct run_config *config = qemu->start->config;
	struct qemu_config argv = {
		.program = qemu->program,
		.accel = qemu->accel,
		.tsc_khz = accel_tsc_khz(),
		.memory_mib = config->memory_mib,
		.cpus = config->cpus,
		.verbose = config->verbose,
		.kernel = KERNEL,
		.known_kernel = qemu->files.agent,
		.initrd = qemu->files.initrd >= 0 ? INITRD : NULL,
		.tap = qemu->start->tap_fd,
		.console = qemu->qemus[STREAM_CONSOLE],
		.in = qemu->qemus[STREAM_IN],
		.out = qemu->qemus[STREAM_OUT],
		.err = qemu->qemus[STREAM_ERR],
		.control = qemu->qemus[STREAM_CONTROL],
		.events = qemu->qemus[STREAM_EVENTS],
		.disk_format = qemu->disk_format,
		.disk = qemu->disk,
		.volumes = &qemu->volumes,
	};

	memcpy(argv.mac, qemu->start->mac, sizeof argv.mac);
	argv.mtu = qemu->start->config->policy->interface.mtu;
	return qemu_argv(arena, &argv);
}

/* QEMU inherits the tap, the disk and its ends of the sockets; its standard input is /dev/null, its output a socket of ours. */
static int keep_descriptors(const struct qemu_start *qemu, int null)
{
	int keep[STREAMS + 2 + 2 * VOLUMES_MAX];
	size_t count = STREAMS + 2;

	memcpy(keep, qemu->qemus, sizeof qemu->qemus);
	keep[STREAMS] = qemu->start->tap_fd;
	keep[STREAMS + 1] = qemu->disk;
	for (size_t i = 0; i < qemu->volumes.count; i++) {
		keep[count++] = qemu->volumes.items[i].socket;
		keep[count++] = qemu->volumes.items[i].image;
	}
	if (dup2(null, STDIN_FILENO) < 0 || dup2(qemu->qemus[STREAM_ERRORS], STDOUT_FILENO) < 0 ||
	    dup2(qemu->qemus[STREAM_ERRORS], STDERR_FILENO) < 0)
		return -errno;
	keep[STREAM_ERRORS] = -1;
	process_close_others(keep, count);
	for (size_t i = 0; i < count; i++)
		if (keep[i] >= 0 && fcntl(keep[i], F_SETFD, 0))
			return -errno;
	return 0;
}

static _Noreturn void become_qemu(const struct qemu_start *qemu)
{
	static char *environment[] = { "PATH=/usr/bin", "LC_ALL=C", NULL };
	static const char *const kvm = "kvm";
	const struct exec_jail_file files[] = {
		{ KERNEL, qemu->files.kernel, NULL, 0, qemu->files.tree },
		{ INITRD, qemu->files.initrd, qemu->initrd_run, qemu->initrd_run_size, false },
	};
	const struct exec_jail wanted = {
		.uid = qemu->start->uid,
		.files = files,
		.file_count = qemu->files.initrd >= 0 ? 2 : 1,
		.devices = &kvm,
		.device_count = qemu->accel == ACCEL_KVM ? 1 : 0,
		.own_network = true,
	};
	char **argv = argv_of(qemu, arena_new());
	int null = open("/dev/null", O_RDWR | O_CLOEXEC); /* QEMU's root has none */

	setsid();
	process_reset_signals();
	if (exec_jail_enter(&wanted))
		_exit(EXIT_STATUS_FAILED);
	if (!keep_descriptors(qemu, null))
		execve(qemu->program, argv, environment);
	log_error("cannot run %s: %s", qemu->program, strerror(errno));
	_exit(EXIT_STATUS_FAILED);
}

/* The stdio process: it starts QEMU while it still can, then holds nothing but its ends of the streams. */
static _Noreturn void become_stdio(struct qemu_start *qemu)
{
	const struct vmm_start *start = qemu->start;
	struct guest_stdio stdio = {
		.in = qemu->ours[STREAM_IN],
		.out = qemu->ours[STREAM_OUT],
		.err = qemu->ours[STREAM_ERR],
		.control = qemu->ours[STREAM_CONTROL],
		.console = qemu->ours[STREAM_CONSOLE],
		.errors = qemu->ours[STREAM_ERRORS],
		.events = qemu->ours[STREAM_EVENTS],
		.host_stdin = start->host_stdin,
		.host_stdout = start->host_stdout,
		.host_stderr = start->host_stderr,
		.terminal = qemu->terminal,
		.verbose = start->config->verbose,
		.uid = start->streams_uid,
	};

	stdio.qemu = process_fork(0, &stdio.qemu_pidfd);
	if (stdio.qemu == 0)
		become_qemu(qemu);
	if (stdio.qemu < 0) {
		log_error("cannot start QEMU: %s", strerror(-stdio.qemu));
		_exit(EXIT_STATUS_FAILED);
	}
	int keep[11 + VOLUMES_MAX] = { stdio.in,         stdio.out,         stdio.err,        stdio.control,
				       stdio.console,    stdio.errors,      stdio.events,     stdio.qemu_pidfd,
				       stdio.host_stdin, stdio.host_stdout, stdio.host_stderr };
	for (size_t i = 0; i < VOLUMES_MAX; i++)
		keep[11 + i] = stdio.volumes[i] = i < qemu->volumes.count ? qemu->volumes.items[i].pidfd : -1;
	process_close_others(keep, sizeof keep / sizeof *keep);
	_exit(guest_stdio_run(&stdio));
}

int vmm_qemu_start(const struct vmm_start *start, struct vmm *out)
{
	struct qemu_start qemu = { .start = start, .files = { -1, -1, false, false }, .disk = -1 };
	int pidfd = -1;

	memset(qemu.ours, -1, sizeof qemu.ours);
	memset(qemu.qemus, -1, sizeof qemu.qemus);
	int error = prepare(&qemu);
	pid_t pid = error < 0 ? error : process_fork(0, &pidfd);
	if (pid == 0)
		become_stdio(&qemu);
	release(&qemu);
	if (error < 0)
		return error;
	if (pid < 0) {
		log_error("cannot start QEMU: %s", strerror(-pid));
		return pid;
	}
	*out = (struct vmm){ .pid = pid, .pidfd = pidfd, .accel = qemu.accel };
	return 0;
}
