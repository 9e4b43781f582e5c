/* Which of conntrack's entries are flows of the guest's, or to a pod, that the kernel forwards, and how each is judged: as it was when it began. What
 * the namespace itself has with others (the DNS proxy, the relays' own ends) is not listed by its entries. */
#include "core/clock.h"
#include "flows/flows_state.h"
#include "lower/sandbox_net.h"
#include "policy/policy_facts.h"

#include <linux/netfilter/nf_conntrack_tcp.h>
#include <netinet/in.h>

const char *flows_kind_name(enum flows_kind kind)
{
	static const char *const names[FLOWS_KIND_COUNT] = { "forwarded", "published", "host", "named" };

	return names[kind];
}

bool flows_entry_has_ended(const struct conntrack_entry *entry)
{
	return entry->original.proto == IPPROTO_TCP &&
	       (entry->tcp_state == TCP_CONNTRACK_TIME_WAIT || entry->tcp_state == TCP_CONNTRACK_CLOSE);
}

static bool is_guest(const struct flows *flows, struct addr addr)
{
	return addr_equal(addr, addr.family == ADDR_V4 ? flows->start.guest4 : flows->start.guest6);
}

static bool is_guests(const struct flows *flows, const struct conntrack_entry *entry)
{
	return is_guest(flows, entry->original.src) && entry->mark != LOWER_DIVERTED_CT;
}

bool flows_entry_comes_in(const struct flows *flows, const struct conntrack_entry *entry)
{
	return flows->start.gateway.pod && !is_guest(flows, entry->original.src) &&
	       is_guest(flows, entry->original.dst);
}

/* Neither the DNS proxy's nor a relay's: these are handed to sockets of the namespace */
static bool is_forwarded(const struct flows *flows, const struct conntrack_entry *entry)
{
	const struct conntrack_tuple *tuple = &entry->original;
	bool ports = tuple->proto == IPPROTO_TCP || tuple->proto == IPPROTO_UDP;

	if (flows_entry_comes_in(flows, entry))
		return true;
	return is_guests(flows, entry) &&
	       (!ports || (tuple->dport != LOWER_DNS_PORT && !addr_gateway_has(&flows->start.gateway, tuple->dst)));
}

/* How far the two clocks may be apart for what was read one after the other */
#define APART_MS 10

bool flows_began_ms(uint64_t stamp_ns, int64_t ahead_before_ms, int64_t ahead_ms, uint64_t *began_ms)
{
	int64_t began = (int64_t)(stamp_ns / 1000000) - ahead_ms;

	if (!stamp_ns || ahead_ms - ahead_before_ms > APART_MS || ahead_before_ms - ahead_ms > APART_MS)
		return false;
	*began_ms = began > 0 ? (uint64_t)began : 0;
	return true;
}

void flows_describe_entry(const struct flows *flows, const struct conntrack_entry *entry, struct flows_flow *out)
{
	const struct conntrack_tuple *tuple = &entry->original;
	bool ports = tuple->proto == IPPROTO_TCP || tuple->proto == IPPROTO_UDP;
	bool in = flows_entry_comes_in(flows, entry);

	*out = (struct flows_flow){
		.kind = FLOWS_FORWARDED,
		.l4 = tuple->proto,
		.connection = { .direction = in ? POLICY_INGRESS : POLICY_EGRESS,
				.proto = policy_proto_of_ip(tuple->proto),
				.addr = in ? tuple->src : tuple->dst,
				.has_port = ports,
				.port = ports ? tuple->dport : 0 },
		.near = in ? tuple->dst : tuple->src,
		.near_port = ports ? tuple->sport : 0,
		.tcp_state = entry->tcp_state,
		.counted = entry->counted,
		.bytes_out = entry->bytes[in],
		.bytes_in = entry->bytes[!in],
		.packets_out = entry->packets[in],
		.packets_in = entry->packets[!in],
	};
	out->has_began = flows_began_ms(entry->began_ns, flows->day_ahead_ms, clock_day_ahead_ms(), &out->began_ms);
}

static void judge(const struct flows *flows, const struct policy *policy, struct bindings *bindings,
		  const struct conntrack_entry *entry, struct bindings_past *past, struct flows_flow *out)
{
	flows_describe_entry(flows, entry, out);
	*past = (struct bindings_past){ bindings, out->has_began, out->began_ms };
	out->names = bindings_past_view(past);
	struct eval_context context = { policy, flows->start.gateway, out->names };
	out->verdict = eval_connection(&context, &out->connection);
}

bool flows_judge_entry(const struct flows *flows, const struct policy *policy, struct bindings *bindings,
		       const struct conntrack_entry *entry, struct bindings_past *past, struct flows_flow *out)
{
	if (!is_forwarded(flows, entry))
		return false;
	judge(flows, policy, bindings, entry, past, out);
	return true;
}

bool flows_judge_host_entry(const struct flows *flows, const struct policy *policy, struct bindings *bindings,
			    const struct conntrack_entry *entry, struct bindings_past *past, struct flows_flow *out)
{
	const struct conntrack_tuple *tuple = &entry->original;

	if (!is_guests(flows, entry) || tuple->dport == LOWER_DNS_PORT || flows_entry_has_ended(entry) ||
	    !addr_gateway_has(&flows->start.gateway, tuple->dst))
		return false;
	judge(flows, policy, bindings, entry, past, out);
	return true;
}

struct listing {
	struct flows *flows;
	const struct policy *policy;
	struct bindings *bindings;
	int (*each)(const struct flows_flow *, void *);
	void *context;
};

static int list_entry(const struct conntrack_entry *entry, void *context)
{
	struct listing *listing = context;
	struct bindings_past past;
	struct flows_flow flow;

	if (flows_entry_has_ended(entry) ||
	    !flows_judge_entry(listing->flows, listing->policy, listing->bindings, entry, &past, &flow))
		return 0;
	return listing->each(&flow, listing->context);
}

static int list_relayed(const struct flows_flow *flow, uint32_t serial, void *context)
{
	struct listing *listing = context;

	(void)serial;
	return listing->each(flow, listing->context);
}

int flows_list(struct flows *flows, const struct policy *policy, struct bindings *bindings,
	       int (*each)(const struct flows_flow *, void *), void *context)
{
	struct listing listing = { flows, policy, bindings, each, context };
	int result = conntrack_entries(flows->vm, 0, 0, list_entry, &listing);

	return result ? result : flows_list_relayed(flows, policy, bindings, list_relayed, &listing);
}
