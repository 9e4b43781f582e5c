/* Denials judged, one by one. */
#include "denied/denied.h"
#include "base/name.h"
#include "policy/flow.h"
#include "policy/options.h"
#include "policy/policy_facts.h"

#include <string.h>

struct denied *denied_new(struct arena *arena, const struct eval_context *context, bool judges)
{
	struct denied *denied = arena_alloc(arena, sizeof *denied);

	denied->arena = arena;
	denied->context = *context;
	denied->judges = judges;
	denied->fragment.arena = arena;
	return denied;
}

static void count_rule(struct denied *denied, const struct event_line *event, size_t rule,
		       enum policy_direction direction)
{
	denied->denied += event->times;
	for (size_t i = 0; i < denied->rules.count; i++)
		if (denied->rules.items[i].rule == rule) {
			denied->rules.items[i].count += event->times;
			return;
		}
	if (denied->rules.count < DENIED_RULES_MAX)
		*arena_push(denied->arena, &denied->rules) =
			(struct denied_rule){ rule, direction, arena_strdup(denied->arena, event->flow), event->times };
}

/* What it is bound to, where the event says so in a form that a rule has too */
static const char *bound_name(struct arena *arena, const struct event_line *event)
{
	const char *why, *name = event->name ? name_from_rule(arena, event->name, &why) : NULL;

	return name && !strcmp(name, event->name) ? name : NULL;
}

static void add_binding(struct arena *arena, struct flow *flow, const char *name)
{
	struct flow_binding *binding = arena_push(arena, &flow->resolve);

	binding->name = name;
	*arena_push(arena, &binding->addrs) = flow->addr;
}

static struct eval_connection connection_of(const struct flow *flow)
{
	return (struct eval_connection){ .direction = flow->direction,
					 .proto = flow->proto,
					 .addr = flow->addr,
					 .has_port = flow->has_port,
					 .port = flow->port,
					 .sni = flow->sni };
}

/* A verdict by the policy given, else the event's own */
static struct eval_verdict judge(const struct denied *denied, const struct eval_context *context,
				 const struct flow *flow, const struct event_line *event)
{
	struct eval_connection connection = connection_of(flow);

	if (!denied->judges)
		return (struct eval_verdict){
			POLICY_DENY, { !strcmp(event->decided_by, "default") ? DECIDER_DEFAULT : DECIDER_REFUSED, 0 }
		};
	return flow->kind == FLOW_DNS ? eval_dns(context, flow->name, flow->transport) :
					eval_connection(context, &connection);
}

/* As a rule writes it: a name without a dot would be a keyword or a group */
static const char *target_text(struct arena *arena, const struct flow *flow, const char *name)
{
	struct policy_target target = { .kind = TARGET_DOMAIN, .name = name };
	char text[ADDR_TEXT_MAX];

	return name ? policy_target_format(arena, &target) :
		      arena_strdup(arena, addr_format_bracketed(flow->addr, text));
}

static const char *expectation(struct arena *arena, const struct fragment_item *item, const struct flow *flow)
{
	const char *target = item->name ? item->name : item->target;

	if (item->rank == SUGGEST_LOOKUP)
		return arena_printf(arena, "dns@%s:%s", flow_name_text(arena, target), item->proto);
	return arena_printf(arena, item->has_port ? "%s@%s:%s:%u" : "%s@%s:%s", policy_direction_name(flow->direction),
			    target, item->proto, item->port);
}

static void fill_item(struct denied *denied, struct fragment_item *item, const struct flow *flow,
		      const struct suggestion *suggestion)
{
	struct arena *arena = denied->arena;
	bool query = flow->kind == FLOW_DNS;

	item->rank = suggestion->rank;
	item->name = suggestion->name ? arena_strdup(arena, suggestion->name) : NULL;
	item->target = target_text(arena, flow, item->name);
	item->proto = policy_proto_name(query ? flow_transport_proto(flow->transport) : flow->proto);
	item->has_port = query || flow->has_port;
	item->port = query ? FLOW_DNS_PORT : flow->port;
	item->expect = expectation(arena, item, flow);
}

/* Whether the rule alone, read as --net-rule reads it, is one rule and lets the expectation pass: that an address lies
 * behind rebind protection, or a name has no family, shows here. */
static bool holds(const struct denied *denied, const struct fragment_item *item, struct arena *arena)
{
	struct policy_options options = { .arena = arena, .no_net = true };
	struct sources *sources = sources_new(arena);
	struct diags *diags = diags_new(arena, sources);
	struct flow flow;

	*arena_push(arena, &options.rules) = item->rule;
	struct policy *policy = options_resolve(&options, NULL, diags);
	struct eval_context context = { policy, denied->context.gateway, EVAL_NO_BINDINGS };
	return !diags->errors && policy->rules.count == 1 && flow_parse(arena, sources, item->expect, diags, &flow) &&
	       eval_flow(&context, &flow).verdict.action == POLICY_ALLOW;
}

