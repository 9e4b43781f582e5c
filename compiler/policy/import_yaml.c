/* microsandbox's YAML network configuration: `policy`, `allow`, `deny`, `ports`, `dns`, `max_connections` and its kin,
 * by themselves or under `network:` of a whole sandbox configuration, whose other fields do not concern
 * the network. Entries of `deny` come first, then those of `allow`, then what the policy brings; an allow
 * list that is not empty is the whole policy: everything else is denied. */
#include "syntax/parse.h"
#include "policy/resolve_state.h"
#include "base/units.h"
#include "policy/yaml_tree.h"

#include <string.h>

static const char *const network_keys[] = { "policy",
					    "allow",
					    "deny",
					    "ports",
					    "dns",
					    "tls",
					    "strict",
					    "trust_host_cas",
					    "max_connections",
					    "max_tcp_connections",
					    "max_udp_connections",
					    "tcp_accept_queue_size",
					    "interface",
					    "nat64_prefixes",
					    NULL };
static const struct {
	const char *key;
	enum options_bound bound;
} bound_keys[] = {
	{ "max_connections", BOUND_CONNECTIONS },
	{ "max_tcp_connections", BOUND_TCP },
	{ "max_udp_connections", BOUND_UDP },
};
/* Of a whole configuration; only network, ports and secrets concern us */
static const char *const sandbox_keys[] = { "network",  "ports",      "secrets",     "image",        "pull_policy",
					    "registry", "cpus",       "memory",      "max_duration", "idle_timeout",
					    "rlimits",  "workdir",    "shell",       "user",         "hostname",
					    "security", "entrypoint", "cmd",         "env",          "labels",
					    "init",     "mounts",     "patch_files", "patches",      "scripts",
					    NULL };
static const char *const dns_keys[] = { "rebind_protection", "nameservers", "query_timeout", "binding_minimum", NULL };

static bool check_keys(struct resolver *r, const struct yaml_node *map, const char *what, const char *const *known)
{
	if (map->kind != YAML_MAP) {
		diag_error(r->diags, "bad-value", map->span, "%s is no map", what);
		return false;
	}
	for (size_t i = 0; i < map->items.count; i += 2) {
		const struct yaml_node *key = map->items.items[i];
		size_t k = 0;
		while (known[k] && strcmp(known[k], key->text) != 0)
			k++;
		if (!known[k])
			diag_error(r->diags, "unknown-key", key->span, "no such key: `%s`", key->text)->label =
				rule_did_you_mean(r->arena, diag_nearest(key->text, known));
	}
	return true;
}

/* Each text of a list goes to `take` */
static void for_each_text(struct resolver *r, const struct yaml_node *list, const char *what,
			  void (*take)(struct resolver *, const struct yaml_node *))
{
	if (!list)
		return;
	if (list->kind != YAML_LIST) {
		diag_error(r->diags, "bad-value", list->span, "`%s` is no list", what);
		return;
	}
	for (size_t i = 0; i < list->items.count; i++)
		if (list->items.items[i]->kind == YAML_TEXT)
			take(r, list->items.items[i]);
		else
			diag_error(r->diags, "bad-value", list->items.items[i]->span, "`%s` is a list of texts", what);
}

/* false where absent, or neither true nor false: yes, no, on and off are refused, as they are there */
static bool read_flag(struct resolver *r, const struct yaml_node *node, const char *what, bool *out)
{
	if (!node)
		return false;
	if (node->kind == YAML_TEXT && node->plain && (!strcmp(node->text, "true") || !strcmp(node->text, "false"))) {
		*out = node->text[0] == 't';
		return true;
	}
	diag_error(r->diags, "bad-value", node->span, "`%s` is neither true nor false", what);
	return false;
}

/* ---- rules: each entry is a token behind its action ---- */

static void add_rule(struct resolver *r, const struct yaml_node *entry, const char *action)
{
	const char *token = arena_printf(r->arena, "%s@%s", action, entry->text);
	const char *name = span_format_line(r->arena, r->diags->sources, entry->span); /* its place is the entry's */
	uint32_t source = sources_add(r->diags->sources, SOURCE_ARG, name, token, strlen(token));
	const struct ast_rule *rule = parse_rule_token(r->diags, source);

	if (rule)
		resolver_add_rule(r, rule, ORIGIN_FILE);
}

