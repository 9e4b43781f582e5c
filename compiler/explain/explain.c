/* Explain: takes a flow through its steps (lookup, answer, connection) as the evaluator does and writes down
 * what each rule did. Reasons are put into words in explain_reason.c. */
#include "explain/explain.h"
#include "policy/flow.h"
#include "policy/policy_facts.h"
#include "eval/builtin.h"

#include "explain/explain_names.h"
#include "explain/explain_reason.h"
#include "base/name.h"
#include "base/text.h"

#include <string.h>

const char *explain_kind_name(enum explain_kind kind)
{
	static const char *const names[] = {
		[EXPLAIN_LOOKUP] = "lookup", [EXPLAIN_ANSWER] = "answer", [EXPLAIN_CONNECT] = "connect"
	};

	return names[kind];
}

struct explainer {
	struct arena *arena;
	const struct eval_context *context;
	struct explanation *to;
	const struct policy *subject; /* whose rules are walked: the policy's own, or a floor's */
	size_t floor;                 /* of a floor: its number, from 1 */
};

/* On to the policy's own rules (0) or those of a floor */
static void walk(struct explainer *explainer, size_t floor)
{
	const struct policy *policy = explainer->context->policy;

	explainer->floor = floor;
	explainer->subject = floor ? policy->floors.items[floor - 1] : policy;
}

/* How many floors a step's flow came to: none where the policy itself denies it */
static size_t floors_asked(const struct explainer *explainer, struct eval_verdict verdict)
{
	size_t count = explainer->context->policy->floors.count;

	if (verdict.by.kind == DECIDER_FLOOR && verdict.by.floor < count)
		return verdict.by.floor + 1;
	return verdict.action == POLICY_ALLOW || verdict.by.kind == DECIDER_FLOOR ? count : 0;
}

static struct explain_step *add_step(struct explainer *explainer, enum explain_kind kind, const char *what)
{
	struct explain_step *step = arena_push(explainer->arena, &explainer->to->steps);

	step->kind = kind;
	step->what = what;
	step->direction = POLICY_EGRESS;
	return step;
}

static void add_row(struct explainer *explainer, struct explain_step *step, size_t rule, bool match, const char *why)
{
	const struct policy *policy = explainer->subject;
	const struct policy_rule *subject = &policy->rules.items[rule];
	struct explain_row *row = arena_push(explainer->arena, &step->rows);

	row->by = explainer->floor ? decided_by_floor(explainer->floor - 1, rule) : decided_by_rule(rule);
	row->place = span_format_line(explainer->arena, policy->sources, subject->span);
	row->text = subject->text;
	row->match = match;
	row->why = why;
	row->because = match ? subject->because : NULL;
	row->bytes = match ? subject->bytes : 0;
}

static void add_default(struct explainer *explainer, struct explain_step *step)
{
	const struct policy *policy = explainer->subject;
	const struct policy_default *fallback = policy_default_of(policy, step->direction);
	struct explain_row *row = arena_push(explainer->arena, &step->rows);

	row->by = explainer->floor ? decided_by_floor(explainer->floor - 1, policy->rules.count) :
				     decided_by(DECIDER_DEFAULT);
	row->place = span_format_line(explainer->arena, policy->sources, fallback->span);
	row->text = fallback->text;
	row->match = true;
	row->why = policy->rules.count ? "no rule matched" : "there are no rules";
}

/* "allowed by agent.msb:3, denied by the floor's floor.msb:5" */
static void note_floor(struct explainer *explainer, struct explain_step *step)
{
	const struct policy *policy = explainer->context->policy;
	struct eval_floor_words floor;
	const char *place, *own = NULL;

	if (step->verdict.by.kind != DECIDER_FLOOR)
		return;
	for (size_t i = 0; i < step->rows.count; i++)
		if (step->rows.items[i].match && step->rows.items[i].by.kind != DECIDER_FLOOR)
			own = step->rows.items[i].place ? step->rows.items[i].place : step->rows.items[i].text;
	floor = eval_floor_words(policy, step->verdict.by, step->direction);
	place = span_format_line(explainer->arena, policy->sources, floor.span);
	step->note = arena_printf(explainer->arena, "allowed by %s, denied by the floor: %s%s%s",
				  own ? own : "the policy", place ? place : "", place ? " " : "", floor.text);
}

/* ---- the lookup ---- */

