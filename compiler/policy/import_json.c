/* microsandbox's JSON: a policy with the keys that emit_json.c adds to it, the network of a stored sandbox, or such a
 * sandbox. What a policy leaves out has microsandbox's default: a direction without one denies. Unknown keys are
 * errors: a misspelt one would otherwise open what it meant to close. */
#include "policy/expectation.h"
#include "policy/json_rules.h"
#include "base/units.h"

#include <string.h>

/* ---- what all shapes have ---- */

/* One of `words`, or of the spellings that other versions have; 0 where there is no such member, -1 after an error */
static int read_either(struct json_read *read, const struct json_node *object, const char *key, const char *id,
		       const char *what, const char *const *words, const char *const *others)
{
	const struct json_node *node = json_read_get(object, key);

	if (!node)
		return 0;
	for (int i = 0; json_is_string(node->json) && others[i]; i++)
		if (!strcmp(json_string_value(node->json), others[i]))
			return i;
	return json_read_word(read, object, key, id, what, words);
}

static void read_published(struct json_read *read, const struct json_node *object, const char *key)
{
	static const char *const protocols[] = { "tcp", "udp", NULL }, *const others[] = { "Tcp", "Udp", NULL };
	struct json_node *list = json_read_list(read, object, key);

	for (size_t i = 0; list && i < list->count; i++) {
		struct json_node *entry = &list->parts[i];
		uint64_t host, guest;
		if (!json_read_object(read, entry, IMPORT_JSON_PUBLISHED) ||
		    !json_rules_require(read, entry, IMPORT_JSON_PUBLISHED, "bad-format", "host_port") ||
		    !json_rules_require(read, entry, IMPORT_JSON_PUBLISHED, "bad-format", "guest_port") ||
		    !json_read_number(read, entry, "host_port", UINT16_MAX, &host) ||
		    !json_read_number(read, entry, "guest_port", UINT16_MAX, &guest))
			continue;
		const char *bind = json_read_text(read, entry, "host_bind");
		int protocol = read_either(read, entry, "protocol", "bad-format", "protocol", protocols, others);
		if (protocol < 0)
			continue;
		bind = bind ? bind : "127.0.0.1";
		resolver_add_publish(read->r, entry->span,
				     arena_printf(read->r->arena, strchr(bind, ':') ? "[%s]:%u:%u/%s" : "%s:%u:%u/%s",
						  bind, (unsigned)host, (unsigned)guest, protocols[protocol]));
	}
}

static void read_bucket(struct json_read *, const struct json_node *, const char *kind, enum setting);

static void read_dns_limits(struct json_read *read, const struct json_node *dns)
{
	uint64_t label;

	if (json_read_number(read, dns, "max_label", INT64_MAX, &label))
		resolver_set_limit(read->r, SETTING_DNS_LABEL, json_read_span(dns, "max_label"),
				   arena_printf(read->r->arena, "%ju", (uintmax_t)label), NULL);
	read_bucket(read, dns, "max_names", SETTING_DNS_NAMES);
	read_bucket(read, dns, "max_rate", SETTING_DNS_RATE);
}

static void read_dns(struct json_read *read, const struct json_node *object)
{
	struct json_node *dns = json_read_get(object, "dns"), *servers;
	uint64_t ms;
	bool on;

	if (!dns || !json_read_object(read, dns, IMPORT_JSON_DNS))
		return;
	if (json_read_flag(read, dns, "rebind_protection", &on) && !on)
		resolver_set_rebind(read->r, json_read_span(dns, "rebind_protection"), on);
	if (json_read_number(read, dns, "query_timeout_ms", INT64_MAX, &ms))
		resolver_set_timeout(read->r, json_read_span(dns, "query_timeout_ms"), ms);
	if (json_read_number(read, dns, "binding_minimum_ms", INT64_MAX, &ms))
		resolver_set_binding_minimum_ms(read->r, json_read_span(dns, "binding_minimum_ms"), ms);
	const char *ech = json_read_text(read, dns, "ech");
	if (ech)
		resolver_set_ech_answers(read->r, json_read_span(dns, "ech"), ech);
	read_dns_limits(read, dns);
	servers = json_read_list(read, dns, "nameservers");
	for (size_t i = 0; servers && i < servers->count; i++)
		if (json_is_string(servers->parts[i].json))
			resolver_add_nameserver(read->r, json_tree_inside(&servers->parts[i]),
						json_read_element(read, &servers->parts[i], "nameservers"));
		else
			json_read_element(read, &servers->parts[i], "nameservers");
}