static void add_deny(struct resolver *r, const struct yaml_node *entry)
{
	add_rule(r, entry, "deny");
}

static void add_allow(struct resolver *r, const struct yaml_node *entry)
{
	add_rule(r, entry, "allow");
}

/* none, public, open as the profiles they are; "" where there is an error, public where it is left out */
static const char *read_preset(struct resolver *r, const struct yaml_node *node)
{
	static const char *const presets[] = { "none", "public", "open", NULL };
	static const char *const profiles[] = { "none", "public", "all" };

	if (!node)
		return "public";
	for (size_t i = 0; node->kind == YAML_TEXT && presets[i]; i++)
		if (!strcmp(node->text, presets[i]))
			return profiles[i];
	diag_error(r->diags, "bad-value", node->span, "no such policy: `%s`", node->text ? node->text : "")->label =
		node->text ? rule_did_you_mean(r->arena, diag_nearest(node->text, presets)) : NULL;
	return "";
}

static void read_rules(struct resolver *r, const struct yaml_node *network)
{
	const struct yaml_node *allow = yaml_get(network, "allow"), *preset = yaml_get(network, "policy");
	const char *profile = read_preset(r, preset);

	for_each_text(r, yaml_get(network, "deny"), "deny", add_deny);
	for_each_text(r, allow, "allow", add_allow);
	if (allow && allow->kind == YAML_LIST && allow->items.count) {
		resolver_set_default(r, POLICY_EGRESS, POLICY_DENY, allow->span);
		if (!strcmp(profile, "none"))
			resolver_set_default(r, POLICY_INGRESS, POLICY_DENY, preset->span);
	} else if (preset && *profile) {
		resolver_add_profile(r, preset->span, profile);
	}
}

/* ---- ports, DNS, the rest ---- */

static void add_port(struct resolver *r, const struct yaml_node *entry)
{
	resolver_add_publish(r, entry->span, entry->text);
}

static void add_nameserver(struct resolver *r, const struct yaml_node *entry)
{
	resolver_add_nameserver(r, entry->span, entry->text);
}

static void add_nat64(struct resolver *r, const struct yaml_node *entry)
{
	resolver_add_nat64(r, entry->span, entry->text);
}

static void read_dns(struct resolver *r, const struct yaml_node *dns)
{
	const struct yaml_node *timeout;
	uint64_t ms;
	bool on;

	if (!dns || !check_keys(r, dns, "`dns`", dns_keys))
		return;
	if (read_flag(r, yaml_get(dns, "rebind_protection"), "rebind_protection", &on))
		resolver_set_rebind(r, yaml_get(dns, "rebind_protection")->span, on);
	for_each_text(r, yaml_get(dns, "nameservers"), "nameservers", add_nameserver);
	const struct yaml_node *minimum = yaml_get(dns, "binding_minimum");
	if (minimum)
		resolver_set_binding_minimum(r, minimum->span, minimum->kind == YAML_TEXT ? minimum->text : "");
	timeout = yaml_get(dns, "query_timeout");
	if (timeout && timeout->kind == YAML_TEXT && units_duration_ms(timeout->text, &ms))
		resolver_set_timeout(r, timeout->span, ms);
	else if (timeout)
		diag_error(r->diags, "bad-duration", timeout->span, "no duration: `%s`",
			   timeout->text ? timeout->text : "")
			->label = "like 500ms, 3s or 1m";
}

/* What later work brings: silence about it would leave open what was meant to be closed */
static void refuse_not_yet(struct resolver *r, const struct yaml_node *network)
{
	static const char *const switches[] = { "strict", "trust_host_cas" };
	const struct yaml_node *tls = yaml_get(network, "tls");
	bool on;

	for (size_t i = 0; i < 2; i++)
		if (read_flag(r, yaml_get(network, switches[i]), switches[i], &on) && on)
			diag_error(r->diags, "not-yet", yaml_get(network, switches[i])->span,
				   "`%s` is known and not yet supported", switches[i]);
	if (tls && tls->kind != YAML_MAP)
		diag_error(r->diags, "bad-value", tls->span, "`tls` is no map");
	else if (tls && (!yaml_get(tls, "enabled") || (read_flag(r, yaml_get(tls, "enabled"), "enabled", &on) && on)))
		diag_error(r->diags, "not-yet", tls->span, "TLS interception is known and not yet supported");
}

