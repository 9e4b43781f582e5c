/* What is installed in a network namespace, by whomever: chains, and what can be told of their rules. Over an nfnetlink
 * socket of that namespace. Functions return 0 or -errno; `each` ends the list early with another value than 0, which is then
 * the result, and keeps no pointer. */
#pragma once
#include "netlink/netlink.h"

#include <net/if.h>
#include <stdbool.h>

struct nft_listed_chain {
	uint8_t family; /* NFPROTO_… */
	const char *table, *name;
	bool base;             /* then it has what follows */
	uint32_t hook, policy; /* NF_INET_…, NF_ACCEPT or NF_DROP */
};
int nft_chains(struct nl *, int (*each)(const struct nft_listed_chain *, void *), void *context);

struct nft_listed_rule {
	bool counted;
	uint64_t packets;                          /* of its counter, where it is counted */
	bool drops;                                /* drops or rejects, what it matches */
	bool refuses_all;                          /* that, and it matches nothing: whatever gets there */
	char iifname[IFNAMSIZ], oifname[IFNAMSIZ]; /* names it matches, or what they begin with; or "" */
};
/* chain NULL: of all of the table's */
int nft_rules(struct nl *, uint8_t family, const char *table, const char *chain,
	      int (*each)(const struct nft_listed_rule *, void *), void *context);
