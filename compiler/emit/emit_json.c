/* `--emit json`: microsandbox's own policy shape, so that its tools read it, plus keys of ours for what it
 * has no word for. import_json.c reads all of it back. */
#include "emit/emit.h"
#include "base/escape.h"
#include "base/text.h"
#include "policy/expectation.h"
#include "policy/json_words.h"

#include <jansson.h>
#include <string.h>

#define FLAGS (JSON_INDENT(2) | JSON_ENSURE_ASCII)

static void set_text(struct arena *arena, json_t *object, const char *key, const char *text)
{
	json_object_set_new(object, key, json_string(escape_json(arena, text)));
}

static void set_number(json_t *object, const char *key, uint64_t number)
{
	json_object_set_new(object, key, json_integer((json_int_t)number));
}

/* ---- rules ---- */

static json_t *destination_json(struct arena *arena, const struct policy_target *target)
{
	char buf[ADDR_TEXT_MAX];

	switch (target->kind) {
	case TARGET_ANY:
		break;
	case TARGET_GROUP:
		return json_pack("{s:s}", "group", json_group_word(target->group));
	case TARGET_CIDR:
		addr_format(target->prefix.addr, buf);
		return json_pack("{s:s}", "cidr", arena_printf(arena, "%s/%u", buf, target->prefix.len));
	case TARGET_DOMAIN:
		return json_pack("{s:s}", "domain", target->name);
	case TARGET_SUFFIX:
		return json_pack("{s:s}", "domain_suffix", target->name);
	}
	return json_string("any");
}

static json_t *networks_json(struct arena *arena, const struct policy_rule *rule)
{
	json_t *list = json_array();
	char buf[ADDR_TEXT_MAX];

	for (size_t i = 0; i < rule->within.count; i++)
		json_array_append_new(list, json_string(arena_printf(
						    arena, "%s/%u", addr_format(rule->within.items[i].prefix.addr, buf),
						    rule->within.items[i].prefix.len)));
	return list;
}

static json_t *protocols_json(const struct policy_rule *rule)
{
	static const enum policy_proto order[] = { PROTO_UDP, PROTO_TCP, PROTO_ICMPV4, PROTO_ICMPV6 };
	json_t *list = json_array();

	for (size_t i = 0; i < sizeof order / sizeof *order; i++)
		if (rule->protos & order[i])
			json_array_append_new(list, json_string(policy_proto_name(order[i])));
	return list;
}

static json_t *ports_json(const struct policy_rule *rule)
{
	json_t *list = json_array();

	for (size_t i = 0; i < rule->ports.count; i++)
		json_array_append_new(list, json_pack("{s:i, s:i}", "start", rule->ports.items[i].lo, "end",
						      rule->ports.items[i].hi));
	return list;
}

/* A rule of several targets is as many of microsandbox's, each with the number of the rule it is a part of */
static void add_rule(struct arena *arena, json_t *rules, const struct policy_rule *rule, size_t number)
{
	for (size_t i = 0; i < rule->targets.count; i++) {
		json_t *object = json_object();
		set_text(arena, object, "direction", policy_direction_name((enum policy_direction)rule->directions));
		json_object_set_new(object, "destination", destination_json(arena, &rule->targets.items[i]));
		json_object_set_new(object, "protocols", protocols_json(rule));
		json_object_set_new(object, "ports", ports_json(rule));
		set_text(arena, object, "action", policy_action_name(rule->action));
		if (rule->within.count)
			json_object_set_new(object, "in", networks_json(arena, rule));
		if (rule->targets.count > 1)
			set_number(object, "rule", number);
		if (rule->because)
			set_text(arena, object, "because", rule->because);
		if (rule->until.year)
			set_text(arena, object, "until",
				 arena_printf(arena, "%04d-%02d-%02d", rule->until.year, rule->until.month,
					      rule->until.day));
		if (rule->no_ech)
			json_object_set_new(object, "no_ech", json_true());
		if (rule->bytes)
			set_number(object, "bytes", rule->bytes);
		if (rule->log)
			json_object_set_new(object, "log", json_true());
		json_array_append_new(rules, object);
	}
}

/* ---- the rest ---- */

static void set_ports(struct arena *arena, json_t *root, const struct policy *policy)
{
	json_t *list = json_array();
	char buf[ADDR_TEXT_MAX];

	for (size_t i = 0; i < policy->publishes.count; i++) {
		const struct policy_publish *publish = &policy->publishes.items[i];
		json_t *object = json_object();
		set_text(arena, object, "host_bind", addr_format(publish->bind, buf));
		set_number(object, "host_port", publish->host_port);
		set_number(object, "guest_port", publish->guest_port);
		set_text(arena, object, "protocol", policy_proto_name(publish->proto));
		json_array_append_new(list, object);
	}
	if (json_array_size(list))
		json_object_set(root, "published_ports", list);
	json_decref(list);
}

