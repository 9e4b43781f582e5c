/* Ending a sandbox as SIGTERM to its msb-run does, and by force where that is asked for. It has ended when nobody claims its name
 * any more, or, for those who may not look at claims, when nobody listens. */
#include "control/control_place.h"
#include "core/clock.h"
#include "core/fd.h"
#include "core/run_directory.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "sandbox/claims.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

#define WAIT_S 10
#define WAIT_MOST_S 3600
#define KILL_WAIT_MS 10000
#define LOOK_MS 50

struct stop {
	struct ctl_line *line;
	int directory;
	unsigned wait_s;
	bool by_force;
	pid_t pid;   /* of its msb-run, which tells it from another sandbox that gets the name; 0: not known */
	int msb_run; /* its pidfd; -1: not known */
};

static bool nobody_listens(int error)
{
	return error == -ENOENT || error == -ECONNREFUSED;
}

/* Who listens is msb-run, as it was when the sandbox began; 0: not known */
static pid_t listener_of(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof peer;

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) || peer.uid != 0 ? 0 : peer.pid;
}

static bool has_exited(int pidfd)
{
	struct pollfd watched = { .fd = pidfd, .events = POLLIN };

	return poll(&watched, 1, 0) == 1;
}

/* Nobody has the name, or another sandbox does: one that was started as soon as it could be */
static bool is_gone(const struct stop *stop)
{
	int taken = claims_is_taken(stop->directory, stop->line->sandbox);

	if (taken == 0)
		return true;
	if (stop->msb_run >= 0 && !has_exited(stop->msb_run))
		return false;
	CLEANUP_FD int fd = control_place_connect(stop->directory, stop->line->sandbox);
	if (fd < 0)
		return taken < 0 && nobody_listens(fd);
	pid_t pid = listener_of(fd);
	return stop->pid && pid && pid != stop->pid;
}

static void pause_a_while(void)
{
	nanosleep(&(const struct timespec){ 0, LOOK_MS * 1000000L }, NULL);
}

static bool wait_for_end(const struct stop *stop, uint64_t ms)
{
	uint64_t until = clock_ms() + ms;

	while (!is_gone(stop)) {
		if (clock_ms() >= until)
			return false;
		pause_a_while();
	}
	return true;
}

static bool is_msb_run(pid_t pid)
{
	char path[64], name[32] = "";

	snprintf(path, sizeof path, "/proc/%d/comm", pid);
	FILE *comm = fopen(path, "re");
	bool is = comm && fgets(name, sizeof name, comm) && !strncmp(name, "msb-run", 7);
	if (comm)
		fclose(comm);
	return is;
}

/* While the name is claimed, msb-run is still the process that listened, or its number is nobody's: it may have been killed, and
 * what is left ends by itself. */
static void find_msb_run(struct stop *stop)
{
	CLEANUP_FD int fd = control_place_connect(stop->directory, stop->line->sandbox);
	pid_t pid = fd < 0 ? 0 : listener_of(fd);
	CLEANUP_FD int pidfd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;

	if (pidfd < 0 || !is_msb_run(pid) || is_gone(stop))
		return;
	stop->pid = pid;
	stop->msb_run = TAKE_FD(pidfd);
}

/* What a supervisor that hangs cannot be asked for: msb-run's end is the sandbox's */
static void kill_msb_run(const struct stop *stop)
{
	if (stop->msb_run >= 0)
		syscall(SYS_pidfd_send_signal, stop->msb_run, SIGKILL, NULL, 0);
}

static int ask(const struct stop *stop, bool by_force, json_t **answer)
{
	struct client_ask one = { .name = stop->line->sandbox, .only = stop->pid };
	json_t *request = json_pack("{s:i, s:s, s:b}", "version", 1, "command", "stop", "kill", by_force);

	client_ask_all(stop->directory, &one, 1, request, CLIENT_PATIENCE_MS);
	json_decref(request);
	client_close(&one);
	*answer = one.answer;
	return one.error;
}

