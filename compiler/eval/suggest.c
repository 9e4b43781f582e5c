/* Makes the narrowest rule that fits and puts it in front of the policy's: it is offered where the evaluator then
 * lets the flow pass by it. */
#include "eval/suggest.h"
#include "base/name.h"
#include "policy/policy_facts.h"

#include <string.h>

/* ---- what nothing is offered for ---- */

/* Names by which clouds have their metadata service looked up */
static const char *const metadata_names[] = { "metadata.google.internal", "metadata.goog", "metadata.azure.internal",
					      "instance-data", "instance-data.ec2.internal" };

bool suggest_offers_name(struct arena *arena, const char *name)
{
	const char *why, *canonical = name_from_rule(arena, name, &why);

	/* one that a rule could not say, or would say of another */
	if (!canonical || strcmp(canonical, name) != 0 || name_looks_like_address(name) || name[0] == '*' || !name[0])
		return false;
	for (size_t i = 0; i < sizeof metadata_names / sizeof *metadata_names; i++)
		if (name_equal(name, metadata_names[i]))
			return false;
	return !name_equal(name, NAME_HOST_ALIAS);
}

static bool is_offered_class(enum addr_class class)
{
	return class == ADDR_CLASS_PUBLIC || class == ADDR_CLASS_PRIVATE;
}

/* ---- the rule ---- */

static struct policy_rule *make_rule(struct arena *arena, enum policy_direction direction, struct policy_target target,
				     enum policy_proto proto, bool has_port, uint16_t port)
{
	struct policy_rule *rule = arena_alloc(arena, sizeof *rule);

	*rule = (struct policy_rule){ .action = POLICY_ALLOW,
				      .directions = direction,
				      .protos = proto,
				      .until_span = SPAN_NONE,
				      .origin = ORIGIN_ARG,
				      .span = SPAN_NONE };
	*arena_push(arena, &rule->targets) = target;
	if (has_port)
		*arena_push(arena, &rule->ports) = (struct policy_port_range){ port, port, SPAN_NONE };
	rule->text = policy_rule_format(arena, rule);
	return rule;
}

/* The policy's rules would come behind it: what it decides, they do not see. */
static struct eval_context with_rule(struct arena *arena, const struct eval_context *context,
				     const struct policy_rule *rule)
{
	struct policy *policy = arena_alloc(arena, sizeof *policy);
	struct eval_context changed = *context;

	*policy = *context->policy;
	policy->rules.items = NULL;
	policy->rules.count = policy->rules.cap = 0;
	*arena_push(arena, &policy->rules) = *rule;
	changed.policy = policy;
	return changed;
}

static bool passes_by_it(struct eval_verdict verdict)
{
	return verdict.action == POLICY_ALLOW && verdict.by.kind == DECIDER_RULE && verdict.by.rule == 0;
}

static struct policy_target name_target(const char *name)
{
	return (struct policy_target){ .kind = TARGET_DOMAIN, .name = name, .span = SPAN_NONE };
}

static struct policy_target addr_target(struct addr addr)
{
	return (struct policy_target){ .kind = TARGET_CIDR,
				       .prefix = { addr, addr.family == ADDR_V4 ? 32 : 128 },
				       .span = SPAN_NONE };
}

/* ---- words ---- */

static const char *service_text(struct arena *arena, const struct eval_connection *connection)
{
	static const char *const words[] = {
		[PROTO_TCP] = "TCP", [PROTO_UDP] = "UDP", [PROTO_ICMPV4] = "ICMP", [PROTO_ICMPV6] = "ICMPv6"
	};
	const char *proto = words[connection->proto];

	return connection->has_port ? arena_printf(arena, "%s port %u", proto, connection->port) : proto;
}

static const char *connection_text(struct arena *arena, const struct eval_connection *connection, const char *name)
{
	const char *service = service_text(arena, connection);
	char text[ADDR_TEXT_MAX];

	addr_format(addr_unmap(connection->addr), text);
	if (connection->direction == POLICY_INGRESS)
		return arena_printf(arena, "%s of the guest, from %s", service, text);
	if (name)
		return arena_printf(arena, "lookups of %s, and %s of whatever address its owner gives it", name,
				    service);
	return arena_printf(arena, "%s of %s", service, text);
}