static void take_suggestion(struct denied *denied, struct arena *arena, const struct flow *flow,
			    const struct suggestion *suggestion, size_t times)
{
	struct fragment_item *item = fragment_item(&denied->fragment, suggestion->rule);

	if (!item)
		return;
	bool seen = item->count;
	item->count += times;
	if (seen)
		return;
	fill_item(denied, item, flow, suggestion);
	if (!holds(denied, item, arena))
		item->expect = NULL;
}

/* Judged anew; what passes or is denied by a rule is counted. False: nothing is to be offered */
static bool is_to_be_offered(struct denied *denied, const struct event_line *event, const struct flow *flow,
			     struct eval_verdict verdict)
{
	if (verdict.action == POLICY_ALLOW) {
		denied->allowed += event->times;
		return false;
	}
	if (denied->judges && verdict.by.kind == DECIDER_RULE) {
		count_rule(denied, event, verdict.by.rule, flow->kind == FLOW_DNS ? POLICY_EGRESS : flow->direction);
		return false;
	}
	return true;
}

/* What was judged by its server name is offered a rule on that name or none: of a hello that had none, or was refused for
 * another reason, no rule lets it pass. A name that no rule can say matches none. False: nothing is to be offered */
static bool add_server_name(struct arena *arena, const struct event_line *event, struct flow *flow)
{
	const char *why, *name;

	if (!event->hello)
		return true;
	if (strcmp(event->hello, "name") != 0 || !event->sni || flow->kind != FLOW_CONNECTION)
		return false;
	flow->sni = event->sni;
	name = name_from_rule(arena, event->sni, &why);
	if (name)
		add_binding(arena, flow, name);
	return true;
}

static void offer(struct denied *denied, struct arena *arena, const struct event_line *event, struct flow *flow)
{
	const char *name = NULL;
	struct eval_context context = denied->context;
	struct suggestion suggestion;
	bool offered;

	if (!add_server_name(arena, event, flow)) {
		denied->not_offered += event->times;
		return;
	}
	struct eval_connection connection = connection_of(flow);
	if (flow->kind == FLOW_CONNECTION && flow->direction == POLICY_EGRESS)
		name = bound_name(arena, event);
	if (name)
		add_binding(arena, flow, name);
	context.bindings = eval_flow_bindings(flow);
	struct eval_verdict verdict = judge(denied, &context, flow, event);
	if (!is_to_be_offered(denied, event, flow, verdict))
		return;
	/* a name was seen that no rule can say: nothing is offered for its address instead */
	offered = flow->kind == FLOW_DNS ?
			  !event->searched &&
				  suggest_query(arena, &context, flow->name, flow->transport, verdict, &suggestion) :
			  (name || !event->name) &&
				  suggest_connection(arena, &context, &connection, verdict, name, &suggestion);
	if (offered)
		take_suggestion(denied, arena, flow, &suggestion, event->times);
	else
		denied->not_offered += event->times;
}

/* "dns@NAME:udp": the name as it was asked for, which need not be one that a flow's grammar reads so. False: another flow */
static bool read_lookup(struct arena *arena, const char *text, struct flow *out)
{
	const char *name = text + strlen("dns@"), *colon = strrchr(text, ':');

	if (strncmp(text, "dns@", strlen("dns@")) != 0 || !colon || colon < name ||
	    (strcmp(colon, ":udp") != 0 && strcmp(colon, ":tcp") != 0))
		return false;
	*out = (struct flow){ .kind = FLOW_DNS,
			      .name = arena_strndup(arena, name, (size_t)(colon - name)),
			      .transport = colon[1] == 'u' ? FLOW_DNS_UDP : FLOW_DNS_TCP };
	return true;
}

static bool read_connection(struct arena *arena, const char *text, struct flow *out)
{
	struct sources *sources = sources_new(arena);

	return flow_parse(arena, sources, text, diags_new(arena, sources), out) && out->kind == FLOW_CONNECTION &&
	       !out->to_name;
}

static void take_denial(struct denied *denied, struct arena *arena, const struct event_line *event)
{
	struct flow flow;

	denied->denials += event->times;
	if (read_lookup(arena, event->flow, &flow) || read_connection(arena, event->flow, &flow))
		offer(denied, arena, event, &flow);
	else
		denied->not_offered += event->times;
}

void denied_take(struct denied *denied, struct arena *scratch, const struct event_line *event)
{
	if (!strcmp(event->kind, "deny") || (!strcmp(event->kind, "audit") && event->flow))
		take_denial(denied, scratch, event);
	if (!strcmp(event->kind, "limit"))
		denied->limits += event->times;
	if (!strcmp(event->kind, "rebind") || (!strcmp(event->kind, "audit") && !event->flow))
		denied->rebinds += event->times;
	denied->lost += event->lost;
}
