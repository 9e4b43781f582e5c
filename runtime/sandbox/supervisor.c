/* Theory of operation: set up; then one loop over typed references. The loop ends when
 * the guest does (its status is ours), or when a process is gone without which the sandbox is not safe: the launcher, the
 * table owner, the workers. Either way the sandbox is closed before pid 1 exits, and the kernel kills what is left. */
#include "sandbox/supervisor.h"
#include "core/clock.h"
#include "core/exit_status.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/process.h"
#include "isolation/capabilities.h"
#include "report/events.h"
#include "sandbox/lifecycle.h"
#include "sandbox/setup.h"
#include "sandbox/setup_pod.h"

#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum watched {
	WATCH_GUEST,
	WATCH_POD,
	WATCH_LAUNCHER,
	WATCH_TABLE_OWNER,
	WATCH_DNS,
	WATCH_DNS_WORKER,
	WATCH_DNS_FOLLOW,
	WATCH_RELAY,
	WATCH_RELAY_WORKER,
	WATCH_NAMES,
	WATCH_NAMES_WORKER,
	WATCH_DENIALS,
	WATCH_FLOW_ENDS,
	WATCH_HOST,
	WATCH_LATE_REFUSALS,
	WATCH_CONTROL,
	WATCH_ASK,
	WATCH_OOM
};

#define RUNNING (-1)

/* The kernel kills us when the launcher dies; it may have died before we asked for that, which only its channel shows:
 * getppid() is 0 in a new pid namespace either way. */
static bool tie_to_launcher(int launcher)
{
	struct pollfd channel = { .fd = launcher, .events = POLLIN };

	if (!prctl(PR_SET_PDEATHSIG, SIGKILL) && poll(&channel, 1, 0) >= 0)
		return !(channel.revents & POLLHUP);
	log_error("cannot watch the launcher: %s", strerror(errno));
	return false;
}

static int watch(int epoll, int fd, enum watched source)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = source };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static int watch_names(int epoll, const struct names *names)
{
	return names && (watch(epoll, names_fd(names), WATCH_NAMES) ||
			 watch(epoll, names_worker_pidfd(names), WATCH_NAMES_WORKER));
}

static int watch_guest(const struct sandbox *sandbox, int epoll)
{
	if (sandbox->start->config->pod)
		return watch(epoll, sandbox_pod_fd(sandbox), WATCH_POD);
	return watch(epoll, sandbox->vmm.pidfd, WATCH_GUEST) || host_watch_enroll(sandbox, epoll, WATCH_HOST);
}

static int open_loop(const struct sandbox *sandbox)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (epoll < 0 || watch_guest(sandbox, epoll) || watch(epoll, sandbox->start->launcher, WATCH_LAUNCHER) ||
	    watch(epoll, sandbox->start->owner, WATCH_TABLE_OWNER) ||
	    watch(epoll, dns_control_fd(sandbox->dns), WATCH_DNS) ||
	    watch(epoll, dns_worker_pidfd(sandbox->dns), WATCH_DNS_WORKER) ||
	    watch(epoll, dns_follow_fd(sandbox->dns), WATCH_DNS_FOLLOW) ||
	    watch(epoll, relay_fd(sandbox->relay), WATCH_RELAY) ||
	    watch(epoll, relay_worker_pidfd(sandbox->relay), WATCH_RELAY_WORKER) ||
	    watch_names(epoll, sandbox->names) || watch(epoll, denials_fd(sandbox->denials), WATCH_DENIALS) ||
	    (denials_host_fd(sandbox->denials) >= 0 &&
	     watch(epoll, denials_host_fd(sandbox->denials), WATCH_DENIALS)) ||
	    watch(epoll, flow_ends_fd(sandbox->flow_ends), WATCH_FLOW_ENDS) ||
	    watch(epoll, control_fd(sandbox->control), WATCH_CONTROL) ||
	    (sandbox->oom.fd >= 0 && watch(epoll, sandbox->oom.fd, WATCH_OOM)) ||
	    (sandbox->ask && watch(epoll, ask_fd(sandbox->ask), WATCH_ASK)) ||
	    (sandbox->late_refusals && watch(epoll, late_refusals_fd(sandbox->late_refusals), WATCH_LATE_REFUSALS))) {
		log_error("cannot watch the sandbox: %s", strerror(errno));
		return -1;
	}
	return epoll;
}

