/* Grants of new flows, see flow_grants.h.
 *
 * A chain has two rules: what the grant has left passes and is counted, all else is counted and refused. Both are replaced in
 * one transaction by a new grant. To count is to walk the host's conntrack, so that is done where a grant is half used up, or was used
 * up; and now and then where little of the bound was granted last, for that flows have ended. */
#include "net/flow_grants.h"
#include "core/clock.h"
#include "core/log.h"
#include "lower/sandbox_net.h"
#include "netlink/nft_read.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <string.h>

#define LASTS_S \
	10 /* at the rate of new flows; four seconds' worth may come at once, so half of it is enough for one look */
#define GRANT_MAX 15000 /* what the kernel can hold of one a week, in ns and 63 bits */
#define LATE_MS 3000
#define FAILURES 3 /* looks in a row: another table that is being changed spoils one */
#define REST 20    /* times as long as the last count took */
#define REVIEW 10  /* looks */

bool flow_grants_fit(uint32_t bound, uint32_t rate)
{
	return bound && rate && bound / LASTS_S >= rate;
}

const char *flow_grants_chain(enum limit limit)
{
	return limit == OVER_TCP ? "granted_tcp" : "granted_udp";
}

/* ---- rules ---- */

/* One more a week is what the kernel's limit cannot do without: with the next grant that begins anew. */
static void add_chain(struct ruleset *rs, struct rs_table *table, enum limit limit, uint32_t flows)
{
	struct rs_chain *chain = rs_chain_add(rs, table, flow_grants_chain(limit));

	if (flows) {
		struct rs_rule *pass = rs_rule_add(rs, chain, NULL);
		rs_limit(rs, pass, 1, RS_WEEK, flows);
		rs_do(rs, pass, RS_COUNTER);
		rs_verdict(rs, pass, RS_RETURN, NULL);
	}
	struct rs_rule *refuse = rs_rule_add(rs, chain, NULL);
	rs_do(rs, refuse, RS_COUNTER);
	rs_verdict(rs, refuse, RS_GOTO, limit_chain(limit));
}

static uint32_t at_most(uint32_t flows)
{
	return flows > GRANT_MAX ? GRANT_MAX : flows;
}

void flow_grants_add(struct ruleset *ruleset, struct rs_table *table, enum limit limit, uint32_t bound)
{
	add_chain(ruleset, table, limit, at_most(bound));
}

static int install(struct flow_grants *grants, enum limit limit, uint32_t flows)
{
	struct arena *arena = arena_new();
	struct ruleset *ruleset = ruleset_new(arena);
	char why[256];

	add_chain(ruleset, rs_table_add(ruleset, RS_INET, grants->table), limit, flows);
	int error = nft_refill(grants->nft, ruleset, flow_grants_chain(limit), why, sizeof why);
	arena_free(arena);
	return error;
}

void flow_grants_open(struct flow_grants *grants, struct nl *nl, struct nft *nft, const char *table,
		      const struct addr_gateway *gateway, bool relayed)
{
	grants->nl = nl;
	grants->nft = nft;
	grants->table = table;
	grants->guest_count = grants->relay_count = 0;
	if (gateway->has4)
		grants->guests[grants->guest_count++] = lower_guest(gateway, ADDR_V4);
	if (gateway->has6)
		grants->guests[grants->guest_count++] = lower_guest(gateway, ADDR_V6);
	if (relayed && gateway->has4)
		grants->relays[grants->relay_count++] = gateway->v4;
	if (relayed && gateway->has6)
		grants->relays[grants->relay_count++] = gateway->v6;
	for (size_t i = 0; i < 2; i++)
		grants->of[i].granted = at_most(grants->of[i].bound);
}

/* ---- looking ---- */

/* What the rules of a chain have counted; a grant of nothing has only the one that refuses. */
struct passed {
	uint64_t counts[2];
	size_t rules;
};

static int add_count(const struct nft_listed_rule *rule, void *context)
{
	struct passed *passed = context;

	if (!rule->counted || passed->rules == 2)
		return -EPROTO;
	passed->counts[passed->rules++] = rule->packets;
	return 0;
}

struct usage {
	uint32_t used, left;
	bool refused; /* since the last look */
};