static void note_label(struct explainer *explainer, struct explain_step *step, const char *name)
{
	const struct policy *policy = explainer->context->policy;
	const char *place = span_format_line(explainer->arena, policy->sources, policy->dns_label.span);

	if (step->verdict.by.kind == DECIDER_LABEL)
		step->note = arena_printf(explainer->arena, "a label of %zu octets: %s%s%s", name_longest_label(name),
					  place ? place : "", place ? " " : "",
					  policy_dns_limit_text(explainer->arena, policy, POLICY_DNS_LABEL));
}

static void walk_lookup(struct explainer *explainer, struct explain_step *step, const char *name,
			enum flow_transport transport)
{
	const struct policy *policy = explainer->subject;

	for (size_t i = 0; i < policy->rules.count; i++) {
		const struct policy_rule *rule = &policy->rules.items[i];

		if (eval_rule_matches_query(rule, name, transport)) {
			add_row(explainer, step, i, true, explain_match_query(explainer->arena, rule, name, transport));
			return;
		}
		add_row(explainer, step, i, false, explain_no_query(explainer->arena, rule, name, transport));
	}
	add_default(explainer, step);
}

static void explain_lookup(struct explainer *explainer, const char *name, enum flow_transport transport)
{
	struct explain_step *step =
		add_step(explainer, EXPLAIN_LOOKUP, flow_format_query(explainer->arena, name, transport));

	step->verdict = eval_dns(explainer->context, name, transport);
	if (step->verdict.by.kind == DECIDER_REFUSED) {
		const struct eval_refused_port *refused = eval_refused_port(
			POLICY_EGRESS, flow_transport_proto(transport), flow_transport_port(transport));
		step->note = arena_printf(explainer->arena, "port %u is refused whatever the rules say: %s",
					  flow_transport_port(transport), refused ? refused->why : "");
		return;
	}
	for (size_t i = 0; i <= floors_asked(explainer, step->verdict); i++) {
		if (i && explainer->context->policy->floors.items[i - 1]->is_tenancy)
			continue;
		walk(explainer, i);
		walk_lookup(explainer, step, name, transport);
	}
	walk(explainer, 0);
	note_floor(explainer, step);
	note_label(explainer, step, name);
}

/* ---- the answer ---- */

/* "class private", and where that comes from if the address does not show it */
static const char *class_text(struct explainer *explainer, struct addr addr)
{
	const struct addr_gateway *gateway = &explainer->context->gateway;
	enum addr_class class = addr_classify(addr, gateway);
	struct text text = { .arena = explainer->arena };
	char carried_text[ADDR_TEXT_MAX];
	struct addr carried;

	text_addf(&text, "class %s%s", addr_class_name(class), class == ADDR_CLASS_META ? " (instance metadata)" : "");
	if (!addr_is_mapped(addr) && addr_embedded_v4(addr, &gateway->nat64, &carried))
		text_addf(&text, " (carries %s)", addr_format(carried, carried_text));
	return text_get(&text);
}

static const char *address_and_class(struct explainer *explainer, struct addr addr)
{
	char text[ADDR_TEXT_MAX];

	return arena_printf(explainer->arena, "%s, %s", addr_format(addr, text), class_text(explainer, addr));
}

static bool says_in(const struct policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->rules.count; i++)
		for (size_t j = 0; policy->rules.items[i].within.count && j < policy->rules.items[i].targets.count; j++)
			if (eval_target_takes_name(&policy->rules.items[i].targets.items[j], name))
				return true;
	return false;
}

/* name: of the answer; NULL: any */
static void explain_answer(struct explainer *explainer, const char *name, struct addr addr)
{
	const struct eval_context *context = explainer->context;
	struct explain_step *step = add_step(explainer, EXPLAIN_ANSWER, address_and_class(explainer, addr));
	enum eval_answer answer = eval_answer(context, addr);
	size_t rule = 0;

	step->verdict.by = decided_by(DECIDER_REBIND);
	step->verdict.action = eval_answer_passes_for(context, name, addr) ? POLICY_ALLOW : POLICY_DENY;
	if (answer == EVAL_ANSWER_NOT_RESERVED) {
		step->note = "no reserved address: rebind protection does not apply";
	} else if (answer == EVAL_ANSWER_EXCEPTED) {
		eval_answer_exception(context, addr, &rule);
		step->note = "reserved, but a rule without ports names it and allows it";
		add_row(explainer, step, rule, true, "excepts it from rebind protection");
	} else if (name && eval_within_exception(context, name, addr, &rule)) {
		step->note = "reserved, but a rule says that the name may be there";
		add_row(explainer, step, rule, true, "excepts it from rebind protection for its names");
	} else if (step->verdict.action == POLICY_ALLOW) {
		step->note = "reserved, but rebind protection is off";
	} else {
		step->note =
			"reserved: rebind protection turns the answer into NXDOMAIN, for no rule without ports that "
			"names it allows it";
		if (name)
			step->note = arena_printf(explainer->arena, "%s, and no rule on the name says `in`%s",
						  step->note, says_in(context->policy, name) ? " this network" : "");
	}
}