/* false where absent, or no number, which is reported */
static bool read_count(struct resolver *r, const struct yaml_node *map, const char *key, uint64_t *out)
{
	const struct yaml_node *node = yaml_get(map, key);

	if (!node || (node->kind == YAML_TEXT && units_number(node->text, out)))
		return node != NULL;
	diag_error(r->diags, "bad-number", node->span, "`%s` is no number", key);
	return false;
}

static const char *text_of(struct resolver *r, const struct yaml_node *map, const char *key)
{
	const struct yaml_node *node = yaml_get(map, key);

	if (node && node->kind != YAML_TEXT)
		diag_error(r->diags, "bad-value", node->span, "`%s` is no text", key);
	return node ? node->text : NULL;
}

static void read_interface(struct resolver *r, const struct yaml_node *interface)
{
	static const char *const known[] = { "mac",       "mtu", "ipv4_address", "ipv6_address", "ipv4_pool",
					     "ipv6_pool", NULL };
	uint64_t mtu;

	if (!interface || !check_keys(r, interface, "`interface`", known))
		return;
	if (read_count(r, interface, "mtu", &mtu))
		resolver_set_mtu(r, yaml_get(interface, "mtu")->span, mtu);
	resolver_set_mac(r, interface->span, text_of(r, interface, "mac"));
	resolver_set_guest(r, interface->span, ADDR_V4, text_of(r, interface, "ipv4_address"));
	resolver_set_guest(r, interface->span, ADDR_V6, text_of(r, interface, "ipv6_address"));
	resolver_set_pool(r, interface->span, ADDR_V4, text_of(r, interface, "ipv4_pool"));
	resolver_set_pool(r, interface->span, ADDR_V6, text_of(r, interface, "ipv6_pool"));
}

static void read_network(struct resolver *r, const struct yaml_node *network)
{
	uint64_t number;

	if (network->kind == YAML_TEXT) { /* `network: public` */
		const char *profile = read_preset(r, network);
		if (*profile)
			resolver_add_profile(r, network->span, profile);
		return;
	}
	if (!check_keys(r, network, "`network`", network_keys))
		return;
	read_rules(r, network);
	for_each_text(r, yaml_get(network, "ports"), "ports", add_port);
	read_dns(r, yaml_get(network, "dns"));
	for_each_text(r, yaml_get(network, "nat64_prefixes"), "nat64_prefixes", add_nat64);
	read_interface(r, yaml_get(network, "interface"));
	refuse_not_yet(r, network);
	for (size_t i = 0; i < sizeof bound_keys / sizeof *bound_keys; i++)
		if (read_count(r, network, bound_keys[i].key, &number))
			resolver_set_bound(r, bound_keys[i].bound, yaml_get(network, bound_keys[i].key)->span, number);
	if (read_count(r, network, "tcp_accept_queue_size", &number))
		resolver_set_accept_queue(r, yaml_get(network, "tcp_accept_queue_size")->span, number);
}

bool resolver_import_yaml(struct resolver *r, uint32_t source)
{
	size_t errors = r->diags->errors;
	const struct yaml_node *root = yaml_tree(r->diags, source), *network;

	if (!root)
		return r->diags->errors == errors;
	network = yaml_get(root, "network");
	if (!network) {
		read_network(r, root);
	} else if (check_keys(r, root, "the document", sandbox_keys)) {
		read_network(r, network);
		for_each_text(r, yaml_get(root, "ports"), "ports", add_port);
		if (yaml_get(root, "secrets"))
			diag_error(r->diags, "not-yet", yaml_get(root, "secrets")->span,
				   "secrets are known and not yet supported");
	}
	return r->diags->errors == errors;
}
