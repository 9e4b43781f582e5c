/* Members of regions as flow expressions, and their verdicts; and a search for one. */
#include "policy/flow.h"
#include "base/name.h"
#include "analysis/pass.h"

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

	return arena_printf(arena, "dns@%s%s", member->name, transports[member->transport]);
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
		return arena_printf(arena, "%s@%s:%s%s", policy_direction_name(member->direction), member->bound[0],
				    policy_proto_name(member->proto), ports_text(arena, member));
	text = flow_format_connection(arena, member->direction, member->addr, member->proto, member->has_port,
				      member->port);
	if (member->bound[0])
		text = arena_printf(arena, "%s resolve=%s=%s", text, member->bound[0], addr);
	if (member->bound[1])
		text = arena_printf(arena, "%s;%s=%s", text, member->bound[1], addr);
	return member->sni ? arena_printf(arena, "%s sni=%s", text, member->sni) : text;
}

/* ---- a search ---- */

struct search {
	struct analysis *analysis;
	const struct analysis_query *query;
	struct analysis_pass pass;
	struct witness *out;
	size_t *decider;
	bool found;
};

static bool wants_port(const struct analysis_query *query, uint16_t port)
{
	for (size_t i = 0; i < query->port_count; i++)
		if (query->ports[i].lo <= port && port <= query->ports[i].hi)
			return true;
	return !query->port_count;
}

static void visit(struct port_tree *walk, const struct port_interval *column)
{
	struct search *search = walk->self;
	const uint32_t *first = walk->planes[0].first;
	const struct analysis_query *query = search->query;

	if (search->found || !wants_port(query, column->lo))
		return;
	analysis_pass_start_column(&search->pass, column);
	if (!wants_port(query, search->pass.port))
		search->pass.port = column->lo;
	if (!fuel_use(walk->fuel, search->analysis->atom_count))
		return;
	for (uint32_t atom = 0; atom < search->analysis->atom_count && !search->found; atom++) {
		enum policy_action action = analysis_piece_action(&search->pass, first[atom]);

		if (analysis_pass_floored(&search->pass, atom))
			action = POLICY_DENY;
		if (!search->pass.active[atom] || action != query->action ||
		    !query->wanted(search->analysis, atom, query->context))
			continue;
		search->found = true;
		*search->out = analysis_pass_flow(&search->pass, atom);
		*search->decider = search->analysis->rule_of[first[atom]];
	}
}

static void cut_wanted(struct port_tree *walk, const struct analysis_query *query)
{
	for (size_t i = 0; i < query->port_count; i++) {
		*arena_push(walk->arena, &walk->cuts) = query->ports[i].lo;
		*arena_push(walk->arena, &walk->cuts) = (uint16_t)(query->ports[i].hi + 1);
	}
}

static void search_proto(struct search *search, enum policy_proto proto)
{
	struct arena *arena = arena_new();
	struct port_tree *walk;

	analysis_pass_init(&search->pass, search->analysis, arena, search->query->direction, proto);
	search->pass.walk = walk = analysis_walk_new(search->analysis, arena, search->query->direction, proto, 0);
	cut_wanted(walk, search->query);
	walk->visit = visit;
	walk->self = search;
	port_tree_visit(walk);
	arena_free(arena);
}

bool analysis_find(struct analysis *analysis, const struct analysis_query *query, struct witness *out, size_t *decider)
{
	static const enum policy_proto protos[] = { PROTO_TCP, PROTO_UDP, PROTO_ICMPV4, PROTO_ICMPV6, PROTO_OTHER };
	struct search search = { .analysis = analysis, .query = query, .out = out, .decider = decider };

	for (size_t i = 0; i < sizeof protos / sizeof *protos && !search.found && !analysis->fuel->out; i++)
		if ((query->protos & protos[i]) && (!query->port_count || policy_proto_has_ports(protos[i])))
			search_proto(&search, protos[i]);
	return search.found;
}
