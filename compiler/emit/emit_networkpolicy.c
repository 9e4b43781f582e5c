/* `--emit networkpolicy`: Kubernetes' NetworkPolicy, in JSON, which kubectl and import_k8s.c read. Its rules only allow,
 * on addresses: what else a policy says is refused. A direction whose default allows is left out of `policyTypes`. */
#include "emit/emit.h"
#include "emit/emit_object.h"

/* Why the rule has no words there; NULL: it has */
static const char *why_not(const struct policy_rule *rule)
{
	for (size_t i = 0; i < rule->targets.count; i++) {
		const struct policy_target *target = &rule->targets.items[i];
		if (target->kind != TARGET_ANY && target->kind != TARGET_CIDR && !emit_is_dns(rule, target))
			return "its peers are networks: it knows no names, and of groups only `dns`";
	}
	if (rule->action == POLICY_DENY)
		return "its rules only allow";
	if (rule->protos & ~(unsigned)(PROTO_TCP | PROTO_UDP))
		return "it knows no ICMP by itself";
	if (rule->until_span.source != SPAN_NO_SOURCE || rule->log || rule->bytes || rule->no_ech || rule->within.count)
		return "it has no word for `until`, `log`, `bytes`, `no-ech` and `in`";
	return NULL;
}

static json_t *peer_json(struct arena *arena, const struct policy_target *target)
{
	if (target->kind == TARGET_GROUP)
		return json_pack("{s:{s:{s:s}}, s:{s:{s:s}}}", "namespaceSelector", "matchLabels",
				 "kubernetes.io/metadata.name", "kube-system", "podSelector", "matchLabels", "k8s-app",
				 "kube-dns");
	return json_pack("{s:{s:s}}", "ipBlock", "cidr", emit_network(arena, target));
}

static void add_ports(json_t *list, const char *protocol, const struct policy_port_list *ports)
{
	if (!ports->count)
		json_array_append_new(list, json_pack("{s:s}", "protocol", protocol));
	for (size_t i = 0; i < ports->count; i++) {
		json_t *entry = json_pack("{s:s, s:i}", "protocol", protocol, "port", (int)ports->items[i].lo);
		if (ports->items[i].hi > ports->items[i].lo)
			json_object_set_new(entry, "endPort", json_integer(ports->items[i].hi));
		json_array_append_new(list, entry);
	}
}

static json_t *rule_json(struct arena *arena, const struct policy_rule *rule, const char *key)
{
	json_t *out = json_object(), *peers = json_array(), *ports = json_array();
	unsigned protos = rule->protos || !rule->ports.count ? rule->protos : PROTO_TCP | PROTO_UDP;

	if (protos & PROTO_TCP)
		add_ports(ports, "TCP", &rule->ports);
	if (protos & PROTO_UDP)
		add_ports(ports, "UDP", &rule->ports);
	for (size_t i = 0; rule->targets.items[0].kind != TARGET_ANY && i < rule->targets.count; i++)
		json_array_append_new(peers, peer_json(arena, &rule->targets.items[i]));
	if (json_array_size(peers))
		json_object_set(out, key, peers);
	if (json_array_size(ports))
		json_object_set(out, "ports", ports);
	json_decref(peers);
	json_decref(ports);
	return out;
}

static void add_direction(struct arena *arena, const struct policy *policy, enum policy_direction direction,
			  json_t *spec)
{
	bool egress = direction == POLICY_EGRESS;
	json_t *rules = json_array();

	if ((egress ? &policy->egress : &policy->ingress)->action == POLICY_DENY) {
		json_array_append_new(json_object_get(spec, "policyTypes"), json_string(egress ? "Egress" : "Ingress"));
		for (size_t i = 0; i < policy->rules.count; i++)
			if (policy->rules.items[i].directions & direction)
				json_array_append_new(
					rules, rule_json(arena, &policy->rules.items[i], egress ? "to" : "from"));
		json_object_set(spec, egress ? "egress" : "ingress", rules);
	}
	json_decref(rules);
}

const char *emit_networkpolicy(struct arena *arena, const struct policy *policy, struct diags *diags)
{
	bool can = emit_can_say(policy, "NetworkPolicy", why_not, diags);

	if (policy->egress.action == POLICY_ALLOW && policy->ingress.action == POLICY_ALLOW) {
		diag_error(diags, "cannot-say", policy->egress.span,
			   "a NetworkPolicy denies one direction at least, and this policy none");
		can = false;
	}
	if (!can)
		return NULL;
	json_t *spec = json_pack("{s:{}, s:[]}", "podSelector", "policyTypes");
	add_direction(arena, policy, POLICY_EGRESS, spec);
	add_direction(arena, policy, POLICY_INGRESS, spec);
	return emit_object(arena, "networking.k8s.io/v1", "NetworkPolicy", spec);
}
