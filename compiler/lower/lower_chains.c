/* The chains around the policy, the same for every policy: what of the guest's may be judged at all, DNS to the
 * proxy, what the namespace itself may send and receive, and how a refusal looks.
 *
 *   prerouting  source and destination checks, before conntrack sees a packet; then, chain proxies, port 53 to the DNS
 *               proxy's socket, whatever its address, and the gateway's ports to a relay
 *   input       to the gateway: DNS, replies, neighbour discovery; the rest goes to outbound
 *   forward     replies and their errors; new flows from the guest go to outbound
 *   outbound    refusals no rule can lift, then chains floor and egress
 *   admit       what these allow: how many flows of it
 *   output      what the gateway, the proxy and the relay may send */
#include "lower/lower_state.h"
#include "base/text.h"
#include "eval/builtin.h"

#include <stdlib.h>

enum { FILTER_PRIORITY = 0 };

static void refusal_chains(struct lowering *lowering)
{
	struct ruleset *rs = lowering->ruleset;
	struct rs_chain *chain;
	struct rs_rule *rule;

	lower_report_chain(lowering, LOWER_CHAIN_REPORT, "refused packets of the guest's, to msb-run", LOWER_LOG_GROUP);
	chain = lower_chain(lowering, "silence", NULL);
	rs_verdict(rs, lower_rule(lowering, chain, NULL), RS_JUMP, LOWER_CHAIN_REPORT);
	rs_verdict(rs, lower_rule(lowering, chain, NULL), RS_DROP, NULL);

	chain = lower_chain(lowering, LOWER_CHAIN_REFUSE,
			    lowering->options->silent ? "silently" : "at once, and reported");
	rs_verdict(rs, lower_rule(lowering, chain, NULL), RS_JUMP, LOWER_CHAIN_REPORT);
	if (lowering->options->silent) {
		rs_verdict(rs, lower_rule(lowering, chain, NULL), RS_DROP, NULL);
	} else {
		rule = lower_rule(lowering, chain, NULL);
		lower_match_tcp(lowering, rule);
		rs_do(rs, rule, RS_REJECT_RESET);
		rs_do(rs, lower_rule(lowering, chain, NULL), RS_REJECT_ADMIN);
	}
}

static void logged_chain(struct lowering *lowering)
{
	struct ruleset *rs = lowering->ruleset;
	struct rs_chain *chain = lower_chain(lowering, LOWER_CHAIN_LOGGED, "let pass by a rule with `log`");

	lower_defer_logged(lowering, chain);
	lower_log_allowed(lowering, lower_rule(lowering, chain, NULL));
	rs_verdict(rs, lower_rule(lowering, chain, NULL), RS_GOTO, LOWER_CHAIN_ADMIT);
	if (!lowering->options->log_all)
		lower_report_chain(lowering, LOWER_CHAIN_REPORT_ALLOWED, "its first packets, to msb-run",
				   LOWER_ALLOW_LOG_GROUP);
}

/* An error or redirect belongs to a flow, and then is related, or to nobody: no rule lets it pass. */
static void errors_chain(struct lowering *lowering)
{
	struct ruleset *rs = lowering->ruleset;
	struct rs_chain *chain = lower_chain(lowering, "lone_errors", NULL);
	struct rs_rule *rule = lower_rule(lowering, chain, "ICMP errors and redirects of no flow");

	LOWER_MATCH_ANY(lowering, rule, RS_ICMP_TYPE, 3, 4, 5, 11, 12);
	lower_verdict(lowering, rule, RS_DROP, NULL);
	rule = lower_rule(lowering, chain, "ICMPv6 errors, neighbour discovery, multicast listeners");
	struct rs_expr *types = rs_match(rs, rule, RS_ICMPV6_TYPE, rs_range(0, 127));
	rs_or(rs, types, rs_range(130, 137));
	rs_or(rs, types, rs_number(143));
	lower_verdict(lowering, rule, RS_DROP, NULL);
}

/* One rule for a protocol's ports, with the services' names in its comment */
static void refuse_ports(struct lowering *lowering, struct rs_chain *chain, enum policy_proto proto,
			 enum rs_field field, const char *target)
{
	struct text comment = { .arena = lowering->arena };
	unsigned ports[EVAL_REFUSED_PORTS];
	size_t count = 0;

	text_add(&comment, "refused whatever the rules say:");
	for (size_t i = 0; i < EVAL_REFUSED_PORTS; i++) {
		if (eval_refused_ports[i].proto != proto)
			continue;
		text_addf(&comment, "%s %s", count ? "," : "", eval_refused_ports[i].service);
		ports[count++] = eval_refused_ports[i].port;
	}
	struct rs_rule *rule = lower_rule(lowering, chain, text_get(&comment));
	lower_match_any(lowering, rule, field, ports, count);
	lower_verdict(lowering, rule, RS_JUMP, target);
}

static void odd_ports_chain(struct lowering *lowering)
{
	struct rs_chain *chain = lower_chain(lowering, "odd_ports", NULL);

	refuse_ports(lowering, chain, PROTO_UDP, RS_UDP_DPORT, "silence");
	refuse_ports(lowering, chain, PROTO_TCP, RS_TCP_DPORT, LOWER_CHAIN_REFUSE);
	struct rs_rule *rule = lower_rule(lowering, chain, "DNS goes to the proxy or nowhere");
	lower_match_dns_ports(lowering, rule);
	lower_verdict(lowering, rule, RS_JUMP, LOWER_CHAIN_REFUSE);
}

