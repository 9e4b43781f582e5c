/* Kubernetes' NetworkPolicy. Its rules only allow, and those of several objects add up, so each becomes allows in front
 * of a default that denies. `except` is left out of the networks of its rule: a deny would hold for the other rules as
 * well. What depends on a cluster, such as who has which labels, is an error, DNS of the cluster aside. */
#include "policy/import_k8s.h"
#include "policy/import_keys.h"
#include "base/units.h"

#include <string.h>

enum { PREFIXES_MOST = 4096, RANGE_PREFIXES = 254 };

struct import {
	struct resolver *r;
	const struct yaml_node *metadata, *pods; /* of the first object */
	struct span isolated[2];                 /* where egress, ingress are; SPAN_NONE: nowhere */
	size_t prefixes;
};

/* Who the other side may be */
struct peers {
	bool any;
	struct policy_targets targets;
};

/* The protocols of a rule's ports, each with its own: `all` or some */
struct ports {
	bool given;
	struct {
		bool all;
		struct policy_port_list some;
	} of[2]; /* TCP, UDP */
};

static struct diag *report(struct import *k8s, const char *id, const struct yaml_node *at, const char *what)
{
	return diag_error(k8s->r->diags, id, at->span, "%s", what);
}

static bool is_text(const struct yaml_node *node, const char *text)
{
	return node && node->kind == YAML_TEXT && !strcmp(node->text, text);
}

static bool is_null(const struct yaml_node *node)
{
	return !node || (node->kind == YAML_TEXT && node->plain &&
			 (!*node->text || !strcmp(node->text, "null") || !strcmp(node->text, "~")));
}

static bool read_map(struct import *k8s, const struct yaml_node *map, enum import_shape shape)
{
	size_t errors = k8s->r->diags->errors;

	if (map->kind != YAML_MAP) {
		diag_error(k8s->r->diags, "bad-value", map->span, "%s is no map", import_keys_name(shape));
		return false;
	}
	for (size_t i = 0; i < map->items.count; i += 2)
		import_keys_check(k8s->r->diags, shape, shape, map->items.items[i]->text, map->items.items[i]->span);
	return k8s->r->diags->errors == errors;
}

/* A member that is a list; NULL where it is absent or null, or none, which is reported */
static const struct yaml_node *read_list(struct import *k8s, const struct yaml_node *map, const char *key)
{
	const struct yaml_node *list = yaml_get(map, key);

	if (is_null(list))
		return NULL;
	if (list->kind == YAML_LIST)
		return list;
	diag_error(k8s->r->diags, "bad-value", list->span, "`%s` is no list", key);
	return NULL;
}

/* Whether it is a map, or not there; another value is reported */
static bool is_map(struct import *k8s, const struct yaml_node *node, const char *key)
{
	if (is_null(node) || node->kind == YAML_MAP)
		return true;
	diag_error(k8s->r->diags, "bad-value", node->span, "`%s` is no map", key);
	return false;
}

static bool same_node(const struct yaml_node *a, const struct yaml_node *b)
{
	if (is_null(a) || is_null(b))
		return is_null(a) && is_null(b);
	if (a->kind != b->kind || a->items.count != b->items.count)
		return false;
	if (a->kind == YAML_TEXT)
		return !strcmp(a->text, b->text);
	for (size_t i = 0; i < a->items.count; i++)
		if (!same_node(a->items.items[i], b->items.items[i]))
			return false;
	return true;
}

/* ---- peers ---- */

static bool read_prefix(struct import *k8s, const struct yaml_node *node, struct policy_target *out)
{
	struct rule_scope scope = { .arena = k8s->r->arena, .diags = k8s->r->diags };

	if (!node || node->kind != YAML_TEXT) {
		diag_error(k8s->r->diags, "bad-value", node ? node->span : SPAN_NONE, "a network is a text");
		return false;
	}
	struct ast_word word = { .span = node->span, .text = node->text };
	return rule_parse_cidr(&scope, &word, out);
}

static bool read_except(struct import *k8s, const struct yaml_node *node, struct addr_prefix cidr, struct addr_set *out)
{
	struct policy_target except;

	if (!read_prefix(k8s, node, &except))
		return false;
	if (except.prefix.addr.family != cidr.addr.family || except.prefix.len < cidr.len ||
	    !addr_prefix_contains(cidr, except.prefix.addr)) {
		report(k8s, "bad-value", node, "this exception is not inside its `cidr`");
		return false;
	}
	addr_set_add(k8s->r->arena, out, addr_prefix_range(except.prefix));
	return true;
}

static void add_ranges(struct import *k8s, const struct yaml_node *block, const struct addr_set *set,
		       struct peers *peers)
{
	struct addr_prefix prefixes[RANGE_PREFIXES];