/* ---- the two kinds of flows ---- */

static bool try_connection(struct arena *arena, const struct eval_context *context,
			   const struct eval_connection *connection, const char *name, struct suggestion *out)
{
	struct addr addr = addr_unmap(connection->addr);
	struct policy_target target = name ? name_target(name) : addr_target(addr);
	const struct policy_rule *rule = make_rule(arena, connection->direction, target, connection->proto,
						   connection->has_port, connection->port);
	struct eval_context changed = with_rule(arena, context, rule);

	if (!passes_by_it(eval_connection(&changed, connection)))
		return false;
	*out = (struct suggestion){
		.rank = connection->direction == POLICY_INGRESS ? SUGGEST_INGRESS :
			name                                    ? SUGGEST_NAME :
			connection->has_port                    ? SUGGEST_ADDRESS :
								  SUGGEST_NO_PORT,
		.rule = rule->text,
		.opens = connection_text(arena, connection, name),
		.name = name,
	};
	return true;
}

/* The server name as a rule would have it; NULL where none can */
static const char *name_of_server(struct arena *arena, const char *sni)
{
	size_t len = strlen(sni);
	char *name = arena_strndup(arena, sni, len && sni[len - 1] == '.' ? len - 1 : len);

	for (char *at = name; *at; at++)
		if (*at >= 'A' && *at <= 'Z')
			*at = (char)(*at - 'A' + 'a');
	return suggest_offers_name(arena, name) ? name : NULL;
}

struct one_binding {
	struct addr addr;
	const char *name;
};

static bool only_name(const void *self, struct addr addr, bool (*each)(const char *, void *), void *context)
{
	const struct one_binding *one = self;

	return addr_equal(one->addr, addr) && each(one->name, context);
}

/* The name was not looked up yet where no rule allowed that */
static bool try_server_name(struct arena *arena, const struct eval_context *context,
			    const struct eval_connection *connection, struct suggestion *out)
{
	struct one_binding one = { addr_unmap(connection->addr), name_of_server(arena, connection->sni) };
	struct eval_context bound = *context;

	bound.bindings = (struct eval_bindings){ only_name, &one };
	return one.name && try_connection(arena, &bound, connection, one.name, out);
}

bool suggest_connection(struct arena *arena, const struct eval_context *context,
			const struct eval_connection *connection, struct eval_verdict verdict, const char *name,
			struct suggestion *out)
{
	enum addr_class class = addr_classify(connection->addr, &context->gateway);

	if (verdict.action != POLICY_DENY || verdict.by.kind != DECIDER_DEFAULT || !is_offered_class(class) ||
	    connection->proto == PROTO_OTHER || (connection->direction == POLICY_INGRESS && !connection->has_port))
		return false;
	if (connection->sni)
		return try_server_name(arena, context, connection, out);
	if (connection->direction == POLICY_EGRESS && name && suggest_offers_name(arena, name) &&
	    try_connection(arena, context, connection, arena_strdup(arena, name), out))
		return true;
	/* an address that a name leads to belongs to the name: by itself it may be another's tomorrow */
	return !name && try_connection(arena, context, connection, NULL, out);
}

bool suggest_query(struct arena *arena, const struct eval_context *context, const char *name,
		   enum flow_transport transport, struct eval_verdict verdict, struct suggestion *out)
{
	if (verdict.action != POLICY_DENY || verdict.by.kind != DECIDER_DEFAULT || !suggest_offers_name(arena, name))
		return false;
	name = arena_strdup(arena, name);
	/* The port that lookups have opens none of the name's own services */
	const struct policy_rule *rule = make_rule(arena, POLICY_EGRESS, name_target(name),
						   flow_transport_proto(transport), true, FLOW_DNS_PORT);
	struct eval_context changed = with_rule(arena, context, rule);
	if (transport == FLOW_DNS_DOT || !passes_by_it(eval_dns(&changed, name, transport)))
		return false;
	*out = (struct suggestion){
		.rank = SUGGEST_LOOKUP,
		.rule = rule->text,
		.opens = arena_printf(arena, "lookups of %s", name),
		.name = name,
	};
	return true;
}