static void tell_launcher(const struct sandbox *sandbox, enum supervisor_word word, int status)
{
	struct supervisor_message message = { (uint8_t)word, (uint8_t)status };

	send(sandbox->start->launcher, &message, sizeof message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* A signal for the guest's command; or the launcher is gone. */
static int serve_launcher(struct sandbox *sandbox)
{
	uint8_t number;
	ssize_t len = recv(sandbox->start->launcher, &number, 1, MSG_DONTWAIT);

	if (len == 0)
		return EXIT_STATUS_FAILED;
	if (len == 1 && sandbox->start->config->pod)
		return 0;
	if (len == 1) {
		kill(sandbox->vmm.pid, number);
		tell_launcher(sandbox, SUPERVISOR_PASSED_ON, 0);
	}
	return RUNNING;
}

static int closed(const char *who)
{
	log_error("%s is gone: the sandbox is closed", who);
	return EXIT_STATUS_FAILED;
}

static struct eval_bindings bindings_now(const struct sandbox *sandbox)
{
	return bindings_view(dns_bindings(sandbox->dns), clock_ms());
}

/* What happened at one source; the exit status where it ends the sandbox. */
static int dispatch(struct sandbox *sandbox, enum watched source)
{
	switch (source) {
	case WATCH_GUEST:
		return vmm_finish(&sandbox->vmm);
	case WATCH_POD:
		return sandbox_pod_is_gone(sandbox) ? 0 : RUNNING;
	case WATCH_LAUNCHER:
		return serve_launcher(sandbox);
	case WATCH_TABLE_OWNER:
		return host_watch_counted(sandbox) ? RUNNING : closed("the table owner");
	case WATCH_DNS:
		return dns_control(sandbox->dns, sandbox->denials) ? closed("the DNS worker") : RUNNING;
	case WATCH_DNS_FOLLOW:
		dns_follow(sandbox->dns);
		return RUNNING;
	case WATCH_DNS_WORKER:
		return closed("the DNS worker");
	case WATCH_RELAY:
		return relay_serve(sandbox->relay, bindings_now(sandbox), sandbox->denials) ? closed("the relay") :
											      RUNNING;
	case WATCH_RELAY_WORKER:
		return closed("the relay");
	case WATCH_NAMES:
		return names_serve(sandbox->names, bindings_now(sandbox), sandbox->denials) ?
			       closed("the relay of server names") :
			       RUNNING;
	case WATCH_NAMES_WORKER:
		return closed("the relay of server names");
	case WATCH_DENIALS:
		denials_read(sandbox->denials, bindings_now(sandbox));
		return RUNNING;
	case WATCH_FLOW_ENDS:
		flow_ends_read(sandbox->flow_ends);
		return RUNNING;
	case WATCH_HOST:
		host_watch_wake(sandbox->watch);
		return RUNNING;
	case WATCH_LATE_REFUSALS:
		late_refusals_serve(sandbox->late_refusals);
		return RUNNING;
	case WATCH_CONTROL:
		control_serve(sandbox->control);
		return sandbox->stops ? 0 : RUNNING;
	case WATCH_ASK:
		ask_read(sandbox->ask, bindings_now(sandbox));
		return RUNNING;
	case WATCH_OOM:
		oom_watch_read(&sandbox->oom);
		return RUNNING;
	}
	return RUNNING;
}

/* Of two timeouts the one that comes first; -1 is none */
static int sooner(int wait, int other)
{
	return other >= 0 && other < wait ? other : wait;
}

/* Does what is due; the timeout of the loop: short while a one-time burst of bandwidth lasts, else until something is to be
 * told again, or to be done for the host */
static int timeout(struct sandbox *sandbox)
{
	bool egress = shape_settle(sandbox->vm, &sandbox->egress);
	bool ingress = shape_settle(sandbox->vm, &sandbox->ingress);
	const int others[] = {
		late_refusals_repeat(sandbox->late_refusals),
		dns_settle_wait(sandbox->dns),
		reload_wait(sandbox->reload),
		flows_wait(sandbox->flows),
		flow_ends_wait(sandbox->flow_ends),
		denials_wait(sandbox->denials),
		ask_wait(sandbox->ask),
		oom_watch_settle(sandbox),
		egress || ingress ? SHAPE_INTERVAL_MS : -1,
	};
	int wait = sandbox->watch ? host_watch_wait(sandbox) : INT_MAX;

	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		wait = sooner(wait, others[i]);
	return wait;
}

/* A policy that is to be in force goes on, or a grant ends. The relay of server names may be started by that. */
static int change_policy(struct sandbox *sandbox, int epoll)
{
	const struct names *before = sandbox->names;
	int error = reload_turn(sandbox);

	return error < 0 ? error : sandbox->names != before ? watch_names(epoll, sandbox->names) : 0;
}

static int serve(struct sandbox *sandbox)
{
	oom_watch_open(sandbox);
	int epoll = open_loop(sandbox), status = epoll < 0 ? EXIT_STATUS_FAILED : RUNNING;

	lifecycle_started(sandbox);
	memory_settle();
	if (epoll >= 0)
		tell_launcher(sandbox, SUPERVISOR_READY, 0);

	while (status == RUNNING) {
		struct epoll_event events[8];
		int count = epoll_wait(epoll, events, 8, timeout(sandbox));
		for (int i = 0; i < count && status == RUNNING; i++)
			status = dispatch(sandbox, events[i].data.u32);
		ask_settle(sandbox->ask);
		if (status == RUNNING && sandbox->watch && host_watch_run(sandbox))
			status = closed("the way to the host's network");
		if (status == RUNNING && (dns_settle(sandbox->dns) || change_policy(sandbox, epoll)))
			status = EXIT_STATUS_FAILED;
		if (status == RUNNING && flows_settle(sandbox->flows))
			status = closed("what ends its flows");
		flow_ends_settle(sandbox->flow_ends);
		denials_settle(sandbox->denials);
	}
	/* What was refused until the end is reported, too, and who connected last to the relay of server names */
	if (sandbox->names)
		names_serve(sandbox->names, bindings_now(sandbox), sandbox->denials);
	denials_read_all(sandbox->denials, bindings_now(sandbox));
	flow_ends_finish(sandbox->flow_ends);
	oom_watch_end(sandbox);
	lifecycle_stops(sandbox, status);
	denials_finish(sandbox->denials, sandbox->start->learnt);
	if (sandbox->watch)
		host_watch_end(sandbox);
	return status;
}

/* What serving takes: the sandbox's sets and links; entering the host's namespace; killing other uids' workers; answering
 * the guest's datagrams from a port below 1024 of the gateway's; jailing a worker under a uid of its own, where a policy that
 * comes later is the first to need the relay of server names; and putting a file of events aside as its directory's owner */
static int keep_little(void)
{
	static const unsigned kept[] = { CAP_NET_ADMIN, CAP_SYS_ADMIN, CAP_KILL,   CAP_NET_BIND_SERVICE,
					 CAP_SETUID,    CAP_SETGID,    CAP_SETPCAP };
	int error = capabilities_keep(kept, sizeof kept / sizeof *kept);

	if (error < 0)
		log_error("the supervisor cannot drop its capabilities: %s", strerror(-error));
	return error;
}

_Noreturn void supervisor_main(struct supervisor_start *start)
{
	struct sandbox sandbox;

	process_block_signals();
	prctl(PR_SET_DUMPABLE, 0);
	prctl(PR_SET_NAME, "msb-supervisor");
	if (!tie_to_launcher(start->launcher))
		_exit(EXIT_STATUS_FAILED);
	int status = sandbox_set_up(&sandbox, start) || keep_little() ? EXIT_STATUS_FAILED : serve(&sandbox);
	tell_launcher(&sandbox, SUPERVISOR_CLOSES, status);
	sandbox_close(&sandbox);
	log_flush();
	_exit(status);
}