	for (size_t i = 0; i < set->count; i++) {
		size_t count = addr_range_prefixes(set->family, set->items[i], prefixes);
		k8s->prefixes += count;
		if (k8s->prefixes > PREFIXES_MOST) {
			report(k8s, "too-complex", block,
			       "the networks of this file are too many without their exceptions");
			return;
		}
		for (size_t j = 0; j < count; j++)
			*arena_push(k8s->r->arena, &peers->targets) = (struct policy_target){ .kind = TARGET_CIDR,
											      .prefix = prefixes[j],
											      .span = block->span };
	}
}

static void read_block(struct import *k8s, const struct yaml_node *block, struct peers *peers)
{
	struct policy_target cidr;

	if (!read_map(k8s, block, IMPORT_NP_BLOCK))
		return;
	const struct yaml_node *list = read_list(k8s, block, "except"), *text = yaml_get(block, "cidr");
	if (!text) {
		report(k8s, "bad-value", block, "a block of addresses has no `cidr`");
		return;
	}
	if (!read_prefix(k8s, text, &cidr))
		return;
	struct addr_range whole = addr_prefix_range(cidr.prefix);
	struct addr_set set = addr_set_from_ranges(k8s->r->arena, cidr.prefix.addr.family, &whole, 1);
	struct addr_set except = addr_set_empty(cidr.prefix.addr.family);
	for (size_t i = 0; list && i < list->items.count; i++)
		if (!read_except(k8s, list->items.items[i], cidr.prefix, &except))
			return;
	set = addr_set_subtract(k8s->r->arena, &set, &except);
	add_ranges(k8s, block, &set, peers);
}

/* Whether a selector has this one label and says nothing else */
static bool selects(const struct yaml_node *selector, const char *label, const char *value)
{
	const struct yaml_node *labels = selector ? yaml_get(selector, "matchLabels") : NULL;

	return labels && selector->items.count == 2 && labels->kind == YAML_MAP && labels->items.count == 2 &&
	       is_text(labels->items.items[0], label) && is_text(labels->items.items[1], value);
}

/* The cluster's DNS stands for the sandbox's: the gateway's port 53, whatever port the rule says besides */
static bool is_cluster_dns(const struct yaml_node *peer)
{
	return selects(yaml_get(peer, "namespaceSelector"), "kubernetes.io/metadata.name", "kube-system") &&
	       selects(yaml_get(peer, "podSelector"), "k8s-app", "kube-dns");
}

static bool only_port_53(const struct ports *ports)
{
	for (size_t i = 0; i < 2; i++) {
		const struct policy_port_list *some = &ports->of[i].some;
		if (ports->of[i].all)
			return false;
		for (size_t j = 0; j < some->count; j++)
			if (some->items[j].lo != 53 || some->items[j].hi != 53)
				return false;
	}
	return ports->given;
}

static void read_peer(struct import *k8s, const struct yaml_node *peer, const struct ports *ports, bool egress,
		      struct peers *out)
{
	if (!read_map(k8s, peer, IMPORT_NP_PEER))
		return;
	const struct yaml_node *block = yaml_get(peer, "ipBlock");
	if (block && peer->items.count == 2) {
		read_block(k8s, block, out);
	} else if (block) {
		report(k8s, "bad-value", peer, "a peer is an `ipBlock` or has selectors, not both");
	} else if (egress && is_cluster_dns(peer) && only_port_53(ports)) {
		*arena_push(k8s->r->arena, &out->targets) =
			(struct policy_target){ .kind = TARGET_GROUP, .group = ADDR_CLASS_HOST, .span = peer->span };
	} else {
		report(k8s, "not-yet", peer, "who has which labels only a cluster knows")->help =
			"name the addresses by an `ipBlock`; of selectors only the cluster's DNS is known: namespace kube-system, "
			"k8s-app kube-dns, port 53";
	}
}

static bool read_peers(struct import *k8s, const struct yaml_node *rule, const char *key, const struct ports *ports,
		       struct peers *out)
{
	size_t errors = k8s->r->diags->errors;
	const struct yaml_node *list = read_list(k8s, rule, key);

	out->any = !list || !list->items.count;
	for (size_t i = 0; list && i < list->items.count; i++)
		read_peer(k8s, list->items.items[i], ports, !strcmp(key, "to"), out);
	return k8s->r->diags->errors == errors;
}

/* ---- ports ---- */

static bool read_number(struct import *k8s, const struct yaml_node *node, uint16_t *out)
{
	uint64_t number;

	if (node->kind == YAML_TEXT && node->plain && units_number(node->text, &number) && number &&
	    number <= UINT16_MAX) {
		*out = (uint16_t)number;
		return true;
	}
	report(k8s, "bad-ports", node, "a port is a number from 1 to 65535")->help =
		"what a port's name means only a cluster knows";
	return false;
}

