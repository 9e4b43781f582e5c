/* Two chains with one counter each: asked for by name, so that the rest of the ruleset, however long, is not read. */
#include "report/unreported.h"
#include "base/arena.h"
#include "core/clock.h"
#include "lower/sandbox_net.h"
#include "netlink/nft_read.h"

#include <netinet/in.h>
#include <linux/netfilter.h>
#include <stdlib.h>

#define LOOK_MS 1000

struct unreported {
	struct nl *nl;
	struct unreported_counts seen;
	uint64_t next_ms; /* 0: nothing is expected */
};

struct unreported *unreported_open(void)
{
	struct nl *nl = nl_open(NETLINK_NETFILTER);

	if (!nl)
		return NULL;
	struct unreported *unreported = arena_must(calloc(1, sizeof *unreported));
	unreported->nl = nl;
	return unreported;
}

void unreported_close(struct unreported *unreported)
{
	if (!unreported)
		return;
	nl_close(unreported->nl);
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

static int add_count(const struct nft_listed_rule *rule, void *context)
{
	*(uint64_t *)context += rule->counted ? rule->packets : 0;
	return 0;
}

/* Since the last look; a chain that is not there has counted nothing. */
static uint64_t counted_since(const struct unreported *unreported, const char *chain, uint64_t *seen)
{
	uint64_t now = 0, before = *seen;

	if (nft_rules(unreported->nl, NFPROTO_INET, LOWER_TABLE, chain, add_count, &now) < 0 || now < before)
		return 0;
	*seen = now;
	return now - before;
}

struct unreported_counts unreported_look_now(struct unreported *unreported)
{
	struct unreported_counts counts = {
		.refused = counted_since(unreported, LOWER_CHAIN_REPORT, &unreported->seen.refused),
		.allowed = counted_since(unreported, LOWER_CHAIN_REPORT_ALLOWED, &unreported->seen.allowed),
	};

	unreported->next_ms = 0;
	if (counts.refused + counts.allowed)
		unreported_expect(unreported);
	return counts;
}

struct unreported_counts unreported_look(struct unreported *unreported)
{
	bool due = unreported->next_ms && clock_ms() >= unreported->next_ms;

	return due ? unreported_look_now(unreported) : (struct unreported_counts){ 0 };
}

void unreported_begin_anew(struct unreported *unreported)
{
	unreported->seen = (struct unreported_counts){ 0 };
}
