/* What a reload says of the flows that it ends, or would. */
#include "core/clock.h"
#include "sandbox/reload_state.h"
#include "sandbox/setup.h"

#include <netinet/in.h>

#define TOLD_MAX 1000 /* flows in an answer; it counts all */

static json_t *flow_json(enum policy_direction direction, struct addr addr, uint8_t l4, uint16_t port,
			 uint64_t began_ms)
{
	char text[ADDR_TEXT_MAX];
	const char *proto = l4 == IPPROTO_TCP  ? "tcp" :
			    l4 == IPPROTO_UDP  ? "udp" :
			    l4 == IPPROTO_ICMP ? "icmpv4" :
						 "icmpv6";
	bool has_port = l4 == IPPROTO_TCP || l4 == IPPROTO_UDP;
	json_t *flow = json_pack("{s:s+++++}", "flow", policy_direction_name(direction), "@",
				 addr_format_bracketed(addr, text), ":", proto, "");

	if (has_port)
		json_object_set_new(flow, "flow",
				    json_sprintf("%s:%u", json_string_value(json_object_get(flow, "flow")), port));
	if (began_ms)
		json_object_set_new(flow, "open_ms", json_integer((json_int_t)(clock_ms() - began_ms)));
	return flow;
}

void reload_tell_ended(const struct flows_result *result, json_t *answer)
{
	json_t *list = json_array();

	for (size_t i = 0; i < result->count && i < TOLD_MAX; i++) {
		const struct flows_ended *ended = &result->items[i];
		json_t *flow = flow_json(ended->direction, ended->far, ended->l4, ended->port,
					 ended->has_began ? ended->began_ms : 0);
		if (*ended->name)
			json_object_set_new(flow, "name", json_string(ended->name));
		json_array_append_new(list, flow);
	}
	json_object_set_new(answer, "ended", list);
	json_object_set_new(answer, "ended_total", json_integer((json_int_t)result->total));
	json_object_set_new(answer, "kept_total", json_integer((json_int_t)result->kept));
}

struct would {
	json_t *list;
	json_int_t total, kept;
};

static int judge(const struct flows_flow *flow, void *context)
{
	struct would *would = context;
	const char *name = flow->connection.sni;

	if (flow->verdict.action == POLICY_ALLOW) {
		would->kept++;
		return 0;
	}
	if (++would->total > TOLD_MAX)
		return 0;
	if (!name)
		name = eval_first_name(&flow->names, flow->connection.addr);
	json_t *json = flow_json(flow->connection.direction, flow->connection.addr, flow->l4, flow->connection.port,
				 flow->has_began ? flow->began_ms : 0);
	if (name)
		json_object_set_new(json, "name", json_string(name));
	json_array_append_new(would->list, json);
	return 0;
}

json_t *reload_tell_would_end(struct sandbox *sandbox, const struct policy *policy)
{
	struct would would = { .list = json_array() };
	int error = flows_list(sandbox->flows, policy, dns_bindings(sandbox->dns), judge, &would);
	json_t *answer =
		json_pack("{s:b, s:I, s:o, s:I, s:I}", "ok", 1, "generation", (json_int_t)sandbox->reload->generation,
			  "ended", would.list, "ended_total", would.total, "kept_total", would.kept);

	if (error == 0)
		return answer;
	json_decref(answer);
	return reload_failed("the sandbox's flows cannot be listed");
}