/* Its index in struct ports; -1 after an error */
static int read_protocol(struct import *k8s, const struct yaml_node *node)
{
	if (is_null(node) || is_text(node, "TCP"))
		return 0;
	if (is_text(node, "UDP"))
		return 1;
	report(k8s, "bad-proto", node, "no rule can be for this protocol")->help = "TCP or UDP";
	return -1;
}

static void read_port(struct import *k8s, const struct yaml_node *entry, struct ports *out)
{
	struct policy_port_range range = { .span = entry->span };

	if (!read_map(k8s, entry, IMPORT_NP_PORT))
		return;
	const struct yaml_node *port = yaml_get(entry, "port"), *end = yaml_get(entry, "endPort");
	int protocol = read_protocol(k8s, yaml_get(entry, "protocol"));
	if (protocol < 0)
		return;
	if (is_null(port) && !is_null(end)) {
		report(k8s, "bad-ports", end, "`endPort` without a `port`");
	} else if (is_null(port)) {
		out->of[protocol].all = true;
	} else if (read_number(k8s, port, &range.lo)) {
		range.hi = range.lo;
		if (!is_null(end) && !read_number(k8s, end, &range.hi))
			return;
		if (range.hi < range.lo)
			report(k8s, "inverted-range", end, "`endPort` is less than `port`");
		*arena_push(k8s->r->arena, &out->of[protocol].some) = range;
	}
}

static bool read_ports(struct import *k8s, const struct yaml_node *rule, struct ports *out)
{
	size_t errors = k8s->r->diags->errors;
	const struct yaml_node *list = read_list(k8s, rule, "ports");

	out->given = list && list->items.count;
	for (size_t i = 0; list && i < list->items.count; i++)
		read_port(k8s, list->items.items[i], out);
	return k8s->r->diags->errors == errors;
}

/* ---- rules and objects ---- */

static void add_rule(struct import *k8s, const struct yaml_node *node, unsigned direction, const struct peers *peers,
		     unsigned protos, const struct policy_port_list *ports)
{
	struct arena *arena = k8s->r->arena;
	struct policy_rule rule = { .action = POLICY_ALLOW,
				    .directions = direction,
				    .targets = peers->targets,
				    .protos = protos,
				    .until_span = SPAN_NONE,
				    .origin = ORIGIN_FILE,
				    .span = node->span };

	if (peers->any) {
		rule.targets = (struct policy_targets){ 0 };
		*arena_push(arena, &rule.targets) = (struct policy_target){ .kind = TARGET_ANY, .span = node->span };
	}
	if (!rule.targets.count)
		return;
	if (ports)
		rule.ports = *ports;
	rule.text = policy_rule_format(arena, &rule);
	*arena_push(arena, &k8s->r->policy->rules) = rule;
}

static void read_rule(struct import *k8s, const struct yaml_node *node, bool egress)
{
	static const enum policy_proto protos[] = { PROTO_TCP, PROTO_UDP };
	unsigned direction = egress ? POLICY_EGRESS : POLICY_INGRESS;
	struct peers peers = { 0 };
	struct ports ports = { 0 };

	if (!read_map(k8s, node, egress ? IMPORT_NP_EGRESS : IMPORT_NP_INGRESS) || !read_ports(k8s, node, &ports) ||
	    !read_peers(k8s, node, egress ? "to" : "from", &ports, &peers))
		return;
	if (!ports.given)
		add_rule(k8s, node, direction, &peers, 0, NULL);
	for (size_t i = 0; i < 2; i++)
		if (ports.of[i].all)
			add_rule(k8s, node, direction, &peers, protos[i], NULL);
		else if (ports.of[i].some.count)
			add_rule(k8s, node, direction, &peers, protos[i], &ports.of[i].some);
}

/* Which directions the object is about; without `policyTypes` ingress, and egress where it has such rules */
static bool read_types(struct import *k8s, const struct yaml_node *spec, bool has_egress, bool about[static 2])
{
	const struct yaml_node *list = read_list(k8s, spec, "policyTypes");

	if (!list && !is_null(yaml_get(spec, "policyTypes")))
		return false;
	if (!list || !list->items.count) {
		about[0] = has_egress;
		about[1] = true;
		return true;
	}
	for (size_t i = 0; i < list->items.count; i++) {
		const struct yaml_node *type = list->items.items[i];
		about[0] |= is_text(type, "Egress");
		about[1] |= is_text(type, "Ingress");
		if (!is_text(type, "Egress") && !is_text(type, "Ingress")) {
			report(k8s, "bad-value", type, "a type of policy is Ingress or Egress");
			return false;
		}
	}
	return true;
}

