/* What becomes of conntrack's entries, as the kernel tells it while it happens. The kernel makes events where somebody listens, and
 * nowhere else. */
#pragma once
#include "netlink/conntrack_entry.h"

enum conntrack_change { CONNTRACK_BEGAN, CONNTRACK_CHANGED, CONNTRACK_GONE };

/* A socket of the calling thread's namespace for entries that are gone, for TCP connections that both ends have closed or one has reset
 * (the only changes that are told: their entries stay for minutes), and with `begins` for new ones. Its queue is bounded. NULL and errno on
 * failure. */
struct nl *conntrack_watch_open(bool begins);
/* The next, without waiting: 0; -EAGAIN: there is none; -ENOBUFS: some were dropped before the next, nl_dropped() says how many. Only one that
 * is gone has its counters. */
int conntrack_watch_next(struct nl *, enum conntrack_change *, struct conntrack_entry *);
