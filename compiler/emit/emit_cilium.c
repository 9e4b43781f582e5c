/* `--emit cilium`: CiliumNetworkPolicy, in JSON, which kubectl and import_cilium.c read. Denies win there, so those that
 * decide behind an allow are found by who compares what is read back. A name goes with its lookups. */
#include "emit/emit.h"
#include "emit/emit_object.h"
#include "policy/policy_facts.h"

#include <string.h>

enum { PORTS_MOST = 40 }; /* of an entry of toPorts */

static bool is_dns(const struct policy_rule *rule)
{
	return rule->action == POLICY_ALLOW && rule->targets.count == 1 && emit_is_dns(rule, &rule->targets.items[0]);
}

/* Networks are not the host's there, so this goes without saying, if it does */
static bool is_host_denied(const struct policy_rule *rule)
{
	return rule->targets.count == 1 && rule->targets.items[0].kind == TARGET_GROUP &&
	       rule->targets.items[0].group == ADDR_CLASS_HOST && rule->directions == POLICY_EGRESS &&
	       rule->action == POLICY_DENY && !rule->ports.count && !rule->protos;
}

/* The sandbox's DNS is its gateway's port 53, and the host's there is none of the cluster's */
static bool is_host_with_dns(const struct policy_rule *rule, const struct policy_target *target)
{
	bool takes = !rule->ports.count;

	for (size_t i = 0; i < rule->ports.count; i++)
		takes |= rule->ports.items[i].lo <= 53 && 53 <= rule->ports.items[i].hi;
	return target->kind == TARGET_GROUP && (rule->directions & POLICY_EGRESS) && takes && !is_dns(rule) &&
	       !is_host_denied(rule);
}

/* Why the rule has no words there; NULL: it has */
static const char *why_not(const struct policy_rule *rule)
{
	for (size_t i = 0; i < rule->targets.count; i++) {
		const struct policy_target *target = &rule->targets.items[i];
		if (target->kind == TARGET_GROUP && target->group != ADDR_CLASS_HOST)
			return "it has networks and no groups but `host`";
		if (is_host_with_dns(rule, target))
			return "port 53 of `host` is the sandbox's DNS, which is not its host's";
		if (policy_target_is_name(target) && rule->action == POLICY_DENY)
			return "its denies know no names";
		if (policy_target_is_name(target) && rule->directions != POLICY_EGRESS)
			return "only its egress rules know names";
	}
	if (rule->protos & ~(unsigned)(PROTO_TCP | PROTO_UDP))
		return "its rules on ICMP are on types";
	if (rule->until_span.source != SPAN_NO_SOURCE || rule->log || rule->bytes || rule->no_ech || rule->within.count)
		return "it has no word for `until`, `log`, `bytes`, `no-ech` and `in`";
	return NULL;
}

/* ---- parts of a rule ---- */

static void add_name(struct arena *arena, json_t *list, const struct policy_target *target)
{
	json_array_append_new(list, json_pack("{s:s}", "matchName", target->name));
	if (target->kind == TARGET_SUFFIX)
		json_array_append_new(list,
				      json_pack("{s:s}", "matchPattern", arena_printf(arena, "**.%s", target->name)));
}

static void add_port(json_t *entries, json_t *port)
{
	json_t *last = json_array_get(entries, json_array_size(entries) - 1);

	if (!last || json_array_size(json_object_get(last, "ports")) == PORTS_MOST) {
		last = json_pack("{s:[]}", "ports");
		json_array_append_new(entries, last);
	}
	json_array_append_new(json_object_get(last, "ports"), port);
}

/* `toPorts`; an empty list: any port of any protocol */
static json_t *ports_json(struct arena *arena, const struct policy_rule *rule)
{
	json_t *entries = json_array();
	bool both = rule->protos == (PROTO_TCP | PROTO_UDP);

	if (!rule->ports.count && (rule->protos & PROTO_TCP))
		add_port(entries, json_pack("{s:s, s:s}", "port", "0", "protocol", "TCP"));
	if (!rule->ports.count && (rule->protos & PROTO_UDP))
		add_port(entries, json_pack("{s:s, s:s}", "port", "0", "protocol", "UDP"));
	for (size_t i = 0; i < rule->ports.count; i++) {
		const struct policy_port_range *range = &rule->ports.items[i];
		json_t *port = json_pack("{s:s, s:s}", "port", arena_printf(arena, "%u", range->lo), "protocol",
					 !rule->protos || both     ? "ANY" :
					 rule->protos == PROTO_TCP ? "TCP" :
								     "UDP");
		if (range->hi > range->lo)
			json_object_set_new(port, "endPort", json_integer(range->hi));
		add_port(entries, port);
	}
	return entries;
}

/* ---- rules ---- */

/* Cilium has one kind of peer in a rule */
enum peer { PEER_ANY, PEER_HOST, PEER_CIDR, PEER_NAME, PEER_DNS, PEERS };

static enum peer peer_of(const struct policy_rule *rule, const struct policy_target *target)
{
	if (target->kind == TARGET_ANY)
		return PEER_ANY;
	if (target->kind == TARGET_GROUP)
		return is_dns(rule) ? PEER_DNS : PEER_HOST;
	return target->kind == TARGET_CIDR ? PEER_CIDR : PEER_NAME;
}

