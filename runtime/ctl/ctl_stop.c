/* Ending a sandbox as SIGTERM to its msb-run does, and by force where that is asked for. It has ended when nobody claims its name
 * any more, or, for those who may not look at claims, when nobody listens. */
#include "control/control_place.h"
#include "core/clock.h"
#include "core/fd.h"
#include "core/run_directory.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "sandbox/claims.h"

#include <getopt.h>
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
	int msb_run; /* its pidfd; -1: not known */
};

static bool is_gone(const struct stop *stop)
{
	int taken = claims_is_taken(stop->directory, stop->line->sandbox);

	if (taken >= 0)
		return !taken;
	CLEANUP_FD int fd = control_place_connect(stop->directory, stop->line->sandbox);
	return fd == -ENOENT || fd == -ECONNREFUSED;
}

static bool wait_for_end(const struct stop *stop, uint64_t ms)
{
	const struct timespec pause = { 0, LOOK_MS * 1000000L };
	uint64_t until = clock_ms() + ms;

	while (!is_gone(stop)) {
		if (clock_ms() >= until)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

/* Who listens is msb-run, as it was when the sandbox began; while the name is claimed, it is still that process, or its number is
 * nobody's: it may have been killed, and what is left ends by itself. */
static int open_msb_run(const struct stop *stop)
{
	CLEANUP_FD int fd = control_place_connect(stop->directory, stop->line->sandbox);
	struct ucred peer;
	socklen_t len = sizeof peer;

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) || peer.uid != 0 || peer.pid <= 0)
		return -1;
	CLEANUP_FD int pidfd = (int)syscall(SYS_pidfd_open, peer.pid, 0);
	char path[64], name[32] = "";
	snprintf(path, sizeof path, "/proc/%d/comm", peer.pid);
	FILE *comm = pidfd < 0 ? NULL : fopen(path, "re");
	bool ours = comm && fgets(name, sizeof name, comm) && !strncmp(name, "msb-run", 7);
	if (comm)
		fclose(comm);
	return ours && !is_gone(stop) ? TAKE_FD(pidfd) : -1;
}

/* What a supervisor that hangs cannot be asked for: msb-run's end is the sandbox's */
static void kill_msb_run(const struct stop *stop)
{
	if (stop->msb_run >= 0)
		syscall(SYS_pidfd_send_signal, stop->msb_run, SIGKILL, NULL, 0);
}

static int ask(const struct stop *stop, bool by_force, json_t **answer)
{
	struct client_ask one = { .name = stop->line->sandbox };
	json_t *request = json_pack("{s:i, s:s, s:b}", "version", 1, "command", "stop", "kill", by_force);

	client_ask_all(stop->directory, &one, 1, request, CLIENT_PATIENCE_MS);
	json_decref(request);
	client_close(&one);
	*answer = one.answer;
	return one.error;
}

static enum ctl_status stopped(struct ctl_line *line, bool by_force)
{
	if (line->format == CTL_JSON)
		return ctl_print_json(line, json_pack("{s:i, s:b, s:s, s:b}", "version", 1, "ok", 1, "name",
						      line->sandbox, "killed", by_force));
	printf("%s: %s\n", line->sandbox, by_force ? "killed" : "stopped");
	return CTL_FINE;
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
	return ctl_fail(stop->line, NULL, "%s: killed, and it has not ended", stop->line->sandbox);
}

static enum ctl_status end_in_order(struct stop *stop)
{
	struct ctl_line *line = stop->line;
	json_t *answer;
	int error = ask(stop, false, &answer);
	bool told = error == 0 && json_is_true(json_object_get(answer, "ok"));

	json_decref(answer);
	if ((error == -ENOENT || error == -ECONNREFUSED) && is_gone(stop))
		return ctl_fail(line, "msb-ctl ps", "%s: %s", line->sandbox, client_error_text(error));
	if (told && wait_for_end(stop, (uint64_t)stop->wait_s * 1000))
		return stopped(line, false);
	if (stop->by_force)
		return end_by_force(stop);
	if (error < 0)
		return ctl_fail(line, error == -EACCES ? NULL : "msb-ctl stop --kill", "%s: %s", line->sandbox,
				client_error_text(error));
	ctl_fail(line, "msb-ctl stop --kill", "%s: it was told to end, and has not in %u s", line->sandbox,
		 stop->wait_s);
	return CTL_NO;
}

static enum ctl_status read_options(struct stop *stop)
{
	static const struct option options[] = { { "kill", no_argument, NULL, 'k' },
						 { "wait", required_argument, NULL, 'w' },
						 { NULL, 0, NULL, 0 } };
	struct ctl_line *line = stop->line;
	char *end;

	opterr = 0;
	for (int option; (option = getopt_long(line->argc, line->argv, "", options, NULL)) != -1;) {
		unsigned long seconds = option == 'w' ? strtoul(optarg, &end, 10) : 0;
		if (option == 'k')
			stop->by_force = true;
		else if (option == 'w' && *optarg != '-' && end != optarg && !*end && seconds <= WAIT_MOST_S)
			stop->wait_s = (unsigned)seconds;
		else if (option == 'w')
			return ctl_usage(line, "--wait %s: seconds, at most %d", optarg, WAIT_MOST_S);
		else
			return ctl_usage(line, "%s: no such option", line->argv[optind - 1]);
	}
	return optind < line->argc ? ctl_usage(line, "%s: one word too many", line->argv[optind]) : CTL_FINE;
}

enum ctl_status ctl_stop(struct ctl_line *line)
{
	struct stop stop = { .line = line, .wait_s = WAIT_S, .msb_run = -1 };
	enum ctl_status status = read_options(&stop);

	if (status != CTL_FINE)
		return status;
	CLEANUP_FD int directory = run_directory_look(false);
	if (directory < 0)
		return ctl_fail(line, "msb-ctl ps", "%s: %s", line->sandbox, client_error_text(directory));
	stop.directory = directory;
	CLEANUP_FD int msb_run = stop.by_force ? open_msb_run(&stop) : -1;
	stop.msb_run = msb_run;
	return end_in_order(&stop);
}
