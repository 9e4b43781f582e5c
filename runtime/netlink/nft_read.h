/* What is installed in a network namespace, by whomever: chains, and what can be told of their rules. Over an nfnetlink
 * socket of that namespace. Functions return 0 or -errno; `each` ends the list early with another value than 0, which is then
 * the result, and keeps no pointer. */
#pragma once
#include "netlink/netlink.h"

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
	uint64_t packets; /* of its counter, where it is counted */
	bool refuses_all; /* drops or rejects whatever gets there: it matches nothing */
};
int nft_rules(struct nl *, uint8_t family, const char *table, const char *chain,
	      int (*each)(const struct nft_listed_rule *, void *), void *context);
