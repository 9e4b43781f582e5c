/* Kubernetes' objects, and NetworkPolicy. Its rules only allow, and those of several objects add up, so each becomes allows in front
 * of a default that denies. `except` is left out of the networks of its rule: a deny would hold for the other rules as
 * well. What depends on a cluster, such as who has which labels, is an error, DNS of the cluster aside. */
#include "policy/import_k8s.h"
#include "policy/import_cilium.h"

#include <string.h>

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

/* ---- peers ---- */

static void read_block(struct import *k8s, const struct yaml_node *block, struct policy_targets *out)
{
	if (import_map(k8s, block, IMPORT_NP_BLOCK))
		import_block(k8s, block, import_list(k8s, block, "except"), out);
}

/* Whether a selector has this one label and says nothing else */
static bool selects(const struct yaml_node *selector, const char *label, const char *value)
{
	const struct yaml_node *labels = selector ? yaml_get(selector, "matchLabels") : NULL;

	return labels && selector->items.count == 2 && labels->kind == YAML_MAP && labels->items.count == 2 &&
	       import_is_text(labels->items.items[0], label) && import_is_text(labels->items.items[1], value);
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
	if (!import_map(k8s, peer, IMPORT_NP_PEER))
		return;
	const struct yaml_node *block = yaml_get(peer, "ipBlock");
	if (block && peer->items.count == 2) {
		read_block(k8s, block, &out->targets);
	} else if (block) {
		import_report(k8s, "bad-value", peer, "a peer is an `ipBlock` or has selectors, not both");
	} else if (egress && is_cluster_dns(peer) && only_port_53(ports)) {
		*arena_push(k8s->r->arena, &out->targets) =
			(struct policy_target){ .kind = TARGET_GROUP, .group = ADDR_CLASS_HOST, .span = peer->span };
	} else {
		import_report(k8s, "not-yet", peer, "who has which labels only a cluster knows")->help =
			"name the addresses by an `ipBlock`; of selectors only the cluster's DNS is known: namespace kube-system, "
			"k8s-app kube-dns, port 53";
	}
}

static bool read_peers(struct import *k8s, const struct yaml_node *rule, const char *key, const struct ports *ports,
		       struct peers *out)
{
	size_t errors = k8s->r->diags->errors;
	const struct yaml_node *list = import_list(k8s, rule, key);

	out->any = !list || !list->items.count;
	for (size_t i = 0; list && i < list->items.count; i++)
		read_peer(k8s, list->items.items[i], ports, !strcmp(key, "to"), out);
	return k8s->r->diags->errors == errors;
}

/* ---- ports ---- */

/* Its index in struct ports; -1 after an error */
static int read_protocol(struct import *k8s, const struct yaml_node *node)
{
	if (import_is_null(node) || import_is_text(node, "TCP"))
		return 0;
	if (import_is_text(node, "UDP"))
		return 1;
	import_report(k8s, "bad-proto", node, "no rule can be for this protocol")->help =
		"TCP or UDP; others pass where a rule has no `ports`";
	return -1;
}

static void read_port(struct import *k8s, const struct yaml_node *entry, struct ports *out)
{
	struct policy_port_range range = { .span = entry->span };

	if (!import_map(k8s, entry, IMPORT_NP_PORT))
		return;
	const struct yaml_node *port = yaml_get(entry, "port"), *end = yaml_get(entry, "endPort");
	int protocol = read_protocol(k8s, yaml_get(entry, "protocol"));
	if (protocol < 0)
		return;
	if (import_is_null(port) && !import_is_null(end)) {
		import_report(k8s, "bad-ports", end, "`endPort` without a `port`");
	} else if (import_is_null(port)) {
		out->of[protocol].all = true;
	} else if (import_port_number(k8s, port, &range.lo)) {
		range.hi = range.lo;
		if (!import_is_null(end) && !import_port_number(k8s, end, &range.hi))
			return;
		if (range.hi < range.lo)
			import_report(k8s, "inverted-range", end, "`endPort` is less than `port`");
		*arena_push(k8s->r->arena, &out->of[protocol].some) = range;
	}
}

static bool read_ports(struct import *k8s, const struct yaml_node *rule, struct ports *out)
{
	size_t errors = k8s->r->diags->errors;
	const struct yaml_node *list = import_list(k8s, rule, "ports");

	out->given = list && list->items.count;
	for (size_t i = 0; list && i < list->items.count; i++)
		read_port(k8s, list->items.items[i], out);
	return k8s->r->diags->errors == errors;
}

/* ---- rules and objects ---- */

static void add_rule(struct import *k8s, const struct yaml_node *node, unsigned direction, const struct peers *peers,
		     unsigned protos, const struct policy_port_list *ports)
{
	struct policy_rule rule = { .action = POLICY_ALLOW,
				    .directions = direction,
				    .targets = peers->targets,
				    .protos = protos,
				    .span = node->span };

	if (peers->any) {
		rule.targets = (struct policy_targets){ 0 };
		*arena_push(k8s->r->arena, &rule.targets) =
			(struct policy_target){ .kind = TARGET_ANY, .span = node->span };
	}
	if (ports)
		rule.ports = *ports;
	import_add_rule(k8s, &rule);
}