/* ---- the connection ---- */

static const char *bound_text(struct explainer *explainer, const struct explain_connection *flow)
{
	const char *name = explain_bound_name(flow->flow, addr_unmap(flow->connection.addr), NULL);

	return name ? arena_printf(explainer->arena, "bound to %s", name) : "bound to no name";
}

/* "93.184.216.34 tcp 443, bound to github.com"; with the class of an address that the flow itself gives */
static const char *connection_text(struct explainer *explainer, const struct explain_connection *flow)
{
	const struct eval_connection *connection = &flow->connection;
	char text[ADDR_TEXT_MAX];
	struct text what = { .arena = explainer->arena };

	text_addf(&what, "%s %s", addr_format(connection->addr, text), policy_proto_name(connection->proto));
	if (connection->has_port)
		text_addf(&what, " %u", connection->port);
	if (!explainer->to->flow->to_name)
		text_addf(&what, ", %s", class_text(explainer, connection->addr));
	text_addf(&what, ", %s", bound_text(explainer, flow));
	if (connection->sni)
		text_addf(&what, ", server name %s%s", connection->sni, connection->ech ? " outside of ECH" : "");
	return text_get(&what);
}

static const char *refusal(struct explainer *explainer, const struct explain_connection *flow)
{
	const struct eval_connection *connection = &flow->connection;
	const struct eval_refused_port *refused =
		eval_refused_port(connection->direction, connection->proto, connection->port);
	const struct eval_refused_address *nowhere =
		eval_refused_address(connection->direction, addr_unmap(connection->addr), &explainer->context->gateway);

	if (!refused && nowhere)
		return arena_printf(explainer->arena, "a rule allows it, and no packet gets there: %s %s",
				    nowhere->what, nowhere->why);
	return refused ?
		       arena_printf(explainer->arena, "port %u is refused whatever the rules say: %s", refused->port,
				    refused->why) :
		       "refused whatever the rules say: in a NAT64 prefix, and bits 64 to 71 are not zero (RFC 6052), "
		       "so that translators differ on which IPv4 address it carries";
}

static void walk_rules(struct explainer *explainer, struct explain_step *step, const struct eval_context *context,
		       const struct explain_connection *flow)
{
	const struct policy *policy = explainer->subject;

	for (size_t i = 0; i < policy->rules.count; i++) {
		const struct policy_rule *rule = &policy->rules.items[i];
		const struct eval_connection *connection = &flow->connection;

		if (eval_rule_refuses_quic(context, rule, connection) ||
		    eval_rule_refuses_ech(context, rule, connection)) {
			add_row(explainer, step, i, true, explain_hidden_why(connection));
			return;
		}
		if ((rule->directions & connection->direction) && eval_rule_matches_proto(rule, connection->proto) &&
		    eval_rule_matches_port(rule, connection->has_port, connection->port) &&
		    eval_rule_matches_target(context, rule, connection)) {
			add_row(explainer, step, i, true,
				explain_match_connection(explainer->arena, context, rule, flow));
			return;
		}
		add_row(explainer, step, i, false, explain_no_connection(explainer->arena, context, rule, flow));
	}
	add_default(explainer, step);
}

static void explain_rules(struct explainer *explainer, struct explain_step *step, const struct explain_connection *flow)
{
	struct eval_context context = *explainer->context;

	context.bindings = eval_flow_bindings(flow->flow);
	for (size_t i = 0; i <= floors_asked(explainer, step->verdict); i++) {
		if (i && explainer->context->policy->floors.items[i - 1]->is_tenancy)
			continue;
		walk(explainer, i);
		context.policy = explainer->subject;
		walk_rules(explainer, step, &context, flow);
	}
	walk(explainer, 0);
}