static void read_nat64(struct json_read *read, const struct json_node *object)
{
	struct json_node *prefixes = json_read_list(read, object, "nat64_prefixes");

	for (size_t i = 0; prefixes && i < prefixes->count; i++)
		if (json_is_string(prefixes->parts[i].json))
			resolver_add_nat64(read->r, json_tree_inside(&prefixes->parts[i]),
					   json_read_element(read, &prefixes->parts[i], "nat64_prefixes"));
		else
			json_read_element(read, &prefixes->parts[i], "nat64_prefixes");
}

/* Six octets, as microsandbox has it, or text */
static void read_mac(struct json_read *read, const struct json_node *interface)
{
	const struct json_node *node = json_read_get(interface, "mac");
	uint8_t mac[6] = { 0 };

	if (!node || !json_is_array(node->json)) {
		resolver_set_mac(read->r, json_read_span(interface, "mac"), json_read_text(read, interface, "mac"));
		return;
	}
	bool ok = json_array_size(node->json) == 6;
	for (size_t i = 0; ok && i < 6; i++) {
		const json_t *octet = json_array_get(node->json, i);
		ok = json_is_integer(octet) && json_integer_value(octet) >= 0 && json_integer_value(octet) <= 255;
		mac[i] = (uint8_t)json_integer_value(octet);
	}
	if (ok)
		resolver_set_mac_octets(read->r, node->span, mac);
	else
		json_read_report(read, "bad-interface", node->span,
				 "`mac` is six octets, or a text like \"02:00:5e:00:53:01\"");
}

static void read_pools(struct json_read *read, const struct json_node *object)
{
	resolver_set_pool(read->r, json_read_span(object, "ipv4_pool"), ADDR_V4,
			  json_read_text(read, object, "ipv4_pool"));
	resolver_set_pool(read->r, json_read_span(object, "ipv6_pool"), ADDR_V6,
			  json_read_text(read, object, "ipv6_pool"));
}

static void read_interface(struct json_read *read, const struct json_node *object)
{
	struct json_node *interface = json_read_get(object, "interface");
	uint64_t mtu;

	if (!interface || !json_read_object(read, interface, IMPORT_JSON_INTERFACE))
		return;
	read_mac(read, interface);
	if (json_read_number(read, interface, "mtu", UINT32_MAX, &mtu))
		resolver_set_mtu(read->r, json_read_span(interface, "mtu"), mtu);
	resolver_set_guest(read->r, json_read_span(interface, "ipv4_address"), ADDR_V4,
			   json_read_text(read, interface, "ipv4_address"));
	resolver_set_guest(read->r, json_read_span(interface, "ipv6_address"), ADDR_V6,
			   json_read_text(read, interface, "ipv6_address"));
	read_pools(read, interface);
}

static void read_bucket(struct json_read *read, const struct json_node *limits, const char *kind, enum setting setting)
{
	struct json_node *bucket = json_read_get(limits, kind);
	uint64_t size, interval, burst = 0;

	if (!bucket || !json_read_object(read, bucket, IMPORT_JSON_BUCKET) ||
	    !json_rules_require(read, bucket, IMPORT_JSON_BUCKET, "bad-limit", "size") ||
	    !json_rules_require(read, bucket, IMPORT_JSON_BUCKET, "bad-limit", "refill_time_ms") ||
	    !json_read_number(read, bucket, "size", INT64_MAX, &size) ||
	    !json_read_number(read, bucket, "refill_time_ms", INT64_MAX, &interval))
		return;
	json_read_number(read, bucket, "one_time_burst", INT64_MAX, &burst);
	resolver_set_limit(read->r, setting, bucket->span,
			   arena_printf(read->r->arena, "%ju/%jums", (uintmax_t)size, (uintmax_t)interval),
			   burst ? arena_printf(read->r->arena, "%ju", (uintmax_t)burst) : NULL);
}