static void read_direction(struct import *k8s, const struct yaml_node *list, bool egress, bool about,
			   const struct yaml_node *spec)
{
	if (about && k8s->isolated[!egress].source == SPAN_NO_SOURCE)
		k8s->isolated[!egress] = spec->span;
	if (!about && list && list->items.count) {
		report(k8s, "conflict", list,
		       "these rules have no effect: `policyTypes` does not name their direction");
		return;
	}
	for (size_t i = 0; list && i < list->items.count; i++)
		read_rule(k8s, list->items.items[i], egress);
}

/* Objects that are about other pods would not add up */
static bool check_pods(struct import *k8s, const struct yaml_node *object, const struct yaml_node *spec)
{
	static const struct yaml_node none = { .kind = YAML_MAP };
	const struct yaml_node *metadata = yaml_get(object, "metadata"), *pods = yaml_get(spec, "podSelector");

	if (!is_map(k8s, metadata, "metadata") || !is_map(k8s, yaml_get(object, "status"), "status") ||
	    !is_map(k8s, pods, "podSelector"))
		return false;
	metadata = is_null(metadata) ? &none : metadata;
	pods = is_null(pods) ? &none : pods;
	if (!k8s->pods) {
		k8s->metadata = metadata;
		k8s->pods = pods;
	}
	if (same_node(yaml_get(metadata, "namespace"), yaml_get(k8s->metadata, "namespace")) &&
	    same_node(pods, k8s->pods))
		return true;
	report(k8s, "conflict", spec, "this is about other pods than the file's first policy")->help =
		"a file for each: the policies of a file add up to that of one sandbox";
	return false;
}

static void read_policy(struct import *k8s, const struct yaml_node *object)
{
	const struct yaml_node *spec = yaml_get(object, "spec"), *version = yaml_get(object, "apiVersion");
	bool about[2] = { false, false };

	if (!is_text(version, "networking.k8s.io/v1")) {
		report(k8s, "bad-value", version ? version : object, "no such version of a NetworkPolicy")->help =
			"networking.k8s.io/v1";
		return;
	}
	if (!read_map(k8s, object, IMPORT_K8S_OBJECT))
		return;
	if (!spec) {
		report(k8s, "bad-value", object, "a NetworkPolicy has no `spec`");
		return;
	}
	if (!read_map(k8s, spec, IMPORT_NP_SPEC) || !check_pods(k8s, object, spec))
		return;
	size_t errors = k8s->r->diags->errors;
	const struct yaml_node *egress = read_list(k8s, spec, "egress"), *ingress = read_list(k8s, spec, "ingress");
	if (k8s->r->diags->errors > errors || !read_types(k8s, spec, egress && egress->items.count, about))
		return;
	read_direction(k8s, egress, true, about[0], spec);
	read_direction(k8s, ingress, false, about[1], spec);
}

static void read_object(struct import *k8s, const struct yaml_node *object, bool in_list)
{
	const struct yaml_node *kind = yaml_get(object, "kind");

	if (is_text(kind, "NetworkPolicy")) {
		read_policy(k8s, object);
	} else if (!in_list && (is_text(kind, "List") || is_text(kind, "NetworkPolicyList"))) {
		const struct yaml_node *items;
		if (!read_map(k8s, object, IMPORT_K8S_LIST) || !is_map(k8s, yaml_get(object, "metadata"), "metadata"))
			return;
		const char *of = kind->text[0] == 'L' ? "v1" : "networking.k8s.io/v1";
		if (!is_text(yaml_get(object, "apiVersion"), of)) {
			report(k8s, "bad-value", object, "no such version of a list")->help = of;
			return;
		}
		items = read_list(k8s, object, "items");
		if (!items || !items->items.count)
			report(k8s, "bad-value", object, "a list without `items` is no policy");
		for (size_t i = 0; items && i < items->items.count; i++)
			read_object(k8s, items->items.items[i], true);
	} else {
		report(k8s, "bad-value", kind ? kind : object, "no such kind of object is read")->help =
			"NetworkPolicy, or a List of them";
	}
}

bool import_k8s_is(const struct yaml_node *root)
{
	return yaml_get(root, "apiVersion") != NULL;
}

void import_k8s(struct resolver *r, const struct yaml_documents *documents)
{
	static const enum policy_direction directions[] = { POLICY_EGRESS, POLICY_INGRESS };
	struct import k8s = { .r = r, .isolated = { SPAN_NONE, SPAN_NONE } };

	for (size_t i = 0; i < documents->count; i++)
		if (!is_null(documents->items[i]))
			read_object(&k8s, documents->items[i], false);
	for (size_t i = 0; i < 2; i++) {
		bool isolated = k8s.isolated[i].source != SPAN_NO_SOURCE;
		resolver_set_default(r, directions[i], isolated ? POLICY_DENY : POLICY_ALLOW,
				     isolated ? k8s.isolated[i] : documents->items[0]->span);
	}
}
