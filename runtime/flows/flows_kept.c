/* Flows that were let in once, by a rule that is gone. */
#include "flows/flows_state.h"

/* It is computed of two clocks, that are read one after the other */
#define APART_MS 20

static bool began_alike(const struct flows_kept *kept, const struct flows_flow *flow)
{
	uint64_t apart =
		kept->began_ms < flow->began_ms ? flow->began_ms - kept->began_ms : kept->began_ms - flow->began_ms;

	return kept->has_began == flow->has_began && apart <= APART_MS;
}

static bool is_same(const struct flows_kept *kept, const struct flows_flow *flow)
{
	return kept->l4 == flow->l4 && kept->kind == flow->kind && kept->near_port == flow->near_port &&
	       kept->port == flow->connection.port && addr_equal(kept->near, flow->near) &&
	       addr_equal(kept->far, flow->connection.addr) && began_alike(kept, flow);
}

bool flows_is_kept(const struct flows *flows, const struct flows_flow *flow)
{
	for (size_t i = 0; i < FLOWS_KEPT_MAX; i++)
		if (flows->kept[i].l4 && is_same(&flows->kept[i], flow))
			return true;
	return false;
}

void flows_keep(struct flows *flows, const struct flows_flow *flow)
{
	flows->kept[flows->next_kept++ % FLOWS_KEPT_MAX] = (struct flows_kept){
		.kind = flow->kind,
		.l4 = flow->l4,
		.near = flow->near,
		.far = flow->connection.addr,
		.near_port = flow->near_port,
		.port = flow->connection.port,
		.has_began = flow->has_began,
		.began_ms = flow->began_ms,
	};
}

bool flows_stays(const struct flows *flows, const struct flows_flow *flow)
{
	return flow->verdict.action == POLICY_ALLOW ||
	       (flow->verdict.by.kind == DECIDER_DEFAULT && flows_is_kept(flows, flow));
}