static void read_limits(struct json_read *read, const struct json_node *object)
{
	static const enum setting settings[2][2] = { { SETTING_EGRESS_BANDWIDTH, SETTING_EGRESS_OPS },
						     { SETTING_INGRESS_BANDWIDTH, SETTING_INGRESS_OPS } };
	static const char *const directions[] = { "egress", "ingress" };
	struct json_node *limiter = json_read_get(object, "rate_limiter");
	uint64_t bytes;

	if (!limiter || !json_read_object(read, limiter, IMPORT_JSON_LIMITER))
		return;
	for (size_t d = 0; d < 2; d++) {
		struct json_node *limits = json_read_get(limiter, directions[d]);
		if (!limits || !json_read_object(read, limits, IMPORT_JSON_LIMITS))
			continue;
		read_bucket(read, limits, "bandwidth", settings[d][0]);
		read_bucket(read, limits, "ops", settings[d][1]);
		if (json_read_number(read, limits, "bytes", INT64_MAX, &bytes))
			resolver_set_limit(read->r, d ? SETTING_INGRESS_BYTES : SETTING_EGRESS_BYTES,
					   json_read_span(limits, "bytes"),
					   arena_printf(read->r->arena, "%ju", (uintmax_t)bytes), NULL);
	}
}

static void read_bounds(struct json_read *read, const struct json_node *object)
{
	static const char *const keys[BOUND_COUNT] = {
		[BOUND_CONNECTIONS] = "max_connections",
		[BOUND_TCP] = "max_tcp_connections",
		[BOUND_UDP] = "max_udp_connections",
		[BOUND_RATE] = "max_connection_rate",
	};
	uint64_t count;

	for (size_t i = 0; i < BOUND_COUNT; i++)
		if (json_read_number(read, object, keys[i], UINT32_MAX, &count))
			resolver_set_bound(read->r, i, json_read_span(object, keys[i]), count);
	if (json_read_number(read, object, "tcp_accept_queue_size", UINT32_MAX, &count))
		resolver_set_accept_queue(read->r, json_read_span(object, "tcp_accept_queue_size"), count);
}

static void read_ech(struct json_read *read, const struct json_node *object)
{
	bool deny;

	if (json_read_flag(read, object, "deny_ech", &deny))
		resolver_set_ech(read->r, json_read_span(object, "deny_ech"), deny);
}

static void read_profile(struct json_read *read, const struct json_node *object)
{
	static const char *const words[] = { "single-tenant", "multi-tenant", NULL };
	static const char *const others[] = { "single_tenant", "multi_tenant", NULL };

	read->r->policy->multi_tenant |=
		read_either(read, object, "deployment_profile", "bad-value", "deployment profile", words, others) == 1;
}

static void read_settings(struct json_read *read, const struct json_node *object)
{
	read_dns(read, object);
	read_nat64(read, object);
	read_interface(read, object);
	read_limits(read, object);
	read_bounds(read, object);
}

/* ---- the shapes ---- */

static void read_expects(struct json_read *read, const struct json_node *policy)
{
	struct json_node *list = json_read_list(read, policy, "expect");
	struct rule_scope scope = { read->r->arena, read->r->diags, read->r->policy, &read->r->budget, NULL };

	for (size_t i = 0; list && i < list->count; i++) {
		struct json_node *entry = &list->parts[i];
		struct policy_expect expect = { .span = entry->span };
		if (!json_read_object(read, entry, IMPORT_JSON_EXPECT) ||
		    !json_rules_require(read, entry, IMPORT_JSON_EXPECT, "bad-value", "action") ||
		    !json_rules_require(read, entry, IMPORT_JSON_EXPECT, "bad-value", "flow") ||
		    !json_rules_action(read, entry, "action", "bad-value", &expect.action))
			continue;
		const char *flow = json_read_text(read, entry, "flow");
		if (flow && expectation_parse(&scope, expect.action, flow, &expect))
			*arena_push(read->r->arena, &read->r->policy->expects) = expect;
	}
}

static void read_policy(struct json_read *read, struct json_node *root)
{
	uint64_t version;

	if (!json_read_object(read, root, IMPORT_JSON_POLICY))
		return;
	if (json_read_number(read, root, "version", INT32_MAX, &version) && version != 1)
		json_read_report(read, "bad-value", json_read_span(root, "version"),
				 "version %ju of the format is not known", (uintmax_t)version);
	json_rules_read(read, root);
	read_published(read, root, "published_ports");
	read_settings(read, root);
	read_pools(read, root);
	read_profile(read, root);
	read_ech(read, root);
	read_expects(read, root);
}

/* As microsandbox writes down that it is not used: false, null, nothing in it, or no secrets but how they would be */
static bool is_unused(const json_t *value)
{
	const char *key;
	json_t *member;

	if (json_object_get(value, "secrets"))
		value = json_object_get(value, "secrets");
	if (json_is_array(value))
		return !json_array_size(value);
	if (!json_is_object(value))
		return json_is_null(value) || json_is_false(value);
	if (json_object_get(value, "enabled"))
		return json_is_false(json_object_get(value, "enabled"));
	json_object_foreach((json_t *)value, key, member)
	{
		if (!is_unused(member))
			return false;
	}
	return true;
}

