/* The flows that workers move: the supervisor's own records of them, judged. */
#include "flows/flows_state.h"

#include <netinet/in.h>

struct relayed {
	struct flows *flows;
	const struct policy *policy;
	struct bindings *bindings;
	int (*each)(const struct flows_flow *, uint32_t serial, void *context);
	void *context;
};

static void judge(const struct relayed *relayed, struct flows_flow *flow)
{
	struct eval_context context = { relayed->policy, relayed->flows->start.gateway, flow->names };

	flow->verdict = eval_connection(&context, &flow->connection);
}

static int relay_flow(const struct relay_flow *of, void *context)
{
	const struct relayed *relayed = context;
	struct bindings_past past = { relayed->bindings, true, of->began_ms };
	struct flows_flow flow = {
		.kind = of->to_host ? FLOWS_HOST : FLOWS_PUBLISHED,
		.l4 = of->pair ? IPPROTO_TCP : IPPROTO_UDP,
		.connection = { .direction = of->to_host ? POLICY_EGRESS : POLICY_INGRESS,
				.proto = of->pair ? PROTO_TCP : PROTO_UDP,
				.addr = of->to_host ? of->asked : of->peer,
				.has_port = true,
				.port = of->port },
		.near = of->to_host ? of->peer : of->asked,
		.near_port = of->peer_port,
		.has_began = true,
		.began_ms = of->began_ms,
		.names = bindings_past_view(&past),
	};

	judge(relayed, &flow);
	return relayed->each(&flow, of->serial, relayed->context);
}

static void let_wait(const struct relayed *relayed, struct flows_flow *flow)
{
	struct eval_context context = { relayed->policy, relayed->flows->start.gateway, flow->names };

	if (eval_syn(&context, &flow->connection) != EVAL_SYN_DENY)
		flow->verdict.action = POLICY_ALLOW;
}

static int names_flow(const struct names_flow *of, void *context)
{
	const struct relayed *relayed = context;
	struct flows_flow flow = {
		.kind = FLOWS_NAMED,
		.l4 = IPPROTO_TCP,
		.connection = of->connection,
		.near = of->guest,
		.near_port = of->guest_port,
		.has_began = true,
		.began_ms = of->began_ms,
		.waits = of->waits,
		.names = of->names,
	};

	judge(relayed, &flow);
	if (of->waits) /* the name that it is to say may still change what decides it */
		let_wait(relayed, &flow);
	return relayed->each(&flow, of->serial, relayed->context);
}

int flows_list_relayed(struct flows *flows, const struct policy *policy, struct bindings *bindings,
		       int (*each)(const struct flows_flow *, uint32_t, void *), void *context)
{
	struct relayed relayed = { flows, policy, bindings, each, context };
	int result = flows->start.relay ? relay_flows(flows->start.relay, relay_flow, &relayed) : 0;

	if (result || !flows->start.names)
		return result;
	return names_flows(flows->start.names, names_flow, &relayed);
}
