/* Witnesses as flow expressions, and their verdicts. */
#include "analysis/analysis.h"
#include "base/name.h"
#include "policy/flow.h"

static void bind_name(struct arena *arena, struct flow *flow, const char *name, struct addr addr)
{
	struct flow_binding *binding = arena_push(arena, &flow->resolve);

	binding->name = name;
	*arena_push(arena, &binding->addrs) = addr;
}

static struct flow as_flow(struct arena *arena, const struct witness *member)
{
	struct flow flow = {
		.kind = member->kind,
		.direction = member->direction,
		.name = member->name,
		.addr = member->addr,
		.proto = member->proto,
		.has_port = member->has_port,
		.port = member->port,
		.transport = member->transport,
		.sni = member->sni,
	};

	for (int i = 0; i < 2; i++)
		if (member->bound[i])
			bind_name(arena, &flow, member->bound[i], member->addr);
	return flow;
}

struct eval_verdict witness_eval(const struct eval_context *context, const struct witness *member)
{
	struct arena *arena = arena_new();
	struct flow flow = as_flow(arena, member);
	struct eval_verdict verdict = eval_flow(context, &flow).verdict;

	arena_free(arena);
	return verdict;
}

/* A name's own address, where a flow to the name says the same as one to an address bound to it */
static bool is_usual_address(const struct policy *policy, const struct witness *member)
{
	if (!policy || member->direction != POLICY_EGRESS || !member->bound[0] || member->bound[1] || member->sni)
		return false;
	if (name_equal(member->bound[0], NAME_HOST_ALIAS))
		return true;
	return addr_equal(member->addr, eval_unnamed_public(policy, member->proto == PROTO_ICMPV6 ? ADDR_V6 : ADDR_V4));
}

static const char *ports_text(struct arena *arena, const struct witness *member)
{
	return member->has_port ? arena_printf(arena, ":%u", member->port) : "";
}

static const char *query_format(struct arena *arena, const struct witness *member)
{
	static const char *const transports[] = {
		[FLOW_DNS_UDP] = "", [FLOW_DNS_TCP] = ":tcp", [FLOW_DNS_DOT] = ":dot"
	};

	return arena_printf(arena, "dns@%s%s", flow_name_text(arena, member->name), transports[member->transport]);
}

const char *witness_format(struct arena *arena, const struct policy *policy, const struct witness *member)
{
	char buf[ADDR_TEXT_MAX];
	const char *addr = addr_format_bracketed(member->addr, buf), *text;

	if (member->kind == FLOW_DNS)
		return query_format(arena, member);
	if (member->kind == FLOW_ANSWER)
		return arena_printf(arena, "answer@%s", addr);
	if (is_usual_address(policy, member))
		return arena_printf(arena, "%s@%s:%s%s", policy_direction_name(member->direction),
				    flow_name_text(arena, member->bound[0]), policy_proto_name(member->proto),
				    ports_text(arena, member));
	text = flow_format_connection(arena, member->direction, member->addr, member->proto, member->has_port,
				      member->port);
	if (member->bound[0])
		text = arena_printf(arena, "%s resolve=%s=%s", text, member->bound[0], addr);
	if (member->bound[1])
		text = arena_printf(arena, "%s;%s=%s", text, member->bound[1], addr);
	return member->sni ? arena_printf(arena, "%s sni=%s", text, member->sni) : text;
}