static void refuse_not_here(struct json_read *read, const struct json_node *object)
{
	static const char *const keys[] = { "tls",  "strict",         "trust_host_cas", "secrets",
					    "http", "outbound_proxy", "vsock" };

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		const struct json_node *node = json_tree_get(object, keys[i]);
		if (node && !is_unused(node->json))
			import_keys_not_here(read->r->diags, keys[i], node->span);
	}
}

static void read_network(struct json_read *read, struct json_node *network)
{
	struct json_node *policy;
	bool on;

	if (!json_read_object(read, network, IMPORT_JSON_NETWORK))
		return;
	if (json_read_flag(read, network, "enabled", &on) && !on)
		import_keys_not_here(read->r->diags, "enabled", json_read_span(network, "enabled"));
	refuse_not_here(read, network);
	policy = json_read_get(network, "policy");
	if (policy && json_read_object(read, policy, IMPORT_JSON_NETWORK_POLICY))
		json_rules_read(read, policy);
	read_published(read, network, "ports");
	read_settings(read, network);
}

static void read_sandbox(struct json_read *read, struct json_node *root)
{
	struct json_node *network;

	if (!json_read_object(read, root, IMPORT_JSON_SANDBOX))
		return;
	network = json_read_get(root, "network");
	if (network)
		read_network(read, network);
	refuse_not_here(read, root);
	read_profile(read, root);
}

static bool has_key_of(const struct json_node *root, enum import_shape shape)
{
	for (size_t i = 0; i < root->count; i++)
		if (import_keys_has(shape, root->parts[i].name))
			return true;
	return false;
}

static bool is_network(const struct json_node *root)
{
	bool is = false;

	for (size_t i = 0; i < root->count; i++)
		is |= import_keys_has(IMPORT_JSON_NETWORK, root->parts[i].name) &&
		      !import_keys_has(IMPORT_JSON_POLICY, root->parts[i].name);
	return is;
}

/* Which shape a document has: a policy says what the policy of a network says, and is what is left. A network has a key
 * that no policy has. */
static void read_document(struct json_read *read, struct json_node *root)
{
	if (json_is_object(root->json))
		json_tree_open(read->nodes, read->r->diags->sources, root);
	if (has_key_of(root, IMPORT_JSON_NETWORK_POLICY))
		read_policy(read, root);
	else if (json_tree_get(root, "network") || has_key_of(root, IMPORT_JSON_ELSEWHERE))
		read_sandbox(read, root);
	else if (is_network(root))
		read_network(read, root);
	else
		read_policy(read, root);
}

/* The key that was given once more ends where jansson stopped */
static void report_syntax(struct resolver *r, uint32_t source, const json_error_t *error, uint32_t at)
{
	const struct source *text = sources_get(r->diags->sources, source);
	struct span span = { source, at ? at - 1 : 0, at };

	if (json_error_code(error) != json_error_duplicate_key) {
		diag_error(r->diags, "syntax", span, "no JSON: %s", error->text);
		return;
	}
	while (span.end > 0 && text->text[span.end - 1] != '"')
		span.end--;
	span.end -= span.end > 0;
	span.start = span.end;
	while (span.start > 0 && text->text[span.start - 1] != '"')
		span.start--;
	diag_error(r->diags, "conflict", span, "`%s` is given twice", span_text(r->arena, r->diags->sources, span));
}

bool resolver_import_json(struct resolver *r, uint32_t source)
{
	const struct source *text = sources_get(r->diags->sources, source);
	size_t errors = r->diags->errors;
	json_error_t error;
	uint32_t mark = source_mark_len(text); /* RFC 8259, 8.1: may be ignored */
	json_t *root = json_loadb(text->text + mark, text->len - mark, JSON_REJECT_DUPLICATES, &error);

	if (!root) {
		size_t position = error.position > 0 ? (size_t)error.position + mark : 0;
		uint32_t at = position <= text->len ? (uint32_t)position : 0;
		report_syntax(r, source, &error, at);
		return false;
	}
	if (json_object_get(root, "apiVersion")) { /* Kubernetes: JSON is YAML */
		json_decref(root);
		return resolver_import_yaml(r, source);
	}
	struct json_read read = { .r = r, .nodes = arena_new() };
	struct json_node node = json_tree_root(r->diags->sources, source, root);
	read_document(&read, &node);
	arena_free(read.nodes);
	json_decref(root);
	return r->diags->errors == errors;
}
