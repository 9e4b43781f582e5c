/* Whose flow an entry of conntrack is, and who decides it under the policy in force. */
#include "eval/audit.h"
#include "flows/flow_ends_state.h"
#include "lower/sandbox_net.h"

#include <netinet/in.h>

enum { DHCP_SERVER = 67, DHCPV6_SERVER = 547 };

struct search {
	const struct conntrack_tuple *tuple;
	struct known_named *found;
};

static int try_names(const struct names_flow *flow, void *context)
{
	struct search *search = context;

	known_of_names(flow, search->found);
	return known_is_leg(search->found, search->tuple);
}

/* What the relay has, or had a moment ago, the latest first */
static bool find_named(const struct flow_ends *ends, const struct conntrack_tuple *tuple, struct known_named *out)
{
	struct names *names = ends->start.flows->start.names;
	struct search search = { tuple, out };

	if (names && names_flows(names, try_names, &search) == 1)
		return true;
	for (size_t i = 1; i <= KNOWN_NAMED; i++) {
		*out = ends->named[(ends->named_next - i) % KNOWN_NAMED];
		if (known_is_leg(out, tuple))
			return true;
	}
	return false;
}

static bool is_service(const struct conntrack_tuple *tuple)
{
	return tuple->dport == LOWER_DNS_PORT ||
	       (tuple->proto == IPPROTO_UDP && (tuple->dport == DHCP_SERVER || tuple->dport == DHCPV6_SERVER));
}

static struct addr guest_of(const struct flow_ends *ends, enum addr_family family)
{
	const struct flows_start *of = &ends->start.flows->start;

	return family == ADDR_V4 ? of->guest4 : of->guest6;
}

static bool describe_named(const struct flow_ends *ends, const struct conntrack_tuple *tuple,
			   struct flow_ends_subject *subject)
{
	if (!find_named(ends, tuple, &subject->known) || subject->known.waits)
		return false;
	subject->flow.kind = FLOWS_NAMED;
	subject->flow.connection.sni = subject->known.has_sni ? subject->known.sni : NULL;
	subject->flow.connection.ech = subject->known.ech;
	subject->flow.has_began = true;
	subject->flow.began_ms = subject->known.began_ms;
	return true;
}

/* What the guest began: what it asks the gateway's DNS proxy is judged question by question, and is no flow. */
static bool describe_outgoing(const struct flow_ends *ends, const struct conntrack_entry *entry,
			      struct flow_ends_subject *subject)
{
	const struct conntrack_tuple *tuple = &entry->original;
	bool ports = tuple->proto == IPPROTO_TCP || tuple->proto == IPPROTO_UDP;
	bool to_gateway = addr_gateway_has(&ends->start.flows->start.gateway, tuple->dst);

	if (ports && (tuple->dport == LOWER_DNS_PORT || (to_gateway && is_service(tuple))))
		return false;
	flows_describe_entry(ends->start.flows, entry, &subject->flow);
	if (entry->mark == LOWER_DIVERTED_CT)
		return describe_named(ends, tuple, subject);
	if (entry->mark == LOWER_SPENT_CT && describe_named(ends, tuple, subject))
		return true;
	subject->flow.kind = to_gateway && ports ? FLOWS_HOST : FLOWS_FORWARDED;
	return true;
}

void flow_ends_judge(const struct flow_ends *ends, struct flow_ends_subject *subject)
{
	struct flows_flow *flow = &subject->flow;

	subject->past = (struct bindings_past){ ends->start.bindings, flow->has_began, flow->began_ms };
	flow->names = bindings_past_view(&subject->past);
	struct eval_context context = { ends->policy, ends->start.flows->start.gateway, flow->names };
	flow->verdict = eval_connection(&context, &flow->connection);
	subject->spared = flow->verdict.action == POLICY_DENY &&
			  audit_spares_connection(ends->start.spared, &context, &flow->connection);
}

bool flow_ends_describe(const struct flow_ends *ends, const struct conntrack_entry *entry,
			struct flow_ends_subject *subject)
{
	if (flows_entry_comes_in(ends->start.flows, entry))
		flows_describe_entry(ends->start.flows, entry, &subject->flow);
	else if (!addr_equal(entry->original.src, guest_of(ends, entry->original.src.family)) ||
		 !describe_outgoing(ends, entry, subject))
		return false;
	flow_ends_judge(ends, subject);
	return true;
}

bool flow_ends_is_logged(const struct flow_ends *ends, const struct flow_ends_subject *subject)
{
	struct eval_verdict verdict = subject->flow.verdict;

	return subject->spared || (verdict.by.kind == DECIDER_RULE && ends->policy->rules.items[verdict.by.rule].log);
}

const char *flow_ends_name(const struct flows_flow *flow)
{
	return !flow->connection.sni && flow->connection.direction == POLICY_EGRESS ?
		       eval_first_name(&flow->names, flow->connection.addr) :
		       NULL;
}
