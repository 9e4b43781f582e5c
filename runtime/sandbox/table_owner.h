/* The table owner: a small process outside the sandbox's pid namespace, in a session of its own, that keeps the sandbox's
 * table in the host's namespace (a table with an owner lives as long as its netlink socket is open) until pid 1's pidfd
 * tells that everything in the pid namespace is dead. Files of a killed process close before its children die:
 * without the table owner the guest could send for some milliseconds after its table is gone.
 *
 * The supervisor has the same socket, so the death of the table owner does not open the table either; the supervisor sees it
 * by the end of its channel, deletes the uplink and ends the sandbox. */
#pragma once
#include "base/address.h"
#include "net/forward.h"
#include "netlink/conntrack.h"

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct cgroup;
struct nft;
struct table_owner_start {
	int supervisor;    /* pidfd of pid 1 */
	struct nft *table; /* whose socket owns the table */
	int claims;        /* see claims.h: no other sandbox has this one's uids while any process of it lives */
	int channel;       /* to the supervisor: a byte when ready, then its messages; ends with either */
	int run_directory; /* where the sandbox has its control socket, … */
	const char *name;  /* … which is removed at the end, while the name is still claimed */
	const struct cgroup *cgroup; /* removed before; NULL: none */
};
/* What the supervisor tells it, with a descriptor of the VM's network namespace: held until the host link is deleted,
 * so that it does not vanish with the namespace before the switches are put back. Told again when there is more to tell. */
#define TABLE_OWNER_SOURCES 4 /* guest and gateway, IPv4 and IPv6 */
struct table_owner_message {
	uint32_t link; /* index of the host link, to be deleted at the end */
	/* Of a pod instead: its link's other end, to be deleted at the end by the descriptor, rtnetlink of its namespace. With a
	 * namespace's last process its rules go before its links do, and what a pod sends then would pass. */
	uint32_t pod_link;
	/* What the sandbox sends from: the host's conntrack entries of these are deleted after the link */
	struct addr sources[TABLE_OWNER_SOURCES];
	size_t source_count;
	char table[IFNAMSIZ]; /* "": none yet */
	bool ends;            /* an orderly end: the link goes now, before pid 1 is dead */
};

/* While the sandbox runs the supervisor asks it to count what the host's conntrack has of these: that can take long, and the supervisor
 * has others to serve. The answer comes by the channel. */
struct table_owner_question {
	struct addr guests[2]; /* IPv4 first */
	size_t count;
	struct addr relays
		[2]; /* what the name relay connects from, of which TCP alone counts: questions are no flows of the guest's */
	size_t relay_count;
};
struct table_owner_count {
	int error; /* 0 or -errno */
	struct conntrack_flows flows;
};

/* By the supervisor; 0 or -errno. */
int table_owner_ask(int channel, const struct table_owner_question *);
int table_owner_tell(int channel, const struct table_owner_message *, int fd);
/* What the table owner does at the end. By the supervisor, in the host's namespace, where the table owner is dead. */
void table_owner_end(struct nl *host, struct nl *conntrack, const struct table_owner_message *);
/* Forks the table owner; its pid and, in *pidfd, its pidfd; or -errno. The descriptors stay the caller's. */
pid_t table_owner_fork(const struct table_owner_start *, int *pidfd);
