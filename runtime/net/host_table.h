/* The sandbox's table in the host's namespace: masquerading, and what must not pass between host and sandbox whatever
 * the policy, the host's own rules or Docker's are. It has the host link's name, and an owner: it goes with the socket. */
#pragma once
#include "core/nameserver.h"
#include "net/forward.h"
#include "net/host_limits.h"
#include "netlink/nft_install.h"

struct host_table {
	const char *link; /* the host link's name */
	uint32_t index;   /* which the rules go by: a new name does not change it */
	struct addr_gateway gateway;
	const struct nameserver *servers; /* those with by_host are let through for sockets with `mark` */
	size_t server_count;
	uint32_t mark;
	const struct host_limits *limits;
};

/* SO_MARK of this sandbox's sockets in the host's namespace, from the host link's index, which no other sandbox has. */
uint32_t host_table_mark(uint32_t link_index);
/* In the chain of that table: what of the host's links forwards for sandboxes only */
struct ruleset *host_table_strangers(struct arena *, const char *link, const struct forward_plan *);
int host_table_bar(struct nft *, const char *link, const struct forward_plan *);
/* The table by itself, as unit tests read it */
struct ruleset *host_table_rules(struct arena *, const struct host_table *);
/* While it is installed: other nameservers. 0 or -errno */
int host_table_set_nameservers(struct nft *, const char *link, uint32_t mark, const struct nameserver *, size_t count);
/* 0 or -errno with a line on standard error */
int host_table_install(struct nft *, const struct host_table *);
