/* microsandbox's YAML network configuration: `policy`, `allow`, `deny`, `ports`, `dns`, `max_connections` and its kin,
 * by themselves or under `network:` of a whole sandbox configuration, whose other fields do not concern
 * the network. Entries of `deny` come first, then those of `allow`, then what the policy brings; an allow
 * list that is not empty is the whole policy: everything else is denied. */
#include "syntax/parse.h"
#include "policy/import_k8s.h"
#include "policy/import_keys.h"
#include "policy/resolve_state.h"
#include "base/units.h"
#include "policy/yaml_tree.h"

#include <string.h>

static const struct {
	const char *key;
	enum options_bound bound;
} bound_keys[] = {
	{ "max_connections", BOUND_CONNECTIONS },
	{ "max_tcp_connections", BOUND_TCP },
	{ "max_udp_connections", BOUND_UDP },
};
static bool check_keys(struct resolver *r, const struct yaml_node *map, enum import_shape shape, enum import_shape more)
{
	if (map->kind != YAML_MAP) {
		diag_error(r->diags, "bad-value", map->span, "%s is no map", import_keys_name(shape));
		return false;
	}
	for (size_t i = 0; i < map->items.count; i += 2)
		import_keys_check(r->diags, shape, more, map->items.items[i]->text, map->items.items[i]->span);
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

/* An entry whose text stands in the file as it is, from `start` on, which is so unless it has escapes or goes over lines */
static bool is_verbatim(struct resolver *r, const struct yaml_node *entry, uint32_t *start)
{
	const struct source *file = sources_get(r->diags->sources, entry->span.source);
	size_t len = strlen(entry->text);

	*start = entry->span.start + !entry->plain;
	return *start + len <= file->len && !memcmp(file->text + *start, entry->text, len);
}

/* From a place in the token that was made of an entry to the one in the file; what is before the entry is its start */
static struct span in_file(struct span span, const struct yaml_node *entry, uint32_t start, uint32_t before)
{
	struct span moved = { entry->span.source, start, start };

	moved.start += span.start > before ? span.start - before : 0;
	moved.end += span.end > before ? span.end - before : 0;
	return moved;
}

/* Whether the text may take the place of a part of any entry, quoted or not */
static bool is_plain(const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	return *text && !text[strspn(text, plain)];
}

/* The edits that may be made in the file: all, or none, since they belong together */
static void move_edits(struct diag *diag, const struct yaml_node *entry, uint32_t start, uint32_t before)
{
	size_t kept = 0;

	for (size_t i = 0; i < diag->edits.count; i++) {
		struct diag_edit *edit = &diag->edits.items[i];
		if (edit->span.start < before || !is_plain(edit->text))
			continue;
		edit->span = in_file(edit->span, entry, start, before);
		kept++;
	}
	if (kept < diag->edits.count)
		diag->edits.count = 0;
}

/* Findings about the token point into the file, at the whole entry where its text is not there as it is. */
static void move_finding(struct resolver *r, struct diag *diag, uint32_t token, const struct yaml_node *entry,
			 uint32_t before)
{
	uint32_t start;

	if (diag->span.source != token)
		return;
	if (!is_verbatim(r, entry, &start)) {
		diag->span = entry->span;
		diag->edits.count = 0;
		return;
	}
	diag->span = in_file(diag->span, entry, start, before);
	move_edits(diag, entry, start, before);
}

static void add_rule(struct resolver *r, const struct yaml_node *entry, const char *action)
{
	const char *text = arena_printf(r->arena, "%s@%s", action, entry->text);
	const char *name = span_format_line(r->arena, r->diags->sources, entry->span); /* its place is the entry's */
	uint32_t token = sources_add(r->diags->sources, SOURCE_ARG, name, text, strlen(text));
	size_t findings = r->diags->list.count;
	const struct ast_rule *rule = parse_rule_token(r->diags, token);

	if (rule)
		resolver_add_rule(r, rule, ORIGIN_FILE);
	for (size_t i = findings; i < r->diags->list.count; i++)
		move_finding(r, &r->diags->list.items[i], token, entry, (uint32_t)strlen(action) + 1);
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
	if (node->kind == YAML_TEXT)
		import_keys_word(r->diags, "bad-value", node->span, "policy", node->text, presets);
	else
		diag_error(r->diags, "bad-value", node->span, "`policy` is no text")->help = "none, public or open";
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

static void read_dns_limits(struct resolver *r, const struct yaml_node *dns)
{
	static const struct {
		const char *key, *burst;
		enum setting setting;
	} limits[] = {
		{ "max_label", NULL, SETTING_DNS_LABEL },
		{ "max_names", NULL, SETTING_DNS_NAMES },
		{ "max_rate", "max_rate_burst", SETTING_DNS_RATE },
	};

	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
		const struct yaml_node *node = yaml_get(dns, limits[i].key);
		const struct yaml_node *burst = limits[i].burst ? yaml_get(dns, limits[i].burst) : NULL;

		if (node)
			resolver_set_limit(r, limits[i].setting, node->span, node->kind == YAML_TEXT ? node->text : "",
					   !burst                   ? NULL :
					   burst->kind == YAML_TEXT ? burst->text :
								      "");
		else if (burst)
			diag_error(r->diags, "bad-limit", burst->span, "`%s` needs `%s`", limits[i].burst,
				   limits[i].key);
	}
}

static void read_dns(struct resolver *r, const struct yaml_node *dns)
{
	const struct yaml_node *timeout;
	uint64_t ms;
	bool on;

	if (!dns || !check_keys(r, dns, IMPORT_YAML_DNS, IMPORT_YAML_DNS))
		return;
	if (read_flag(r, yaml_get(dns, "rebind_protection"), "rebind_protection", &on))
		resolver_set_rebind(r, yaml_get(dns, "rebind_protection")->span, on);
	for_each_text(r, yaml_get(dns, "nameservers"), "nameservers", add_nameserver);
	const struct yaml_node *minimum = yaml_get(dns, "binding_minimum");
	if (minimum)
		resolver_set_binding_minimum(r, minimum->span, minimum->kind == YAML_TEXT ? minimum->text : "");
	const struct yaml_node *ech = yaml_get(dns, "ech");
	if (ech)
		resolver_set_ech_answers(r, ech->span, ech->kind == YAML_TEXT ? ech->text : "");
	read_dns_limits(r, dns);
	timeout = yaml_get(dns, "query_timeout");
	if (timeout && timeout->kind == YAML_TEXT && units_duration_ms(timeout->text, &ms))
		resolver_set_timeout(r, timeout->span, ms);
	else if (timeout)
		diag_error(r->diags, "bad-duration", timeout->span, "no duration: `%s`",
			   timeout->text ? timeout->text : "")
			->label = "like 500ms, 3s or 1m";
}

/* As is written where it is not used: `false`, `{}`, `[]`, nothing at all, `{ enabled: false, … }` */
static bool is_unused(const struct yaml_node *node)
{
	const struct yaml_node *enabled = yaml_get(node, "enabled");

	if (enabled)
		node = enabled;
	if (node->kind != YAML_TEXT)
		return !node->items.count;
	return node->plain && (!*node->text || !strcmp(node->text, "false") || !strcmp(node->text, "null") ||
			       !strcmp(node->text, "~"));
}

static void refuse_not_here(struct resolver *r, const struct yaml_node *map)
{
	static const char *const keys[] = { "tls",     "strict", "trust_host_cas", "http", "outbound_proxy",
					    "secrets", "vsock" };
	static const char *const flags[] = { "strict", "trust_host_cas" };
	bool on;

	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
		if (!read_flag(r, yaml_get(map, flags[i]), flags[i], &on) && yaml_get(map, flags[i]))
			return;
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		const struct yaml_node *node = yaml_get(map, keys[i]);
		if (node && !is_unused(node))
			import_keys_not_here(r->diags, keys[i], node->span);
	}
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

static struct span span_of(const struct yaml_node *map, const char *key)
{
	const struct yaml_node *node = yaml_get(map, key);

	return node ? node->span : map->span;
}

static void read_interface(struct resolver *r, const struct yaml_node *interface)
{
	uint64_t mtu;

	if (!interface || !check_keys(r, interface, IMPORT_YAML_INTERFACE, IMPORT_YAML_INTERFACE))
		return;
	if (read_count(r, interface, "mtu", &mtu))
		resolver_set_mtu(r, yaml_get(interface, "mtu")->span, mtu);
	resolver_set_mac(r, span_of(interface, "mac"), text_of(r, interface, "mac"));
	resolver_set_guest(r, span_of(interface, "ipv4_address"), ADDR_V4, text_of(r, interface, "ipv4_address"));
	resolver_set_guest(r, span_of(interface, "ipv6_address"), ADDR_V6, text_of(r, interface, "ipv6_address"));
	resolver_set_pool(r, span_of(interface, "ipv4_pool"), ADDR_V4, text_of(r, interface, "ipv4_pool"));
	resolver_set_pool(r, span_of(interface, "ipv6_pool"), ADDR_V6, text_of(r, interface, "ipv6_pool"));
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
	if (!check_keys(r, network, IMPORT_YAML_NETWORK, IMPORT_YAML_NETWORK))
		return;
	read_rules(r, network);
	for_each_text(r, yaml_get(network, "ports"), "ports", add_port);
	read_dns(r, yaml_get(network, "dns"));
	for_each_text(r, yaml_get(network, "nat64_prefixes"), "nat64_prefixes", add_nat64);
	read_interface(r, yaml_get(network, "interface"));
	refuse_not_here(r, network);
	for (size_t i = 0; i < sizeof bound_keys / sizeof *bound_keys; i++)
		if (read_count(r, network, bound_keys[i].key, &number))
			resolver_set_bound(r, bound_keys[i].bound, yaml_get(network, bound_keys[i].key)->span, number);
	if (read_count(r, network, "tcp_accept_queue_size", &number))
		resolver_set_accept_queue(r, yaml_get(network, "tcp_accept_queue_size")->span, number);
}

/* A sandbox file says something that no network says */
static bool is_sandbox(const struct yaml_node *root)
{
	bool is = yaml_get(root, "network") || yaml_get(root, "secrets");

	for (size_t i = 0; root->kind == YAML_MAP && i < root->items.count; i += 2)
		is |= import_keys_has(IMPORT_YAML_ELSEWHERE, root->items.items[i]->text);
	return is;
}

/* Without `network` it has the default policy */
static void read_sandbox(struct resolver *r, const struct yaml_node *root)
{
	const struct yaml_node *network = yaml_get(root, "network");

	if (!check_keys(r, root, IMPORT_YAML_SANDBOX, IMPORT_YAML_ELSEWHERE))
		return;
	if (network)
		read_network(r, network);
	for_each_text(r, yaml_get(root, "ports"), "ports", add_port);
	refuse_not_here(r, root);
}

bool resolver_import_yaml(struct resolver *r, uint32_t source)
{
	size_t errors = r->diags->errors;
	struct yaml_documents documents = { 0 };

	if (!yaml_documents(r->diags, source, import_k8s_is, &documents) || !documents.count)
		return r->diags->errors == errors;
	const struct yaml_node *root = documents.items[0];
	if (import_k8s_is(root))
		import_k8s(r, &documents);
	else if (is_sandbox(root))
		read_sandbox(r, root);
	else
		read_network(r, root);
	return r->diags->errors == errors;
}
