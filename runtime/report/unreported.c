/* Chains with a counter of what is not reported, or with one of all that came and one of what was reported: asked for by name, so that
 * the rest of the ruleset, however long, is not read. */
#include "report/unreported.h"
#include "base/arena.h"
#include "core/clock.h"
#include "lower/sandbox_net.h"
#include "netlink/nft_read.h"

#include <netinet/in.h>
#include <linux/netfilter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_MS 1000

/* A chain's counts at the last look */
struct seen {
	uint64_t all, lost;
};

struct unreported {
	struct nl *nl, *host;
	char *host_table;
	struct seen host_over[OVER_COUNT];
	struct seen refused, shut, allowed, over[OVER_COUNT], meters;
	uint64_t next_ms; /* 0: nothing is expected */
};

struct unreported *unreported_open(struct nl *host, const char *table)
{
	struct nl *nl = nl_open(NETLINK_NETFILTER);

	if (!nl)
		return NULL;
	struct unreported *unreported = arena_must(calloc(1, sizeof *unreported));
	unreported->nl = nl;
	unreported->host = host;
	unreported->host_table = host ? arena_must(strdup(table)) : NULL;
	return unreported;
}

void unreported_close(struct unreported *unreported)
{
	if (!unreported)
		return;
	nl_close(unreported->nl);
	nl_close(unreported->host);
	free(unreported->host_table);
	free(unreported);
}

void unreported_expect(struct unreported *unreported)
{
	if (!unreported->next_ms)
		unreported->next_ms = clock_ms() + LOOK_MS;
}

int unreported_wait(const struct unreported *unreported)
{
	uint64_t now = clock_ms();

	if (!unreported->next_ms)
		return -1;
	return unreported->next_ms > now ? (int)(unreported->next_ms - now) : 0;
}

struct counted {
	size_t count;
	uint64_t all, reported;
};

static int add_count(const struct nft_listed_rule *rule, void *context)
{
	struct counted *counted = context;

	if (rule->counted)
		*(counted->count++ ? &counted->reported : &counted->all) += rule->packets;
	return 0;
}

/* A chain that is not there has counted nothing. */
static void count_chain(struct nl *nl, const char *table, const char *chain, struct counted *out)
{
	struct counted counted = { 0 };

	if (nft_rules(nl, NFPROTO_INET, table, chain, add_count, &counted) < 0)
		return;
	out->all += counted.all;
	out->reported += counted.reported;
}

/* Since the last look. A chain that was made anew has begun anew. The two counters are not read at once: what came between them is seen
 * the next time. */
static uint64_t lost_since(const struct counted *counted, struct seen *seen)
{
	uint64_t lost = counted->all > counted->reported ? counted->all - counted->reported : 0;

	if (counted->all < seen->all)
		*seen = (struct seen){ 0 };
	uint64_t more = lost > seen->lost ? lost - seen->lost : 0;
	*seen = (struct seen){ counted->all, seen->lost + more };
	return more;
}

static uint64_t chain_since(struct nl *nl, const char *table, const char *chain, struct seen *seen)
{
	struct counted counted = { 0 };

	count_chain(nl, table, chain, &counted);
	return lost_since(&counted, seen);
}

/* What each limit refuses in, in the VM's namespace; NULL: it is the host's alone */
static const char *const tables[OVER_COUNT] = {
	[OVER_TCP] = LOWER_TABLE,
	[OVER_UDP] = LOWER_TABLE,
	[OVER_OTHER] = LOWER_TABLE,
	[OVER_RATE] = LOWER_TABLE,
	[OVER_NEIGHBOURS] = LOWER_ROUTES_TABLE,
	[OVER_EGRESS_BYTES] = LOWER_QUOTA_TABLE,
	[OVER_INGRESS_BYTES] = LOWER_QUOTA_TABLE,
};

static uint64_t meters_since(struct unreported *unreported, const struct policy *policy)
{
	struct counted counted = { 0 };
	char chain[64];

	for (size_t i = 0; policy_meters(policy) && i < policy->rules.count; i++) {
		if (!policy->rules.items[i].meter)
			continue;
		snprintf(chain, sizeof chain, "over_" LOWER_QUOTA_PREFIX "%08x", policy->rules.items[i].meter);
		count_chain(unreported->nl, LOWER_QUOTA_TABLE, chain, &counted);
	}
	return lost_since(&counted, &unreported->meters);
}

static uint64_t over_since(struct unreported *unreported, enum limit limit)
{
	const char *chain = limit_chain(limit);
	uint64_t lost = 0;

	if (tables[limit])
		lost += chain_since(unreported->nl, tables[limit], chain, &unreported->over[limit]);
	if (unreported->host)
		lost += chain_since(unreported->host, unreported->host_table, chain, &unreported->host_over[limit]);
	return lost;
}

struct unreported_counts unreported_look_now(struct unreported *unreported, const struct policy *policy)
{
	struct unreported_counts counts = {
		.refused = chain_since(unreported->nl, LOWER_TABLE, LOWER_CHAIN_REPORT, &unreported->refused) +
			   chain_since(unreported->nl, LOWER_TABLE, LOWER_CHAIN_SHUT, &unreported->shut),
		.allowed = chain_since(unreported->nl, LOWER_TABLE, LOWER_CHAIN_REPORT_ALLOWED, &unreported->allowed),
		.meters = meters_since(unreported, policy),
	};
	uint64_t all = counts.refused + counts.allowed + counts.meters;

	for (size_t i = 0; i < OVER_COUNT; i++)
		all += counts.over[i] = over_since(unreported, (enum limit)i);
	unreported->next_ms = 0;
	if (all)
		unreported_expect(unreported);
	return counts;
}

struct unreported_counts unreported_look(struct unreported *unreported, const struct policy *policy)
{
	bool due = unreported->next_ms && clock_ms() >= unreported->next_ms;

	return due ? unreported_look_now(unreported, policy) : (struct unreported_counts){ 0 };
}

void unreported_begin_anew(struct unreported *unreported)
{
	unreported->refused = unreported->shut = unreported->allowed = unreported->meters = (struct seen){ 0 };
	memset(unreported->over, 0, sizeof unreported->over);
}
