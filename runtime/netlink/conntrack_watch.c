/* Events of ctnetlink: an entry that began and one that changed have the same type of message, and another flag. A TCP connection changes
 * its state half a dozen times: a filter leaves all but its last states in the kernel, so that a message stands for one flow. */
#include "netlink/conntrack_watch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <stddef.h>
#include <sys/socket.h>

static int join(const struct nl *nl, int group)
{
	return setsockopt(nl_fd(nl), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0 ? -errno : 0;
}

#define ALL UINT32_MAX
#define FIRST_ATTRIBUTE (NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct nfgenmsg)))
/* The attribute of that type: A becomes where it is, or 0. First of all from A on, then of the nest at A */
#define FIND(where, type) \
	BPF_STMT(BPF_LDX | BPF_IMM, type), BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)SKF_AD_OFF + (where))

/* Halves are loaded as of network order, and netlink's are the machine's */
static int keep_ends(const struct nl *nl)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_type)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE), 17, 0),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_flags)),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, htons(NLM_F_CREATE), 15, 0),
		BPF_STMT(BPF_LD | BPF_IMM, FIRST_ATTRIBUTE),
		FIND(SKF_AD_NLATTR, CTA_PROTOINFO),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 10, 0),
		FIND(SKF_AD_NLATTR_NEST, CTA_PROTOINFO_TCP),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 7, 0),
		FIND(SKF_AD_NLATTR_NEST, CTA_PROTOINFO_TCP_STATE),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 4, 0),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_LD | BPF_B | BPF_IND, NLA_HDRLEN),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TCP_CONNTRACK_TIME_WAIT, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TCP_CONNTRACK_CLOSE, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, ALL),
	};
	struct sock_fprog program = { sizeof code / sizeof *code, code };

	return setsockopt(nl_fd(nl), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0 ? -errno : 0;
}

struct nl *conntrack_watch_open(bool begins)
{
	struct nl *nl = nl_open(NETLINK_NETFILTER);
	int error = nl ? keep_ends(nl) : -errno;

	if (error == 0)
		error = join(nl, NFNLGRP_CONNTRACK_DESTROY);
	if (error == 0)
		error = join(nl, NFNLGRP_CONNTRACK_UPDATE);
	if (error == 0 && begins)
		error = join(nl, NFNLGRP_CONNTRACK_NEW);
	if (error == 0)
		return nl;
	nl_close(nl);
	errno = -error;
	return NULL;
}

static enum conntrack_change change_of(const struct nlmsghdr *message)
{
	if ((message->nlmsg_type & 0xff) == IPCTNL_MSG_CT_DELETE)
		return CONNTRACK_GONE;
	return message->nlmsg_flags & NLM_F_CREATE ? CONNTRACK_BEGAN : CONNTRACK_CHANGED;
}

int conntrack_watch_next(struct nl *nl, enum conntrack_change *change, struct conntrack_entry *entry)
{
	const struct nlmsghdr *message;
	int error;

	do
		error = nl_next(nl, MSG_DONTWAIT, &message);
	while (error == 0 && !conntrack_entry_read(message, entry));
	if (error == 0)
		*change = change_of(message);
	return error;
}