static void read_rule(struct import *k8s, const struct yaml_node *node, bool egress)
{
	static const enum policy_proto protos[] = { PROTO_TCP, PROTO_UDP };
	unsigned direction = egress ? POLICY_EGRESS : POLICY_INGRESS;
	struct peers peers = { 0 };
	struct ports ports = { 0 };

	if (!import_map(k8s, node, egress ? IMPORT_NP_EGRESS : IMPORT_NP_INGRESS) || !read_ports(k8s, node, &ports) ||
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
	const struct yaml_node *list = import_list(k8s, spec, "policyTypes");

	if (!list && !import_is_null(yaml_get(spec, "policyTypes")))
		return false;
	if (!list || !list->items.count) {
		about[0] = has_egress;
		about[1] = true;
		return true;
	}
	for (size_t i = 0; i < list->items.count; i++) {
		const struct yaml_node *type = list->items.items[i];
		about[0] |= import_is_text(type, "Egress");
		about[1] |= import_is_text(type, "Ingress");
		if (!import_is_text(type, "Egress") && !import_is_text(type, "Ingress")) {
			import_report(k8s, "bad-value", type, "a type of policy is Ingress or Egress");
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
		import_report(k8s, "conflict", list,
			      "these rules have no effect: `policyTypes` does not name their direction");
		return;
	}
	for (size_t i = 0; list && i < list->items.count; i++)
		read_rule(k8s, list->items.items[i], egress);
}

static void read_policy(struct import *k8s, const struct yaml_node *object)
{
	const struct yaml_node *spec = yaml_get(object, "spec"), *version = yaml_get(object, "apiVersion");
	bool about[2] = { false, false };

	if (!import_is_text(version, "networking.k8s.io/v1")) {
		import_report(k8s, "bad-value", version ? version : object, "no such version of a NetworkPolicy")
			->help = "networking.k8s.io/v1";
		return;
	}
	if (!import_map(k8s, object, IMPORT_K8S_OBJECT))
		return;
	if (!spec) {
		import_report(k8s, "bad-value", object, "a NetworkPolicy has no `spec`");
		return;
	}
	if (!import_map(k8s, spec, IMPORT_NP_SPEC) || !import_same_pods(k8s, object, spec, "podSelector"))
		return;
	size_t errors = k8s->r->diags->errors;
	const struct yaml_node *egress = import_list(k8s, spec, "egress"), *ingress = import_list(k8s, spec, "ingress");
	if (k8s->r->diags->errors > errors || !read_types(k8s, spec, egress && egress->items.count, about))
		return;
	read_direction(k8s, egress, true, about[0], spec);
	read_direction(k8s, ingress, false, about[1], spec);
}

/* Objects of one kind add up; those of two would, in an order that neither has */
static bool check_kind(struct import *k8s, const struct yaml_node *kind)
{
	if (!k8s->kind)
		k8s->kind = kind->text;
	if (!strcmp(k8s->kind, kind->text))
		return true;
	import_report(k8s, "conflict", kind, "this is another kind than the file's first object")->help =
		"a file for each kind";
	return false;
}

static const struct kind {
	const char *name, *list, *list_version;
} kinds[] = { { "NetworkPolicy", "NetworkPolicyList", "networking.k8s.io/v1" },
	      { "CiliumNetworkPolicy", "CiliumNetworkPolicyList", "cilium.io/v2" },
	      { "CiliumClusterwideNetworkPolicy", "CiliumClusterwideNetworkPolicyList", "cilium.io/v2" },
	      { "", "List", "v1" } };

static const struct kind *list_kind(const struct yaml_node *kind)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (import_is_text(kind, kinds[i].list))
			return &kinds[i];
	return NULL;
}

static void read_object(struct import_cilium *cilium, const struct yaml_node *object, bool in_list);

static void read_items(struct import_cilium *cilium, const struct yaml_node *object, const struct kind *of)
{
	struct import *k8s = cilium->import;

	if (!import_map(k8s, object, IMPORT_K8S_LIST) || !import_is_map(k8s, yaml_get(object, "metadata"), "metadata"))
		return;
	if (!import_is_text(yaml_get(object, "apiVersion"), of->list_version)) {
		import_report(k8s, "bad-value", object, "no such version of a list")->help = of->list_version;
		return;
	}
	const struct yaml_node *items = import_list(k8s, object, "items");
	if (!items || !items->items.count)
		import_report(k8s, "bad-value", object, "a list without `items` is no policy");
	for (size_t i = 0; items && i < items->items.count; i++)
		read_object(cilium, items->items.items[i], true);
}

static void read_object(struct import_cilium *cilium, const struct yaml_node *object, bool in_list)
{
	const struct yaml_node *kind = yaml_get(object, "kind");
	const struct kind *list = in_list ? NULL : list_kind(kind);

	if (list) {
		read_items(cilium, object, list);
	} else if (import_is_text(kind, "NetworkPolicy")) {
		if (check_kind(cilium->import, kind))
			read_policy(cilium->import, object);
	} else if (import_is_text(kind, "CiliumNetworkPolicy") ||
		   import_is_text(kind, "CiliumClusterwideNetworkPolicy")) {
		if (check_kind(cilium->import, kind))
			import_cilium_object(cilium, object);
	} else {
		import_report(cilium->import, "bad-value", kind ? kind : object, "no such kind of object is read")
			->help =
			"NetworkPolicy, CiliumNetworkPolicy, CiliumClusterwideNetworkPolicy, or a List of them";
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
	struct import_cilium cilium = { .import = &k8s };

	for (size_t i = 0; i < documents->count; i++)
		if (!import_is_null(documents->items[i]))
			read_object(&cilium, documents->items[i], false);
	import_cilium_finish(&cilium);
	for (size_t i = 0; i < 2; i++) {
		bool isolated = k8s.isolated[i].source != SPAN_NO_SOURCE;
		resolver_set_default(r, directions[i], isolated ? POLICY_DENY : POLICY_ALLOW,
				     isolated ? k8s.isolated[i] : documents->items[0]->span);
	}
}
