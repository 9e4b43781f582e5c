/* What a limit refused: of connections, of bytes, of lookups. */
#include "base/units.h"
#include "lower/sandbox_net.h"
#include "netlink/nflog.h"
#include "policy/flow.h"
#include "report/denials_state.h"
#include "report/learning.h"

static const struct eval_verdict by_number = { POLICY_DENY, { DECIDER_NONE, 0 } };

static void report_limit(struct denials *denials, const struct nflog_packet *packet, enum limit limit, bool host)
{
	struct arena *arena = arena_new();
	const struct limit_text text = limit_text(arena, limit, denials->config->policy, &denials->limits, host);
	const struct reason reason = { .text = text.text, .note = "" };
	const struct eval_connection connection = denials_connection(packet);
	bool bytes = limit == OVER_EGRESS_BYTES || limit == OVER_INGRESS_BYTES, first = !denials->limit_known[limit];
	struct event event =
		denials_event_on(denials, arena, bytes ? "quota" : "limit", &connection, by_number, &reason);

	event.source_port = packet->source_port;
	event.option = text.option;
	event.value = text.value;
	denials->limit_known[limit] = true;
	denials_report_limit(denials, arena, &event, first, text.text, text.raise);
}

/* "all of `bytes 1M` of allow@pypi.org is used up" */
static struct reason meter_reason(struct denials *denials, struct arena *arena, struct eval_verdict verdict,
				  uint64_t bytes)
{
	if (verdict.by.kind != DECIDER_RULE) /* which a reload has taken away since */
		return (struct reason){ .text = "a rule's limit of bytes is used up", .note = "" };
	struct reason reason = *reason_of(denials->reasons, verdict, POLICY_EGRESS);
	reason.text =
		arena_printf(arena, "all of `bytes %s` of %s is used up", units_size_format(arena, bytes), reason.text);
	return reason;
}

/* Of a rule's own limit, which is one for both directions */
static void report_meter(struct denials *denials, const struct eval_connection *connection, uint16_t source_port,
			 uint32_t meter)
{
	struct arena *arena = arena_new();
	const struct policy *policy = denials->context.policy;
	long rule = meters_rule(policy, meter);
	uint64_t bytes = rule < 0 ? 0 : policy->rules.items[rule].bytes;
	struct eval_verdict verdict = { POLICY_DENY,
					rule < 0 ? decided_by(DECIDER_NONE) : decided_by_rule((size_t)rule) };
	const struct reason reason = meter_reason(denials, arena, verdict, bytes);
	struct event event = denials_event_on(denials, arena, "quota", connection, verdict, &reason);

	if (rule >= 0)
		event.verdict.by.rule = learning_rule_number(denials->config->bound, (size_t)rule) - 1;
	event.source_port = source_port;
	event.value = bytes;
	denials_report_limit(denials, arena, &event, meters_note(&denials->meters, meter),
			     reason_placed(arena, &reason),
			     "a larger size raises it, at the next start or by a reload");
}

/* Of an answer the far end is the source. */
static void report_metered_packet(struct denials *denials, const struct nflog_packet *packet, uint32_t meter)
{
	bool v4 = packet->destination.family == ADDR_V4;
	const struct addr_gateway *gateway = &denials->context.gateway;
	bool answer = addr_equal(packet->destination, lower_guest(gateway, v4 ? ADDR_V4 : ADDR_V6));
	const struct eval_connection connection = {
		.direction = POLICY_EGRESS,
		.proto = packet->proto,
		.addr = answer ? packet->source : packet->destination,
		.has_port = packet->has_port,
		.port = answer ? packet->source_port : packet->port,
	};

	report_meter(denials, &connection, answer ? packet->port : packet->source_port, meter);
}

bool denials_limited_packet(struct denials *denials, const struct nflog_packet *packet, bool host)
{
	enum limit limit;
	uint32_t meter;

	if (!host && meters_by_prefix(packet->prefix, &meter))
		report_metered_packet(denials, packet, meter);
	else if (limit_by_name(packet->prefix, &limit))
		report_limit(denials, packet, limit, host);
	else
		return false;
	return true;
}

bool denials_is_spent(const struct denials *denials, const struct policy_rule *rule)
{
	return denials && meters_is_spent(&denials->meters, rule->meter);
}

bool denials_spent_anew(struct denials *denials)
{
	bool anew = denials->meters.anew;

	denials->meters.anew = false;
	return anew;
}

void denials_spent_flow(struct denials *denials, const struct eval_connection *connection, size_t rule)
{
	report_meter(denials, connection, 0, denials->context.policy->rules.items[rule].meter);
}

void denials_dns_limit(struct denials *denials, const char *name, enum flow_transport transport,
		       enum policy_dns_limit which)
{
	static const char *const options[POLICY_DNS_LIMITS] = { "--dns-max-label", "--dns-max-names",
								"--dns-max-rate" };
	struct arena *arena = arena_new();
	bool spared = denials->config->spared, first = !denials->dns_limit_known[which];
	const struct event event = {
		.kind = spared ? denials_kind(true) : "limit",
		.flow = flow_format_query(arena, name, transport),
		.verdict = by_number,
		.reason = reason_of_dns_limit(denials->reasons, which),
		.question = flow_name_text(arena, name),
		.protocol = policy_proto_name(flow_transport_proto(transport)),
		.option = options[which],
		.value = policy_dns_limit(denials->context.policy, which)->size,
	};
	const char *what = arena_printf(arena, "%s by %s", spared ? "would be refused" : "refused",
					reason_placed(arena, event.reason));

	denials->dns_limit_known[which] = true;
	denials_report_limit(denials, arena, &event, first, what, NULL);
}