static int by_number(const void *a, const void *b)
{
	const unsigned *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

/* What chain odd_ports looks at, whatever the protocol: what it does not refuse comes back. */
static void match_odd_ports(struct lowering *lowering, struct rs_rule *rule)
{
	unsigned ports[EVAL_REFUSED_PORTS + 1] = { LOWER_DNS_PORT };
	size_t count = 1, kept = 1;

	for (size_t i = 0; i < EVAL_REFUSED_PORTS; i++)
		ports[count++] = eval_refused_ports[i].port;
	qsort(ports, count, sizeof *ports, by_number);
	for (size_t i = 1; i < count; i++)
		if (ports[i] != ports[kept - 1])
			ports[kept++] = ports[i];
	lower_match_any(lowering, rule, RS_TH_DPORT, ports, kept);
}

/* New flows that no rule can allow are few: one look for each kind of them, and the rules for the kind are elsewhere. */
static void outbound_chain(struct lowering *lowering)
{
	struct ruleset *rs = lowering->ruleset;
	struct rs_chain *chain = lower_chain(lowering, LOWER_CHAIN_OUTBOUND,
					     "a new flow of the guest's: what no rule can allow, then the rules");
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);

	LOWER_MATCH_ANY(lowering, rule, RS_META_L4PROTO, IPPROTO_ICMP, IPPROTO_ICMPV6);
	rs_verdict(rs, rule, RS_JUMP, "lone_errors");
	rule = lower_rule(lowering, chain, NULL);
	match_odd_ports(lowering, rule);
	rs_verdict(rs, rule, RS_JUMP, "odd_ports");
	if (!lowering->defers)
		lower_jump_to_floors(lowering, chain, false);
	rs_verdict(rs, lower_rule(lowering, chain, NULL), RS_GOTO, lower_judged_chain(lowering));
	errors_chain(lowering);
	odd_ports_chain(lowering);
}

/* Of what conntrack calls related only the errors that a transport needs; and the resets by which the kernel itself refuses packets
 * of a flow that is being ended, which reach the far end by chain output: nothing from outside can have that mark. */
static void related_chain(struct lowering *lowering)
{
	struct rs_chain *chain = lower_chain(lowering, "related", "errors about a known flow");
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);

	LOWER_MATCH_ANY(lowering, rule, RS_ICMP_TYPE, 3, 11, 12);
	rs_verdict(lowering->ruleset, rule, RS_ACCEPT, NULL);
	rule = lower_rule(lowering, chain, NULL);
	LOWER_MATCH_ANY(lowering, rule, RS_ICMPV6_TYPE, 1, 2, 3, 4);
	rs_verdict(lowering->ruleset, rule, RS_ACCEPT, NULL);
	rule = lower_rule(lowering, chain, "resets of flows that are being ended");
	rs_match(lowering->ruleset, rule, RS_CT_MARK, rs_range(LOWER_REVOKED_CT, LOWER_REVOKED_CT_LAST));
	lower_match_tcp(lowering, rule);
	rs_verdict(lowering->ruleset, rule, RS_ACCEPT, NULL);
	lower_verdict(lowering, lower_rule(lowering, chain, NULL), RS_DROP, NULL);
}

static void forward_to_pod(struct lowering *lowering, struct rs_chain *chain)
{
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);

	lower_match_new(lowering, rule);
	rs_match(lowering->ruleset, rule, RS_META_IIFNAME, rs_name(LOWER_UPLINK));
	rs_match(lowering->ruleset, rule, RS_META_OIFNAME, rs_name(LOWER_BRIDGE));
	rs_verdict(lowering->ruleset, rule, RS_GOTO, LOWER_CHAIN_INGRESS);
}

/* The states exclude one another, so their order is that of how often they are met. Without conntrack come questions to port
 * 53 that no proxy took, which chain outbound refuses. */
static void forward_chain(struct lowering *lowering)
{
	struct rs_chain *chain = lower_hook_chain(lowering, "forward", RS_FORWARD, FILTER_PRIORITY, RS_DROP,
						  "between guest and host: nothing new comes in");

	lower_defer_forward(lowering, chain);
	lower_established(lowering, chain);
	struct rs_rule *rule = lower_rule(lowering, chain, NULL);
	lower_match_first(lowering, rule);
	rs_match(lowering->ruleset, rule, RS_META_IIFNAME, rs_name(LOWER_BRIDGE));
	rs_match(lowering->ruleset, rule, RS_META_OIFNAME, rs_name(LOWER_UPLINK));
	rs_verdict(lowering->ruleset, rule, RS_GOTO, lower_new_chain(lowering));
	lower_drop_invalid(lowering, chain);
	lower_related(lowering, chain);
	if (lowering->gateway.pod)
		forward_to_pod(lowering, chain);
	lower_verdict(lowering, lower_rule(lowering, chain, "new flows from outside"), RS_DROP, NULL);
}

void lower_chains(struct lowering *lowering)
{
	outbound_chain(lowering);
	refusal_chains(lowering);
	logged_chain(lowering);
	lower_meter_chains(lowering);
	lower_audited_chain(lowering);
	lower_ask_chains(lowering);
	lower_guest_chains(lowering);
	forward_chain(lowering);
	related_chain(lowering);
	lower_gateway_chains(lowering);
	lower_admit_chain(lowering);
}