/* One that is starting does not listen yet */
static int ask_in_order(struct stop *stop, json_t **answer)
{
	uint64_t until = clock_ms() + (uint64_t)stop->wait_s * 1000;

	for (;;) {
		if (stop->msb_run < 0)
			find_msb_run(stop);
		int error = ask(stop, false, answer);
		if (!nobody_listens(error) || is_gone(stop) || clock_ms() >= until)
			return error;
		pause_a_while();
	}
}

static enum ctl_status stopped(struct ctl_line *line, bool by_force)
{
	if (line->format == CTL_JSON)
		return ctl_print_json(line, json_pack("{s:i, s:b, s:s, s:b}", "version", 1, "ok", 1, "name",
						      line->sandbox, "killed", by_force));
	printf("%s: %s\n", line->sandbox, by_force ? "killed" : "stopped");
	return CTL_FINE;
}

static enum ctl_status not_ended(const struct stop *stop)
{
	if (stop->msb_run >= 0)
		return ctl_fail(stop->line, NULL, "%s: killed, and it has not ended", stop->line->sandbox);
	return ctl_fail(stop->line, "if it is an msb-run that is stopped: kill -CONT",
			"%s: a process has its name, and nobody listens", stop->line->sandbox);
}

static enum ctl_status end_by_force(struct stop *stop)
{
	json_t *answer;
	int error = ask(stop, true, &answer);

	json_decref(answer);
	if (error < 0 || !wait_for_end(stop, CLIENT_PATIENCE_MS))
		kill_msb_run(stop);
	if (wait_for_end(stop, KILL_WAIT_MS))
		return stopped(stop->line, true);
	return not_ended(stop);
}

static enum ctl_status end_in_order(struct stop *stop)
{
	struct ctl_line *line = stop->line;
	json_t *answer;
	int error = ask_in_order(stop, &answer);
	bool told = error == -ESTALE || (error == 0 && json_is_true(json_object_get(answer, "ok")));

	json_decref(answer);
	if (nobody_listens(error) && is_gone(stop))
		return ctl_fail(line, "msb-ctl ps", "%s: %s", line->sandbox, client_error_text(error));
	if (told && wait_for_end(stop, (uint64_t)stop->wait_s * 1000))
		return stopped(line, false);
	if (stop->by_force)
		return end_by_force(stop);
	if (nobody_listens(error))
		return not_ended(stop);
	if (error < 0)
		return ctl_fail(line, error == -EACCES ? NULL : "msb-ctl stop --kill", "%s: %s", line->sandbox,
				client_error_text(error));
	ctl_fail(line, "msb-ctl stop --kill", "%s: it was told to end, and has not in %u s", line->sandbox,
		 stop->wait_s);
	return CTL_NO;
}

static enum ctl_status read_options(struct stop *stop)
{
	struct ctl_line *line = stop->line;
	const char *wait = line->values[STOP_WAIT];
	char *end;
	unsigned long seconds = wait ? strtoul(wait, &end, 10) : WAIT_S;

	if (wait && (*wait == '-' || end == wait || *end || seconds > WAIT_MOST_S))
		return ctl_usage(line, "--wait %s: seconds, at most %d", wait, WAIT_MOST_S);
	stop->wait_s = (unsigned)seconds;
	stop->by_force = line->values[STOP_KILL];
	return CTL_FINE;
}

enum ctl_status ctl_stop(struct ctl_line *line)
{
	struct stop stop = { .line = line, .msb_run = -1 };
	enum ctl_status status = read_options(&stop);

	if (status != CTL_FINE)
		return status;
	CLEANUP_FD int directory = run_directory_look(false);
	if (directory < 0)
		return ctl_fail(line, "msb-ctl ps", "%s: %s", line->sandbox, client_error_text(directory));
	stop.directory = directory;
	status = end_in_order(&stop);
	if (stop.msb_run >= 0)
		close(stop.msb_run);
	return status;
}