static void add_peer(struct arena *arena, json_t *list, enum peer peer, const struct policy_target *target)
{
	if (peer == PEER_NAME)
		add_name(arena, list, target);
	else if (peer == PEER_DNS)
		json_array_append_new(list,
				      json_pack("{s:{s:s, s:s}}", "matchLabels", "k8s:io.kubernetes.pod.namespace",
						"kube-system", "k8s:k8s-app", "kube-dns"));
	else
		json_array_append_new(list, json_string(peer == PEER_ANY  ? "all" :
							peer == PEER_HOST ? "host" :
									    emit_network(arena, target)));
}

static void add_rule(struct arena *arena, const struct policy_rule *rule, bool egress, json_t *rules)
{
	static const char *const keys[2][PEERS] = {
		{ "fromEntities", "fromEntities", "fromCIDR", NULL, NULL },
		{ "toEntities", "toEntities", "toCIDR", "toFQDNs", "toEndpoints" },
	};

	for (enum peer peer = 0; peer < PEERS; peer++) {
		json_t *peers = json_array(), *ports = ports_json(arena, rule);
		for (size_t i = 0; i < rule->targets.count; i++)
			if (peer_of(rule, &rule->targets.items[i]) == peer)
				add_peer(arena, peers, peer, &rule->targets.items[i]);
		if (json_array_size(peers)) {
			json_t *made = json_pack("{s:O}", keys[egress][peer], peers);
			if (json_array_size(ports))
				json_object_set(made, "toPorts", ports);
			json_array_append_new(rules, made);
		}
		json_decref(peers);
		json_decref(ports);
	}
}

/* Whether rules allow lookups of any name, over UDP and TCP */
static bool looks_up_all(const struct policy *policy)
{
	unsigned protos = 0, both = PROTO_TCP | PROTO_UDP;

	for (size_t i = 0; i < policy->rules.count; i++)
		if (is_dns(&policy->rules.items[i]))
			protos |= policy->rules.items[i].protos ? policy->rules.items[i].protos : both;
	return (protos & both) == both;
}

/* The lookups of the policy's names, which teach Cilium their addresses; NULL: it has none */
static json_t *lookups_json(struct arena *arena, const struct policy *policy)
{
	json_t *names = json_array();

	for (size_t i = 0; i < policy->rules.count; i++)
		for (size_t j = 0; j < policy->rules.items[i].targets.count; j++)
			if (policy_target_is_name(&policy->rules.items[i].targets.items[j]))
				add_name(arena, names, &policy->rules.items[i].targets.items[j]);
	if (!json_array_size(names)) {
		json_decref(names);
		return NULL;
	}
	if (looks_up_all(policy)) {
		json_array_clear(names);
		json_array_append_new(names, json_pack("{s:s}", "matchPattern", "*"));
	}
	return json_pack("{s:[{s:{s:s, s:s}}], s:[{s:[{s:s, s:s}], s:{s:o}}]}", "toEndpoints", "matchLabels",
			 "k8s:io.kubernetes.pod.namespace", "kube-system", "k8s:k8s-app", "kube-dns", "toPorts",
			 "ports", "port", "53", "protocol", "ANY", "rules", "dns", names);
}

static void add_direction(struct arena *arena, const struct policy *policy, enum policy_direction direction,
			  json_t *spec)
{
	bool egress = direction == POLICY_EGRESS;
	json_t *allows = json_array(), *denies = json_array();
	json_t *lookups = egress ? lookups_json(arena, policy) : NULL;

	for (size_t i = 0; i < policy->rules.count; i++)
		if ((policy->rules.items[i].directions & direction) && !is_host_denied(&policy->rules.items[i]))
			add_rule(arena, &policy->rules.items[i], egress,
				 policy->rules.items[i].action == POLICY_DENY ? denies : allows);
	if (lookups)
		json_array_append_new(allows, lookups);
	bool isolated = (egress ? &policy->egress : &policy->ingress)->action == POLICY_DENY;
	json_object_set_new(json_object_get(spec, "enableDefaultDeny"), egress ? "egress" : "ingress",
			    json_boolean(isolated));
	if (json_array_size(allows))
		json_object_set(spec, egress ? "egress" : "ingress", allows);
	else /* an object has some rule, and an empty one allows nothing */
		json_object_set_new(spec, egress ? "egress" : "ingress", json_pack("[{}]"));
	if (json_array_size(denies))
		json_object_set(spec, egress ? "egressDeny" : "ingressDeny", denies);
	json_decref(allows);
	json_decref(denies);
}

const char *emit_cilium(struct arena *arena, const struct policy *policy, struct diags *diags)
{
	if (!emit_can_say(policy, "CiliumNetworkPolicy", why_not, diags))
		return NULL;
	json_t *spec = json_pack("{s:{}, s:{}}", "endpointSelector", "enableDefaultDeny");
	add_direction(arena, policy, POLICY_EGRESS, spec);
	add_direction(arena, policy, POLICY_INGRESS, spec);
	return emit_object(arena, "cilium.io/v2", "CiliumNetworkPolicy", spec);
}
