/* The table owner's loop, and the message that the supervisor sends it. */
#include "sandbox/table_owner.h"
#include "cgroup/cgroup.h"
#include "control/control_place.h"
#include "core/leave_fds.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/process.h"
#include "core/socket.h"
#include "isolation/capabilities.h"
#include "net/passage.h"
#include "netlink/conntrack.h"
#include "netlink/nft_install.h"
#include "netlink/rtnl.h"

#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

int table_owner_tell(int channel, const struct table_owner_message *message, int fd)
{
	return socket_send_fds(channel, message, sizeof *message, &fd, 1, 0);
}

int table_owner_ask(int channel, const struct table_owner_question *question)
{
	return send(channel, question, sizeof *question, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

_Static_assert(sizeof(struct table_owner_question) != sizeof(struct table_owner_message), "told apart by their size");

static int count_flows(const struct table_owner_question *question, struct nl *conntrack, struct conntrack_flows *out)
{
	const size_t most = sizeof question->guests / sizeof *question->guests;
	struct conntrack_flows relayed;

	if (question->count > most || question->relay_count > most)
		return -EINVAL;
	int error = conntrack_count(conntrack, question->guests, question->count, out);
	if (error == 0)
		error = conntrack_count(conntrack, question->relays, question->relay_count, &relayed);
	if (error == 0)
		out->tcp += relayed.tcp;
	return error;
}

/* Where the supervisor does not take the answer, it is not needed. */
static void answer(int channel, const struct table_owner_question *question, struct nl *conntrack)
{
	struct table_owner_count count = { 0 };

	count.error = count_flows(question, conntrack, &count.flows);
	send(channel, &count, sizeof count, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* The namespace that comes with a message is held by its descriptor's being open. */
static void read_channel(struct pollfd *channel, struct table_owner_message *told, struct nl *conntrack, int *held)
{
	union {
		struct table_owner_message message;
		struct table_owner_question question;
	} heard;
	int fds[SOCKET_FDS_MAX];
	ssize_t len = socket_receive_fds(channel->fd, &heard, sizeof heard, fds);

	if (len == sizeof heard.message) {
		*told = heard.message;
		*held = fds[0];
	}
	if (len == sizeof heard.question)
		answer(channel->fd, &heard.question, conntrack);
	if (len == 0 || (len < 0 && len != -EAGAIN && len != -EINTR))
		channel->fd = -1; /* the supervisor is gone, its namespace soon */
	if (told->source_count > TABLE_OWNER_SOURCES)
		told->source_count = TABLE_OWNER_SOURCES;
	told->table[sizeof told->table - 1] = '\0';
}

/* The link goes first: it still belongs to a namespace that the kernel takes its time to dismantle. Behind a link that is gone
 * no packet makes an entry any more. Looking through all of the host's entries takes long, so where none was made nobody does. */
void table_owner_end(struct nl *host, struct nl *conntrack, const struct table_owner_message *told)
{
	size_t deleted;

	if (told->link)
		forward_end(host, told->link);
	if (!told->source_count || passage_unused(conntrack, told->table))
		return;
	int error = conntrack_forget(conntrack, told->sources, told->source_count, &deleted);
	if (error < 0)
		log_line("the host's conntrack keeps entries of the sandbox until they time out: %s", strerror(-error));
}

static void end_pod(uint32_t link, int fd)
{
	struct nl *nl = link && fd >= 0 ? nl_adopt(fd) : NULL;

	if (nl)
		rtnl_link_delete(nl, link);
	nl_close(nl);
}

static void wait_for_end(int supervisor)
{
	struct pollfd watched = { .fd = supervisor, .events = POLLIN };

	while (poll(&watched, 1, -1) != 1)
		;
}

/* msb-run waits for us: what the kernel has still to do with what is not to be seen any more is left to it. */
static void end_table(const struct table_owner_start *start, const struct table_owner_message *told,
		      struct nl *conntrack)
{
	int sockets[] = { nft_fd(start->table), nl_fd(conntrack) };

	if (*told->table)
		nft_delete(start->table, told->table);
	leave_fds(sockets, sizeof sockets / sizeof *sockets);
}

/* Where the supervisor is what was killed for memory, nobody else can tell */
static void say_killed(const struct cgroup *cgroup)
{
	struct cgroup_usage usage = cgroup_usage(cgroup);

	if (usage.has_oom && usage.oom_kills)
		cgroup_say_killed(cgroup, usage.oom_kills);
}

/* Until pid 1 is dead, or says that it will be. */
static _Noreturn void serve(const struct table_owner_start *start, struct nl *host, struct nl *conntrack)
{
	struct pollfd watched[] = {
		{ .fd = start->supervisor, .events = POLLIN },
		{ .fd = start->channel, .events = POLLIN },
	};
	struct table_owner_message told = { 0 };
	int held = -1;

	while (!told.ends) {
		if (poll(watched, 2, -1) < 0)
			continue;
		if (watched[1].fd >= 0 && watched[1].revents)
			read_channel(&watched[1], &told, conntrack, &held);
		else if (watched[0].revents)
			break;
	}
	end_pod(told.pod_link, held);
	if (!told.ends)
		cgroup_kill(start->cgroup);
	table_owner_end(host, conntrack, &told);
	wait_for_end(start->supervisor);
	if (!told.ends)
		say_killed(start->cgroup);
	cgroup_remove(start->cgroup);
	control_place_remove(start->run_directory, start->name);
	end_table(start, &told, conntrack);
	_exit(0);
}

static _Noreturn void table_owner_main(const struct table_owner_start *start)
{
	int keep[] = { start->supervisor, nft_fd(start->table), start->claims, start->channel, start->run_directory };

	process_block_signals();
	process_close_others(keep, sizeof keep / sizeof *keep);
	setsid();
	prctl(PR_SET_NAME, "msb-owner");
	struct nl *host = nl_open(NETLINK_ROUTE), *conntrack = nl_open(NETLINK_NETFILTER);
	/* Links, their sysctls and conntrack's entries in the host's namespace; cgroups, whose tops not even root may write to */
	static const unsigned kept[] = { CAP_NET_ADMIN, CAP_DAC_OVERRIDE };
	bool both = start->cgroup && !capabilities_keep(kept, 2); /* who was not given the second has no need of it */
	if (!host || !conntrack || (!both && capabilities_keep(kept, 1)) ||
	    send(start->channel, "", 1, MSG_NOSIGNAL) != 1) {
		log_error("the table owner cannot start: %s", strerror(errno));
		_exit(1);
	}
	memory_settle();
	serve(start, host, conntrack);
}

pid_t table_owner_fork(const struct table_owner_start *start, int *pidfd)
{
	pid_t pid = process_fork(0, pidfd);

	if (pid == 0)
		table_owner_main(start);
	return pid;
}