static json_t *nat64_prefixes(struct arena *arena, const struct policy *policy)
{
	json_t *list = json_array();
	char buf[ADDR_TEXT_MAX];

	if (policy->nat64.well_known)
		json_array_append_new(list, json_string("64:ff9b::/96"));
	for (size_t i = 0; i < policy->nat64.count; i++)
		json_array_append_new(
			list, json_string(arena_printf(arena, "%s/%u", addr_format(policy->nat64.items[i].addr, buf),
						       policy->nat64.items[i].len)));
	return list;
}

static json_t *bucket_of(const struct policy_limit *limit)
{
	json_t *bucket = json_object();

	set_number(bucket, "size", limit->size);
	set_number(bucket, "refill_time_ms", limit->refill_ms);
	if (limit->burst)
		set_number(bucket, "one_time_burst", limit->burst);
	return bucket;
}

static void set_bucket(json_t *limiter, const char *direction, const char *kind, const struct policy_limit *limit)
{
	json_t *buckets = json_object_get(limiter, direction);

	if (!limit->size)
		return;
	if (!buckets) {
		json_object_set_new(limiter, direction, json_object());
		buckets = json_object_get(limiter, direction);
	}
	json_object_set_new(buckets, kind, bucket_of(limit));
}

/* ours alone, too */
static void set_dns_limits(json_t *dns, const struct policy *policy)
{
	if (policy->dns_label.size)
		set_number(dns, "max_label", policy->dns_label.size);
	if (policy->dns_names.size)
		json_object_set_new(dns, "max_names", bucket_of(&policy->dns_names));
	if (policy->dns_rate.size)
		json_object_set_new(dns, "max_rate", bucket_of(&policy->dns_rate));
}

static void set_dns(struct arena *arena, json_t *root, const struct policy *policy)
{
	json_t *dns = json_object(), *servers = json_array();

	for (size_t i = 0; i < policy->nameservers.count; i++) {
		const struct policy_nameserver *server = &policy->nameservers.items[i];
		const char *host = policy_nameserver_host(arena, server, true);
		const char *text = arena_printf(arena, "%s:%u", host, server->port);
		json_array_append_new(servers, json_string(escape_json(arena, text)));
	}
	json_object_set_new(dns, "rebind_protection", json_boolean(policy->rebind_protection));
	json_object_set_new(dns, "nameservers", servers);
	set_number(dns, "query_timeout_ms", policy->dns_timeout_ms);
	/* ours alone: microsandbox does not know them */
	if (policy->binding_minimum_ms != POLICY_BINDING_MINIMUM_MS)
		set_number(dns, "binding_minimum_ms", policy->binding_minimum_ms);
	if (policy->ech_answers != POLICY_ECH_BY_RULES)
		json_object_set_new(dns, "ech",
				    json_string(policy->ech_answers == POLICY_ECH_STRIP ? "strip" : "keep"));
	set_dns_limits(dns, policy);
	json_object_set_new(root, "dns", dns);
}

/* ours alone: microsandbox does not know it */
static void set_quota(json_t *limiter, const char *direction, const struct policy_limit *limit)
{
	if (!limit->size)
		return;
	if (!json_object_get(limiter, direction))
		json_object_set_new(limiter, direction, json_object());
	set_number(json_object_get(limiter, direction), "bytes", limit->size);
}

static void set_limits(json_t *root, const struct policy *policy)
{
	json_t *limiter = json_object();

	set_bucket(limiter, "egress", "bandwidth", &policy->egress_bandwidth);
	set_bucket(limiter, "egress", "ops", &policy->egress_ops);
	set_bucket(limiter, "ingress", "bandwidth", &policy->ingress_bandwidth);
	set_bucket(limiter, "ingress", "ops", &policy->ingress_ops);
	set_quota(limiter, "egress", &policy->egress_bytes);
	set_quota(limiter, "ingress", &policy->ingress_bytes);
	if (json_object_size(limiter))
		json_object_set(root, "rate_limiter", limiter);
	json_decref(limiter);
	/* The one key of microsandbox 0.6, where it can say it, and the two of 0.7 */
	if (policy->max_tcp.most == policy->max_udp.most)
		set_number(root, "max_connections", policy->max_tcp.most);
	set_number(root, "max_tcp_connections", policy->max_tcp.most);
	set_number(root, "max_udp_connections", policy->max_udp.most);
	if (policy->connection_rate.most != POLICY_CONNECTION_RATE)
		set_number(root, "max_connection_rate", policy->connection_rate.most);
}