static int read_usage(const struct flow_grants *grants, struct flow_grant *grant, struct usage *usage)
{
	struct passed passed = { 0 };

	int error =
		nft_rules(grants->nl, NFPROTO_INET, grants->table, flow_grants_chain(grant->limit), add_count, &passed);
	if (error < 0)
		return error;
	if (passed.rules != (grant->granted ? 2 : 1))
		return -ENOENT;
	uint64_t used = grant->granted ? passed.counts[0] : 0, refused = passed.counts[passed.rules - 1];
	usage->used = used > grant->granted ? grant->granted : (uint32_t)used;
	usage->left = grant->granted - usage->used;
	usage->refused = refused != grant->refused;
	grant->refused = refused;
	return 0;
}

/* Whether a count could be worth its price; a grant of nothing counts as half used up only where it refuses somebody. */
static bool is_due(const struct flow_grants *grants, const struct flow_grant *grant, const struct usage *usage)
{
	if (usage->refused || (usage->used && usage->used >= usage->left))
		return true;
	return grants->idle >= REVIEW && usage->left < grant->bound / 2 && usage->left < GRANT_MAX / 2;
}

static int renew(struct flow_grants *grants, struct flow_grant *grant, uint32_t counted)
{
	uint64_t taken = (uint64_t)counted + grant->left;
	uint32_t flows = taken < grant->bound ? at_most(grant->bound - (uint32_t)taken) : 0;

	/* the same again only later: what is left may be more than what it would be replaced by */
	if (flows <= grant->left)
		return 0;
	int error = install(grants, grant->limit, flows);
	if (error == 0) {
		grant->granted = flows;
		grant->refused = 0;
	}
	return error;
}

/* Once in a row */
static void report(struct flow_grants *grants, int error)
{
	grants->failures = error < 0 ? grants->failures + 1 : 0;
	if (grants->failures == FAILURES)
		log_error(
			"cannot count the sandbox's flows in the host's conntrack: %s; new ones are refused once %u are open",
			strerror(-error), grants->of[0].bound ? grants->of[0].bound : grants->of[1].bound);
}

/* Somebody was refused what an earlier count might have granted. */
static void report_late(struct flow_grants *grants, uint64_t now)
{
	uint64_t since = grants->asked_ms ? grants->asked_ms : grants->looked_ms;

	if (grants->said || !since || now - since < LATE_MS)
		return;
	grants->said = true;
	log_line(
		"new flows are refused: for %u s nobody could count those that are open; a process of the sandbox's was stopped, or the host is overloaded",
		(unsigned)((now - since) / 1000));
}

/* 1: a count is due; 0, or -errno */
static int look(struct flow_grants *grants, uint64_t now)
{
	bool any = false;

	for (size_t i = 0; i < 2; i++) {
		struct flow_grant *grant = &grants->of[i];
		struct usage usage;
		if (!grant->bound)
			continue;
		int error = read_usage(grants, grant, &usage);
		if (error < 0)
			return error;
		if (usage.refused)
			report_late(grants, now);
		if (grants->asked_ms)
			continue;
		grant->left = usage.left;
		grant->due = is_due(grants, grant, &usage);
		any |= grant->due;
	}
	return any && now >= grants->rest_ms;
}

bool flow_grants_look(struct flow_grants *grants)
{
	uint64_t now = clock_ms();

	if (!grants->of[0].bound && !grants->of[1].bound)
		return false;
	int due = look(grants, now);
	if (due < 0)
		report(grants, due);
	grants->looked_ms = now;
	grants->idle++;
	if (due <= 0 || grants->asked_ms)
		return false;
	grants->asked_ms = now;
	return true;
}

void flow_grants_counted(struct flow_grants *grants, int error, const struct conntrack_flows *flows)
{
	uint64_t now = clock_ms();

	if (!grants->asked_ms)
		return;
	grants->rest_ms = now + (now - grants->asked_ms) * REST;
	grants->asked_ms = 0;
	grants->idle = 0;
	grants->said = false;
	for (size_t i = 0; error == 0 && i < 2; i++)
		if (grants->of[i].due)
			error = renew(grants, &grants->of[i],
				      grants->of[i].limit == OVER_TCP ? flows->tcp : flows->udp);
	report(grants, error);
}