static void explain_connection(struct explainer *explainer, const struct flow *flow, struct eval_verdict verdict,
			       const char *note)
{
	const struct flow *asked = explainer->to->flow;
	struct explain_connection connection = {
		.connection = { .direction = asked->direction,
				.proto = asked->proto,
				.addr = explainer->to->result.addr,
				.has_port = asked->has_port,
				.port = asked->port,
				.sni = asked->sni,
				.ech = asked->ech },
		.flow = flow,
	};
	struct explain_step *step = add_step(explainer, EXPLAIN_CONNECT, connection_text(explainer, &connection));

	step->direction = asked->direction;
	step->verdict = verdict;
	step->note = note;
	if (verdict.by.kind == DECIDER_REFUSED) {
		step->note = refusal(explainer, &connection);
		return;
	}
	if (verdict.action == POLICY_ALLOW &&
	    eval_is_dns_only(asked->direction, asked->proto, asked->has_port, asked->port))
		step->note = note ? arena_printf(explainer->arena, "%s; " EVAL_DNS_ONLY, note) : EVAL_DNS_ONLY;
	if (verdict.by.kind == DECIDER_HIDDEN)
		step->note =
			explain_hidden_note(explainer->arena, &explainer->context->policy->rules.items[verdict.by.rule],
					    verdict.by.rule + 1, &connection.connection);
	explain_rules(explainer, step, &connection);
	if (verdict.by.kind == DECIDER_FLOOR && explainer->context->policy->floors.items[verdict.by.floor]->is_tenancy)
		step->note = arena_printf(
			explainer->arena,
			"denied by the multi-tenant floor: the default policy must allow it too, and it denies class %s",
			addr_class_name(addr_classify(connection.connection.addr, &explainer->context->gateway)));
	else
		note_floor(explainer, step);
}

/* ---- whole flows ---- */

/* The flow with the binding that its lookup made */
static struct flow *with_binding(struct arena *arena, const struct flow *flow, struct addr addr)
{
	struct flow *copy = arena_alloc(arena, sizeof *copy);
	struct flow_binding *binding;

	*copy = *flow;
	copy->resolve.items = NULL;
	copy->resolve.count = copy->resolve.cap = 0;
	binding = arena_push(arena, &copy->resolve);
	binding->name = flow->name;
	*arena_push(arena, &binding->addrs) = addr;
	for (size_t i = 0; i < flow->resolve.count; i++)
		*arena_push(arena, &copy->resolve) = flow->resolve.items[i];
	return copy;
}

static const char *address_note(struct explainer *explainer)
{
	const struct flow *flow = explainer->to->flow;

	if (name_equal(flow->name, NAME_HOST_ALIAS))
		return "(the sandbox's gateway, which stands for the host; --gateway sets another)";
	if (!explainer->to->result.made_up)
		return NULL;
	return arena_printf(explainer->arena, "(an address that no rule names; --resolve %s=ADDR asks about another)",
			    flow->name);
}

static void explain_to_name(struct explainer *explainer)
{
	const struct flow *flow = explainer->to->flow;
	const struct eval_result *result = &explainer->to->result;
	struct explain_step *step;
	size_t rule;

	explain_lookup(explainer, flow->name, FLOW_DNS_UDP);
	if (result->has_lookup && result->lookup.action == POLICY_DENY)
		return;
	/* An ingress connection does not depend on its lookup: only the binding does */
	if (result->answer_blocked && !result->has_syn) {
		explain_answer(explainer, flow->name, result->addr);
		return;
	}
	if (result->no_address) {
		step = add_step(explainer, EXPLAIN_ANSWER, "no address");
		step->verdict = result->verdict;
		step->note = "none was given, or only of a family that has no gateway here";
		return;
	}
	if (!name_equal(flow->name, NAME_HOST_ALIAS) &&
	    (eval_answer(explainer->context, result->addr) == EVAL_ANSWER_EXCEPTED ||
	     eval_within_exception(explainer->context, flow->name, result->addr, &rule)))
		explain_answer(explainer, flow->name, result->addr);
	explain_connection(explainer, result->bound ? with_binding(explainer->arena, flow, result->addr) : flow,
			   result->verdict, address_note(explainer));
}

struct explanation *explain_flow(struct arena *arena, const struct eval_context *context, const struct flow *flow)
{
	struct explanation *explanation = arena_alloc(arena, sizeof *explanation);
	struct explainer explainer = { arena, context, explanation, context->policy, 0 };

	explanation->policy = context->policy;
	explanation->flow = flow;
	explanation->result = eval_flow(context, flow);
	if (flow->kind == FLOW_DNS)
		explain_lookup(&explainer, flow->name, flow->transport);
	else if (flow->kind == FLOW_ANSWER)
		explain_answer(&explainer, NULL, flow->addr);
	else if (flow->to_name)
		explain_to_name(&explainer);
	else
		explain_connection(&explainer, flow, explanation->result.verdict, NULL);
	explanation->after = explain_names_after(arena, context, flow, &explanation->result);
	return explanation;
}
