/* --watch without a launcher: whoever starts it, it goes on beside that process and ends with it. */
#include "run/policy_watch.h"
#include "isolation/own_inotify.h"
#include "policy/options.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { UID = 0x6d7ffff0, INSTANCES_MAX = 4096 };

static const struct policy *policy_in(struct arena *arena, const char *file)
{
	struct policy_options options = { .arena = arena };
	struct sources *sources = sources_new(arena);
	struct diags *diags = diags_new(arena, sources);

	return options_resolve(&options, file, diags);
}

/* A supervisor: starts the watcher, tells its pid, and ends when told */
static _Noreturn void supervise(const char *file, int tell, int told)
{
	struct arena *arena = arena_new();
	struct run_config config = { .name = "test-policy-watch-absent", .policy = policy_in(arena, file) };
	char byte;

	setsid();
	pid_t pid = policy_watch_start(&config, UID);
	_exit(write(tell, &pid, sizeof pid) != sizeof pid || read(told, &byte, 1) != 1);
}

Test(policy_watch, ends_with_a_supervisor_and_not_before)
{
	char file[] = "/tmp/test-policy-watch-XXXXXX";
	int made = mkstemp(file), tell[2], told[2];
	pid_t pid = -1;

	if (geteuid() != 0)
		cr_skip_test("keeping a capability needs root");
	cr_assert(made >= 0);
	cr_assert_eq(write(made, "default egress deny\n", 20), 20);
	cr_assert(pipe2(tell, O_CLOEXEC) == 0 && pipe2(told, O_CLOEXEC) == 0);
	pid_t supervisor = fork();
	if (supervisor == 0)
		supervise(file, tell[1], told[0]);
	cr_assert_eq(read(tell[0], &pid, sizeof pid), (ssize_t)sizeof pid);
	cr_assert(pid > 0);
	struct pollfd ended = { .fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };
	cr_assert(ended.fd >= 0);
	cr_assert_eq(poll(&ended, 1, 0), 0);
	/* a change, for which no sandbox can be reached: it goes on */
	cr_assert_eq(write(made, "allow@dns\n", 10), 10);
	close(made);
	cr_expect_eq(poll(&ended, 1, 700), 0);
	cr_assert_eq(write(told[1], "", 1), 1);
	cr_assert_eq(waitpid(supervisor, NULL, 0), supervisor);
	cr_expect_eq(poll(&ended, 1, 5000), 1);
	unlink(file);
}

static bool inotify_used_up(void)
{
	struct rlimit descriptors = { INSTANCES_MAX + 100, INSTANCES_MAX + 100 };

	if (setrlimit(RLIMIT_NOFILE, &descriptors))
		return false;
	for (int i = 0; i < INSTANCES_MAX; i++)
		if (own_inotify(UID) < 0)
			return true;
	return false;
}

Test(policy_watch, without_inotify_files_are_looked_at_now_and_then)
{
	char file[] = "/tmp/test-policy-watch-XXXXXX", text[256] = "";
	int made = mkstemp(file), tell[2], told[2], said[2];
	pid_t pid = -1;

	if (geteuid() != 0 || !inotify_used_up())
		cr_skip_test("not root, or a host with very many instances of inotify");
	cr_assert(made >= 0);
	cr_assert(pipe2(tell, O_CLOEXEC) == 0 && pipe2(told, O_CLOEXEC) == 0 && pipe2(said, O_CLOEXEC) == 0);
	pid_t supervisor = fork();
	if (supervisor == 0) {
		dup2(said[1], STDERR_FILENO);
		supervise(file, tell[1], told[0]);
	}
	cr_assert_eq(read(tell[0], &pid, sizeof pid), (ssize_t)sizeof pid);
	cr_assert_eq(write(made, "allow@dns\n", 10), 10);
	close(made);
	struct pollfd spoken = { .fd = said[0], .events = POLLIN };
	cr_assert_eq(poll(&spoken, 1, 15000), 1, "the change was not seen");
	cr_assert_gt(read(said[0], text, sizeof text - 1), 0);
	cr_expect(strstr(text, "no such sandbox is running"), "%s", text);
	cr_assert_eq(write(told[1], "", 1), 1);
	cr_assert_eq(waitpid(supervisor, NULL, 0), supervisor);
	unlink(file);
}
