/* See supervisor.h. Theory of operation: wait for the latch's word; set up; then one loop over typed references. The loop
 * ends when the guest does (its status is ours), or when any of those the sandbox rests on is gone: the front, the latch,
 * the DNS worker. Either way the sandbox is closed before pid 1 exits, and the kernel kills what is left. */
#include "sandbox/supervisor.h"
#include "isolation/capabilities.h"
#include "run/launcher.h"
#include "core/log.h"
#include "core/process.h"
#include "sandbox/setup.h"

#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum watched {
	SOURCE_GUEST,
	SOURCE_FRONT,
	SOURCE_LATCH,
	SOURCE_DNS,
	SOURCE_DNS_WORKER,
	SOURCE_RELAY,
	SOURCE_RELAY_WORKER,
	SOURCE_DENIALS
};

#define RUNNING (-1)

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The kernel kills us when the front dies; it may have died before we said so, which only its channel can tell:
 * getppid() is 0 in a new pid namespace either way. */
static bool tie_to_front(int front)
{
	struct pollfd channel = { .fd = front, .events = POLLIN };

	if (!prctl(PR_SET_PDEATHSIG, SIGKILL) && poll(&channel, 1, 0) >= 0)
		return !(channel.revents & POLLHUP);
	log_error("cannot watch the front: %s", strerror(errno));
	return false;
}

/* The latch says when it stands. Its end before that, or the front's, is the end of us. */
static bool wait_for_latch(int latch)
{
	char byte;
	ssize_t len;

	do
		len = recv(latch, &byte, 1, 0);
	while (len < 0 && errno == EINTR);
	if (len < 0)
		log_error("cannot hear from the latch: %s", strerror(errno));
	return len == 1;
}

static int watch(int epoll, int fd, enum watched source)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = source };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static int open_loop(const struct sandbox *sandbox)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (epoll < 0 || watch(epoll, sandbox->vmm.pidfd, SOURCE_GUEST) ||
	    watch(epoll, sandbox->start->front, SOURCE_FRONT) || watch(epoll, sandbox->start->latch, SOURCE_LATCH) ||
	    watch(epoll, dns_control_fd(sandbox->dns), SOURCE_DNS) ||
	    watch(epoll, dns_worker_pidfd(sandbox->dns), SOURCE_DNS_WORKER) ||
	    watch(epoll, relay_fd(sandbox->relay), SOURCE_RELAY) ||
	    watch(epoll, relay_worker_pidfd(sandbox->relay), SOURCE_RELAY_WORKER) ||
	    watch(epoll, denials_fd(sandbox->denials), SOURCE_DENIALS)) {
		log_error("cannot watch the sandbox: %s", strerror(errno));
		return -1;
	}
	return epoll;
}

/* A signal for the guest's command; or the front is gone. */
static int serve_front(struct sandbox *sandbox)
{
	uint8_t number;
	ssize_t len = recv(sandbox->start->front, &number, 1, MSG_DONTWAIT);

	if (len == 0)
		return FRONT_FAILED;
	if (len == 1)
		kill(sandbox->vmm.pid, number);
	return RUNNING;
}

static int closed(const char *who)
{
	log_error("%s is gone: the sandbox is closed", who);
	return FRONT_FAILED;
}

/* What happened at one source; the exit status where it ends the sandbox. */
static int dispatch(struct sandbox *sandbox, enum watched source)
{
	switch (source) {
	case SOURCE_GUEST:
		return vmm_finish(&sandbox->vmm);
	case SOURCE_FRONT:
		return serve_front(sandbox);
	case SOURCE_LATCH:
		return closed("the latch");
	case SOURCE_DNS:
		return dns_control(sandbox->dns, sandbox->denials) ? closed("the DNS worker") : RUNNING;
	case SOURCE_DNS_WORKER:
		return closed("the DNS worker");
	case SOURCE_RELAY:
		return relay_serve(sandbox->relay, dns_bindings(sandbox->dns), sandbox->denials) ? closed("the relay") :
												   RUNNING;
	case SOURCE_RELAY_WORKER:
		return closed("the relay");
	case SOURCE_DENIALS:
		denials_read(sandbox->denials, dns_bindings(sandbox->dns), now_ms());
		return RUNNING;
	}
	return RUNNING;
}

/* The timeout of the loop: short while a one-time burst of bandwidth lasts, else none */
static int settle_bandwidth(struct sandbox *sandbox)
{
	bool egress = shape_settle(sandbox->vm, &sandbox->egress);
	bool ingress = shape_settle(sandbox->vm, &sandbox->ingress);

	return egress || ingress ? SHAPE_INTERVAL_MS : -1;
}

static int serve(struct sandbox *sandbox)
{
	int epoll = open_loop(sandbox), status = epoll < 0 ? FRONT_FAILED : RUNNING;

	while (status == RUNNING) {
		struct epoll_event events[8];
		int count = epoll_wait(epoll, events, 8, settle_bandwidth(sandbox));
		for (int i = 0; i < count && status == RUNNING; i++)
			status = dispatch(sandbox, events[i].data.u32);
	}
	/* What was refused until the end is said, too */
	denials_read(sandbox->denials, dns_bindings(sandbox->dns), now_ms());
	denials_finish(sandbox->denials);
	return status;
}

/* What serving takes: the sandbox's sets and links; entering the host's namespace; killing other uids' workers; answering
 * the guest's datagrams from a port below 1024 of the gateway's */
static int keep_little(void)
{
	static const unsigned kept[] = { CAP_NET_ADMIN, CAP_SYS_ADMIN, CAP_KILL, CAP_NET_BIND_SERVICE };
	int err = confine(kept, sizeof kept / sizeof *kept);

	if (err)
		log_error("the supervisor cannot drop its capabilities: %s", strerror(-err));
	return err;
}

_Noreturn void supervisor_main(struct supervisor_start *start)
{
	struct sandbox sandbox;

	process_block_signals();
	prctl(PR_SET_DUMPABLE, 0);
	prctl(PR_SET_NAME, "msb-supervisor");
	if (!tie_to_front(start->front) || !wait_for_latch(start->latch))
		_exit(FRONT_FAILED);
	int status = sandbox_set_up(&sandbox, start) || keep_little() ? FRONT_FAILED : serve(&sandbox);
	sandbox_close(&sandbox);
	_exit(status);
}
