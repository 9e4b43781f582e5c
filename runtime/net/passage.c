/* Counting what enters and what leaves. A packet is at any moment in at most one place between, so what stays missing from
 * one look to the next, and the one after, was dropped in between. */
#include "net/passage.h"
#include "core/log.h"
#include "net/firewalls.h"
#include "netlink/nft_read.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/netfilter.h>
#include <string.h>

/* After a report, so that a firewall that is being rewritten is not reported with every flow */
#define SILENT_LOOKS 60

int passage_open(struct passage *passage, const char *table)
{
	*passage = (struct passage){ .nl = nl_open(NETLINK_NETFILTER), .table = table };
	return passage->nl ? 0 : -errno;
}

struct counts {
	uint64_t packets[PASSAGE_WAYS];
	size_t rules;
};

static int add_count(const struct nft_listed_rule *rule, void *context)
{
	struct counts *counts = context;

	if (rule->counted && counts->rules < PASSAGE_WAYS)
		counts->packets[counts->rules++] = rule->packets;
	return 0;
}

static int read_counts(const struct passage *passage, const char *chain, struct counts *counts)
{
	*counts = (struct counts){ 0 };
	int error = nft_rules(passage->nl, NFPROTO_INET, passage->table, chain, add_count, counts);
	return error == 0 && counts->rules < PASSAGE_WAYS ? -ENOENT : error;
}

bool passage_unused(struct nl *nl, const char *table)
{
	const struct passage passage = { .nl = nl, .table = table };
	struct counts entered;

	return read_counts(&passage, PASSAGE_ENTERED, &entered) == 0 && entered.packets[PASSAGE_OUT] == 0;
}

/* The least that was missing at each of the last looks */
static uint64_t dropped(const uint64_t missing[static PASSAGE_PATIENCE + 1])
{
	uint64_t least = missing[0];

	for (size_t i = 1; i <= PASSAGE_PATIENCE; i++)
		least = missing[i] < least ? missing[i] : least;
	return least;
}

static void report(const struct passage *passage, const uint64_t lost[static PASSAGE_WAYS])
{
	if (lost[PASSAGE_OUT])
		log_line("another firewall on this host drops what the sandbox may send: %" PRIu64
			 " packets of new flows so far",
			 lost[PASSAGE_OUT]);
	if (lost[PASSAGE_BACK])
		log_line("another firewall on this host drops the answers to the sandbox: %" PRIu64 " packets so far",
			 lost[PASSAGE_BACK]);
	firewalls_report(passage->nl);
}

/* What enters between the two readings only makes less seem missing. */
void passage_look(struct passage *passage, bool at_end)
{
	struct counts entered, left;
	uint64_t lost[PASSAGE_WAYS];

	if (read_counts(passage, PASSAGE_ENTERED, &entered) || read_counts(passage, PASSAGE_LEFT, &left))
		return;
	for (int way = 0; way < PASSAGE_WAYS; way++) {
		uint64_t *missing = passage->missing[way];
		memmove(missing + 1, missing, PASSAGE_PATIENCE * sizeof *missing);
		missing[0] = entered.packets[way] > left.packets[way] ? entered.packets[way] - left.packets[way] : 0;
		uint64_t now = at_end ? missing[0] : dropped(missing);
		lost[way] = now > passage->reported[way] ? now - passage->reported[way] : 0;
	}
	if (passage->silence) {
		passage->silence--;
		return;
	}
	if (!lost[PASSAGE_OUT] && !lost[PASSAGE_BACK])
		return;
	report(passage, lost);
	for (int way = 0; way < PASSAGE_WAYS; way++)
		passage->reported[way] += lost[way];
	passage->silence = SILENT_LOOKS;
}