static void set_pool(struct arena *arena, json_t *root, const char *key, const struct policy_pool *pool)
{
	char buf[ADDR_TEXT_MAX];

	if (pool->set)
		set_text(arena, root, key,
			 arena_printf(arena, "%s/%u", addr_format(pool->prefix.addr, buf), pool->prefix.len));
}

static void set_interface(struct arena *arena, json_t *root, const struct policy_interface *interface)
{
	json_t *object = json_object();
	char buf[ADDR_TEXT_MAX];

	if (interface->has_mac) {
		json_t *octets = json_array();
		for (int i = 0; i < 6; i++)
			json_array_append_new(octets, json_integer(interface->mac[i]));
		json_object_set_new(object, "mac", octets);
	}
	if (interface->mtu)
		set_number(object, "mtu", interface->mtu);
	if (interface->address4.set)
		set_text(arena, object, "ipv4_address", addr_format(interface->address4.addr, buf));
	if (interface->address6.set)
		set_text(arena, object, "ipv6_address", addr_format(interface->address6.addr, buf));
	if (json_object_size(object))
		json_object_set(root, "interface", object);
	json_decref(object);
}

/* The expression with what a test adds to it: "egress@x.org:tcp:443 resolve=x.org=10.0.0.5 sni=x.org" */
static const char *flow_text(struct arena *arena, const struct flow *flow)
{
	struct text text = { .arena = arena };
	char buf[ADDR_TEXT_MAX];

	text_add(&text, flow->text);
	if (strstr(flow->text, " resolve=") || strstr(flow->text, " sni="))
		return flow->text;
	for (size_t i = 0; i < flow->resolve.count; i++) {
		const struct flow_binding *binding = &flow->resolve.items[i];
		text_addf(&text, "%s%s", i ? ";" : " resolve=", binding->name);
		for (size_t k = 0; k < binding->addrs.count; k++)
			text_addf(&text, "%s%s", k ? "," : "=", addr_format(binding->addrs.items[k], buf));
	}
	if (flow->sni)
		text_addf(&text, " sni=%s", flow->sni);
	return text_get(&text);
}

/* There are no groups in this format */
static const char *expect_flow(struct arena *arena, const struct policy_expect *expect)
{
	return expect->region ? expectation_spell(arena, expect) : flow_text(arena, &expect->flow);
}

static void set_expects(struct arena *arena, json_t *root, const struct policy *policy)
{
	json_t *list = json_array();

	for (size_t i = 0; i < policy->expects.count; i++) {
		json_t *object = json_object();
		set_text(arena, object, "action", policy_action_name(policy->expects.items[i].action));
		set_text(arena, object, "flow", expect_flow(arena, &policy->expects.items[i]));
		json_array_append_new(list, object);
	}
	if (json_array_size(list))
		json_object_set(root, "expect", list);
	json_decref(list);
}

/* jansson leaves DEL as it is; it occurs in strings only */
static const char *without_del(struct arena *arena, const char *text)
{
	size_t count = 0;

	for (const char *c = text; (c = strchr(c, 0x7f)); c++)
		count++;
	char *copy = arena_alloc(arena, strlen(text) + count * 5 + 2), *to = copy;
	for (; *text; text++)
		if (*text == 0x7f)
			to = stpcpy(to, "\\u007f");
		else
			*to++ = *text;
	strcpy(to, "\n");
	return copy;
}

const char *emit_json(struct arena *arena, const struct policy *policy)
{
	json_t *root = json_object(), *rules = json_array();

	set_number(root, "version", 1);
	set_text(arena, root, "default_egress", policy_action_name(policy->egress.action));
	set_text(arena, root, "default_ingress", policy_action_name(policy->ingress.action));
	for (size_t i = 0; i < policy->rules.count; i++)
		add_rule(arena, rules, &policy->rules.items[i], i + 1);
	json_object_set_new(root, "rules", rules);
	set_ports(arena, root, policy);
	set_dns(arena, root, policy);
	if (policy->nat64.count || policy->nat64.well_known)
		json_object_set_new(root, "nat64_prefixes", nat64_prefixes(arena, policy));
	set_limits(root, policy);
	set_interface(arena, root, &policy->interface);
	if (policy->accept_queue != POLICY_ACCEPT_QUEUE)
		set_number(root, "tcp_accept_queue_size", policy->accept_queue);
	set_pool(arena, root, "ipv4_pool", &policy->pool4);
	set_pool(arena, root, "ipv6_pool", &policy->pool6);
	if (policy->deny_ech)
		json_object_set_new(root, "deny_ech", json_true());
	if (policy->multi_tenant)
		set_text(arena, root, "deployment_profile", "multi-tenant");
	set_expects(arena, root, policy);
	char *dumped = json_dumps(root, FLAGS);
	const char *text = without_del(arena, dumped ? dumped : "");
	free(dumped);
	json_decref(root);
	return text;
}
