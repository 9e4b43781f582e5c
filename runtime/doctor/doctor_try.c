/* Running a check: in a child that dies with us, and that we end where it takes too long. */
#include "doctor/doctor.h"
#include "core/clock.h"
#include "core/fd.h"
#include "core/log.h"
#include "core/process.h"

#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define CHECK_TIMEOUT_MS 10000
#define SAID_MAX 4096 /* bytes that a check's process writes to standard error */

const char *const doctor_state_names[DOCTOR_PROBLEM + 1] = { "ok", "note", "problem" };

void doctor_say(struct doctor_finding *finding, enum doctor_state state, const char *fmt, ...)
{
	va_list args;

	finding->state = state;
	va_start(args, fmt);
	vsnprintf(finding->text, sizeof finding->text, fmt, args);
	va_end(args);
}

void doctor_help(struct doctor_finding *finding, const char *fmt, ...)
{
	va_list args;

	if (finding->help_count == DOCTOR_HELP_MAX)
		return;
	va_start(args, fmt);
	vsnprintf(finding->help[finding->help_count++], sizeof *finding->help, fmt, args);
	va_end(args);
}

void doctor_fail(struct doctor_finding *finding, const char *what, int error)
{
	doctor_say(finding, DOCTOR_PROBLEM, "cannot %s: %s", what, strerror(-error));
}

/* What functions of the runtime write on standard error belongs to the finding: without what a log line begins with */
static void take_said(struct doctor_finding *finding, int said)
{
	char text[SAID_MAX];
	static const char *const before[] = { "msb-ctl: error: ", "msb-ctl: ", "  help: ", "  " };
	ssize_t len = pread(said, text, sizeof text - 1, 0);
	char *save = NULL;

	text[len < 0 ? 0 : len] = '\0';
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		for (size_t i = 0; i < sizeof before / sizeof *before; i++)
			if (!strncmp(line, before[i], strlen(before[i]))) {
				line += strlen(before[i]);
				break;
			}
		doctor_help(finding, "%s", line);
	}
}

static _Noreturn void check_main(const struct doctor_check *check, struct doctor_finding *finding)
{
	int said = memfd_create("said", MFD_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	process_reset_signals();
	if (said < 0 || dup2(said, STDERR_FILENO) < 0)
		_exit(1);
	log_open();
	check->run(check, finding);
	if (finding->state != DOCTOR_OK) {
		take_said(finding, said);
		if (check->help)
			doctor_help(finding, "%s", check->help);
	}
	_exit(0);
}

static void explain_no_process(struct doctor_finding *finding, int error)
{
	doctor_fail(finding, "make its namespaces", error);
	if (error == -ENOSPC)
		doctor_help(finding, "too many namespaces: see sysctl user.max_net_namespaces, user.max_pid_namespaces "
				     "and their like");
	else if (error == -EPERM)
		doctor_help(finding, "root without CAP_SYS_ADMIN, or a container's filter: docker run --privileged, or "
				     "--cap-add SYS_ADMIN --cap-add NET_ADMIN and another seccomp profile");
	else if (error == -EINVAL)
		doctor_help(finding, "this kernel was built without: CONFIG_NET_NS, CONFIG_PID_NS, CONFIG_IPC_NS, "
				     "CONFIG_UTS_NS, CONFIG_CGROUPS, CONFIG_USER_NS");
}

/* The child's end, or its end by us */
static void wait_for_check(const struct doctor_check *check, int child, struct doctor_finding *finding)
{
	struct pollfd watched = { .fd = child, .events = POLLIN };
	uint64_t until = clock_ms() + CHECK_TIMEOUT_MS, now;
	int ready = 0;

	while (!ready && (now = clock_ms()) < until) {
		ready = poll(&watched, 1, (int)(until - now));
		if (ready < 0)
			ready = 0; /* EINTR */
	}
	if (!ready)
		syscall(SYS_pidfd_send_signal, child, SIGKILL, NULL, 0);
	int status = process_wait(child);
	if (!ready)
		doctor_say(finding, DOCTOR_PROBLEM, "no end within %d s: the check was ended", CHECK_TIMEOUT_MS / 1000);
	else if (status != 0)
		doctor_say(finding, DOCTOR_PROBLEM, "the check itself failed, with status %d", status);
	else
		return;
	if (check->help)
		doctor_help(finding, "%s", check->help);
}

int doctor_try(const struct doctor_check *check, struct doctor_finding *out)
{
	CLEANUP_FD int child = -1;
	struct doctor_finding *shared =
		mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED)
		return -errno;
	pid_t pid = process_fork(check->namespaces, &child);
	if (pid == 0)
		check_main(check, shared);
	if (pid > 0)
		wait_for_check(check, child, shared);
	*out = *shared;
	munmap(shared, sizeof *shared);
	if (pid < 0 && !check->namespaces)
		return pid;
	if (pid < 0)
		explain_no_process(out, pid);
	return 0;
}
