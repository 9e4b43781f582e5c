/* See latch.h. */
#include "latch.h"
#include "fd.h"
#include "log.h"
#include "process.h"
#include "rtnl.h"

#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

static void read_channel(struct pollfd *channel, uint32_t *link)
{
	struct latch_message message;
	ssize_t len = recv(channel->fd, &message, sizeof message, MSG_DONTWAIT);

	if (len == sizeof message)
		*link = message.link;
	else if (len == 0 || (len < 0 && errno != EAGAIN && errno != EINTR))
		channel->fd = -1; /* the supervisor is gone, its namespace soon */
}

/* The link goes first: it still belongs to a namespace that the kernel takes its time to dismantle. */
static _Noreturn void guard(const struct latch_start *start, struct nl *nl)
{
	struct pollfd watched[] = {
		{ .fd = start->supervisor, .events = POLLIN },
		{ .fd = start->channel, .events = POLLIN },
	};
	uint32_t link = 0;

	for (;;) {
		if (poll(watched, 2, -1) < 0)
			continue;
		if (watched[1].fd >= 0 && watched[1].revents)
			read_channel(&watched[1], &link);
		else if (watched[0].revents)
			break;
	}
	if (link)
		rtnl_link_delete(nl, link);
	_exit(0);
}

static _Noreturn void latch_main(const struct latch_start *start)
{
	const int keep[] = { start->supervisor, start->table, start->channel };

	process_block_signals();
	process_close_others(keep, 3);
	setsid();
	prctl(PR_SET_DUMPABLE, 0);
	prctl(PR_SET_NAME, "msb-latch");
	struct nl *nl = nl_open(NETLINK_ROUTE);
	if (!nl || send(start->channel, "", 1, MSG_NOSIGNAL) != 1) {
		log_error("the latch cannot start: %s", strerror(errno));
		_exit(1);
	}
	guard(start, nl);
}

pid_t latch_fork(const struct latch_start *start, int *pidfd)
{
	pid_t pid = process_fork(0, pidfd);

	if (pid == 0)
		latch_main(start);
	return pid;
}
