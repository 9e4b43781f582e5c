/* microsandbox's JSON policy, and the keys that emit_json.c adds to it. What a document leaves out has
 * microsandbox's default: a direction without one denies. Unknown keys are errors: a misspelt one
 * would otherwise open what it meant to close. */
#include "policy/expectation.h"
#include "policy/json_places.h"
#include "policy/json_words.h"
#include "policy/resolve_state.h"
#include "base/units.h"

#include <jansson.h>
#include <string.h>

struct importer {
	struct resolver *r;
	const struct json_places *places;
	struct span here; /* of the part being read: where errors are reported */
	size_t part_of;   /* the "rule" key of the entry before; 0: none */
	size_t last_part; /* the last one that an entry had */
};

static struct diag *report(struct importer *im, const char *id, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static struct diag *report(struct importer *im, const char *id, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	struct diag *diag = diag_error(im->r->diags, id, im->here, "%s", arena_vprintf(im->r->arena, fmt, args));
	va_end(args);
	return diag;
}

/* ---- reading one value of a type ---- */

static const char *read_string(struct importer *im, const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (!value)
		return NULL;
	if (json_is_string(value))
		return arena_strdup(im->r->arena, json_string_value(value));
	report(im, "bad-value", "`%s` is no string", key);
	return NULL;
}

/* false where it is absent or no number from 0 to `max` */
static bool read_number(struct importer *im, const json_t *object, const char *key, uint64_t max, uint64_t *out)
{
	const json_t *value = json_object_get(object, key);

	if (!value)
		return false;
	if (json_is_integer(value) && json_integer_value(value) >= 0 && (uint64_t)json_integer_value(value) <= max) {
		*out = (uint64_t)json_integer_value(value);
		return true;
	}
	report(im, "bad-value", "`%s` is no number from 0 to %ju", key, (uintmax_t)max);
	return false;
}

static bool read_flag(struct importer *im, const json_t *object, const char *key, bool *out)
{
	const json_t *value = json_object_get(object, key);

	if (value && !json_is_boolean(value))
		report(im, "bad-value", "`%s` is neither true nor false", key);
	if (!value || !json_is_boolean(value))
		return false;
	*out = json_is_true(value);
	return true;
}

/* NULL where absent; an error where it is something else than an array */
static const json_t *read_array(struct importer *im, const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (value && !json_is_array(value))
		report(im, "bad-value", "`%s` is no array", key);
	return json_is_array(value) ? value : NULL;
}

/* Every key is one of `known` (NULL-terminated), and `object` is an object */
static bool check_keys(struct importer *im, const json_t *object, const char *what, const char *const *known)
{
	const char *key;
	json_t *value;
	bool ok = true;

	if (!json_is_object(object)) {
		report(im, "bad-value", "%s is no object", what);
		return false;
	}
	json_object_foreach((json_t *)object, key, value)
	{
		size_t i = 0;
		while (known[i] && strcmp(known[i], key) != 0)
			i++;
		if (known[i])
			continue;
		diag_error(im->r->diags, "unknown-key", im->here, "no such key: `%s`", key)->label =
			rule_did_you_mean(im->r->arena, diag_nearest(key, known));
		ok = false;
	}
	return ok;
}

/* ---- rules ---- */

static bool read_group(struct importer *im, const char *word, struct policy_target *out)
{
	for (size_t i = 0; i < sizeof json_groups / sizeof *json_groups; i++)
		if (!strcmp(json_groups[i].word, word)) {
			*out = (struct policy_target){ .kind = TARGET_GROUP,
						       .group = json_groups[i].group,
						       .span = im->here };
			return true;
		}
	report(im, "ambiguous-bare", "no such group: `%s`", word);
	return false;
}

static bool read_destination(struct importer *im, const json_t *value, struct policy_target *out)
{
	struct rule_scope scope = { .arena = im->r->arena, .diags = im->r->diags };
	struct ast_word word = { .span = im->here };
	const char *kind;
	json_t *text;

	if (json_is_string(value) && !strcmp(json_string_value(value), "any")) {
		*out = (struct policy_target){ .kind = TARGET_ANY, .span = im->here };
		return true;
	}
	if (!json_is_object(value) || json_object_size(value) != 1) {
		report(im, "bad-target", "a destination is \"any\" or one of group, cidr, domain, domain_suffix");
		return false;
	}
	kind = json_object_iter_key(json_object_iter((json_t *)value));
	text = json_object_get(value, kind);
	if (!json_is_string(text)) {
		report(im, "bad-target", "`%s` is no string", kind);
		return false;
	}
	word.text = arena_strdup(im->r->arena, json_string_value(text));
	if (!strcmp(kind, "group"))
		return read_group(im, word.text, out);
	if (!strcmp(kind, "cidr"))
		return rule_parse_cidr(&scope, &word, out);
	if (!strcmp(kind, "domain"))
		return rule_parse_domain(&scope, &word, out);
	if (!strcmp(kind, "domain_suffix"))
		return rule_parse_suffix(&scope, &word, out);
	report(im, "bad-target", "no such destination: `%s`", kind);
	return false;
}

static bool read_protocols(struct importer *im, const json_t *object, unsigned *out)
{
	const json_t *list = read_array(im, object, "protocols");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *word = json_string_value(json_array_get(list, i));
		enum policy_proto proto;
		if (!word || !rule_parse_proto(word, &proto)) {
			report(im, "bad-proto", "no such protocol: `%s`", word ? word : "(no string)");
			return false;
		}
		*out |= proto;
	}
	return true;
}

static bool read_ports(struct importer *im, const json_t *object, struct policy_rule *out)
{
	static const char *const known[] = { "start", "end", NULL };
	const json_t *list = read_array(im, object, "ports");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *range = json_array_get(list, i);
		uint64_t lo, hi;
		if (!check_keys(im, range, "a range of ports", known))
			return false;
		if (!read_number(im, range, "start", UINT16_MAX, &lo) ||
		    !read_number(im, range, "end", UINT16_MAX, &hi)) {
			report(im, "bad-ports", "a range of ports has a start and an end, from 0 to 65535");
			return false;
		}
		if (lo > hi) {
			report(im, "inverted-range", "port range runs backwards: %ju is more than %ju", (uintmax_t)lo,
			       (uintmax_t)hi);
			return false;
		}
		*arena_push(im->r->arena, &out->ports) =
			(struct policy_port_range){ (uint16_t)lo, (uint16_t)hi, im->here };
	}
	return true;
}

/* "in": ["10.20.0.0/16"] */
static bool read_within(struct importer *im, const json_t *object, struct policy_rule *out)
{
	struct rule_scope scope = { .arena = im->r->arena, .diags = im->r->diags };
	const json_t *list = read_array(im, object, "in");

	for (size_t i = 0; i < json_array_size(list); i++) {
		struct ast_word word = { .span = im->here };
		const char *text = json_string_value(json_array_get(list, i));
		struct policy_target network;
		if (!text) {
			report(im, "bad-in", "`in` is a list of networks, like [\"10.20.0.0/16\"]");
			return false;
		}
		word.text = arena_strdup(im->r->arena, text);
		if (!rule_parse_cidr(&scope, &word, &network) || !rule_add_network(&scope, &network, &out->within))
			return false;
	}
	if (list && !out->within.count)
		report(im, "bad-in", "`in` is a list of networks, and this one is empty");
	return !json_object_get(object, "in") || out->within.count > 0;
}

/* Once the targets are known */
static bool check_within(struct importer *im, const struct policy_rule *rule, const struct policy_target *target)
{
	struct rule_scope scope = { .arena = im->r->arena, .diags = im->r->diags };
	struct policy_rule one = *rule;

	one.targets = (struct policy_targets){ 0 };
	*arena_push(im->r->arena, &one.targets) = *target;
	return !rule->within.count || rule_check_within(&scope, &one, im->here);
}

static bool read_direction(struct importer *im, const json_t *object, unsigned *out)
{
	const char *word = read_string(im, object, "direction");

	for (unsigned set = POLICY_EGRESS; word && set <= (POLICY_EGRESS | POLICY_INGRESS); set++)
		if (!strcmp(word, policy_direction_name((enum policy_direction)set))) {
			*out = set;
			return true;
		}
	report(im, "bad-direction", "a rule's direction is egress, ingress or any");
	return false;
}

static bool read_attributes(struct importer *im, const json_t *object, struct policy_rule *out)
{
	const char *until = read_string(im, object, "until");

	out->because = read_string(im, object, "because");
	read_flag(im, object, "log", &out->log);
	if (!until)
		return true;
	if (!date_parse(until, &out->until)) {
		report(im, "bad-date", "no date: `%s`", until);
		return false;
	}
	out->until_span = im->here;
	resolver_check_until(im->r, out);
	return true;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool same_date(struct date a, struct date b)
{
	return a.year == b.year && a.month == b.month && a.day == b.day;
}

static bool same_ports(const struct policy_port_list *a, const struct policy_port_list *b)
{
	bool same = a->count == b->count;

	for (size_t i = 0; same && i < a->count; i++)
		same = a->items[i].lo == b->items[i].lo && a->items[i].hi == b->items[i].hi;
	return same;
}

static bool same_networks(const struct policy_targets *a, const struct policy_targets *b)
{
	bool same = a->count == b->count;

	for (size_t i = 0; same && i < a->count; i++)
		same = addr_equal(a->items[i].prefix.addr, b->items[i].prefix.addr) &&
		       a->items[i].prefix.len == b->items[i].prefix.len;
	return same;
}

/* The first key in which two entries differ, destinations aside; NULL: none */
static const char *differing_key(const struct policy_rule *a, const struct policy_rule *b)
{
	if (a->action != b->action)
		return "action";
	if (a->directions != b->directions)
		return "direction";
	if (a->protos != b->protos)
		return "protocols";
	if (!same_ports(&a->ports, &b->ports))
		return "ports";
	if (!same_networks(&a->within, &b->within))
		return "in";
	if (!same_text(a->because, b->because))
		return "because";
	if (!same_date(a->until, b->until))
		return "until";
	return a->log != b->log ? "log" : NULL;
}

/* Entries of one "rule" stand together, are equal but for their destination, and make one rule of all their targets. */
static void add_part(struct importer *im, size_t part_of, const struct policy_rule *rule,
		     const struct policy_target *target)
{
	struct policy *policy = im->r->policy;
	bool joins = part_of && part_of == im->part_of && policy->rules.count;
	struct policy_rule *last = joins ? &policy->rules.items[policy->rules.count - 1] : NULL;
	const char *key = joins ? differing_key(last, rule) : NULL;

	if (key) {
		diag_relate(im->r->diags,
			    report(im, "conflict", "a part of rule %zu with another `%s` than its first", part_of, key),
			    last->span, "the rule begins here");
		return;
	}
	if (part_of && !joins && part_of <= im->last_part) {
		report(im, "conflict", "a part of rule %zu that does not follow its other parts", part_of);
		return;
	}
	if (!joins) {
		last = arena_push(im->r->arena, &policy->rules);
		*last = *rule;
	}
	*arena_push(im->r->arena, &last->targets) = *target;
}

static void read_rule(struct importer *im, const json_t *object)
{
	static const char *const known[] = { "direction", "destination", "protocols", "ports", "action", "rule",
					     "because",   "until",       "log",       "in",    NULL };
	struct policy_rule rule = { .until_span = SPAN_NONE, .origin = ORIGIN_FILE, .span = im->here };
	struct policy_target target;
	uint64_t part_of = 0;

	if (!check_keys(im, object, "a rule", known))
		return;
	if (!resolver_parse_action(read_string(im, object, "action"), &rule.action)) {
		report(im, "bad-action", "a rule's action is allow or deny");
		return;
	}
	if (!read_direction(im, object, &rule.directions) ||
	    !read_destination(im, json_object_get(object, "destination"), &target) ||
	    !read_protocols(im, object, &rule.protos) || !read_ports(im, object, &rule) ||
	    !read_within(im, object, &rule) || !check_within(im, &rule, &target) || !read_attributes(im, object, &rule))
		return;
	if ((rule.directions & POLICY_INGRESS) && (rule.protos & (PROTO_ICMPV4 | PROTO_ICMPV6))) {
		report(im, "icmp-ingress", "ICMP rules are for egress only");
		return;
	}
	if (read_number(im, object, "rule", INT32_MAX, &part_of) && !part_of)
		report(im, "bad-value", "`rule` counts from 1");
	add_part(im, part_of, &rule, &target);
	im->part_of = part_of;
	if (part_of > im->last_part)
		im->last_part = part_of;
}

static void read_rules(struct importer *im, const json_t *root)
{
	const json_t *rules = read_array(im, root, "rules");
	struct policy *policy = im->r->policy;

	for (size_t i = 0; i < json_array_size(rules); i++) {
		im->here = json_places_rule(im->places, i);
		read_rule(im, json_array_get(rules, i));
	}
	for (size_t i = 0; i < policy->rules.count; i++)
		policy->rules.items[i].text = policy_rule_format(im->r->arena, &policy->rules.items[i]);
}

/* ---- the rest ---- */

static void read_default(struct importer *im, const json_t *root, const char *key, enum policy_direction direction)
{
	enum policy_action action = POLICY_DENY;

	im->here = json_places_key(im->places, key);
	if (json_object_get(root, key) && !resolver_parse_action(read_string(im, root, key), &action)) {
		report(im, "bad-default-action", "`%s` is allow or deny", key);
		return;
	}
	resolver_set_default(im->r, direction, action, im->here);
}

static void read_published(struct importer *im, const json_t *root)
{
	static const char *const known[] = { "host_bind", "host_port", "guest_port", "protocol", NULL };
	const json_t *list = read_array(im, root, "published_ports");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *object = json_array_get(list, i);
		uint64_t host, guest;
		if (!check_keys(im, object, "a published port", known))
			continue;
		const char *bind = read_string(im, object, "host_bind"), *proto = read_string(im, object, "protocol");
		if (!read_number(im, object, "host_port", UINT16_MAX, &host) ||
		    !read_number(im, object, "guest_port", UINT16_MAX, &guest)) {
			report(im, "bad-format", "a published port has a host_port and a guest_port");
			continue;
		}
		bind = bind ? bind : "127.0.0.1";
		resolver_add_publish(im->r, im->here,
				     arena_printf(im->r->arena, strchr(bind, ':') ? "[%s]:%u:%u/%s" : "%s:%u:%u/%s",
						  bind, (unsigned)host, (unsigned)guest, proto ? proto : "tcp"));
	}
}

static void read_dns(struct importer *im, const json_t *root)
{
	static const char *const known[] = { "rebind_protection", "nameservers", "query_timeout_ms",
					     "binding_minimum_ms", NULL };
	const json_t *dns = json_object_get(root, "dns"), *servers;
	uint64_t ms;
	bool on;

	if (!dns || !check_keys(im, dns, "`dns`", known))
		return;
	if (read_flag(im, dns, "rebind_protection", &on) && !on)
		resolver_set_rebind(im->r, im->here, on);
	if (read_number(im, dns, "query_timeout_ms", INT64_MAX, &ms))
		resolver_set_timeout(im->r, im->here, ms);
	if (read_number(im, dns, "binding_minimum_ms", INT64_MAX, &ms))
		resolver_set_binding_minimum_ms(im->r, im->here, ms);
	servers = read_array(im, dns, "nameservers");
	for (size_t i = 0; i < json_array_size(servers); i++) {
		const char *text = json_string_value(json_array_get(servers, i));
		resolver_add_nameserver(im->r, im->here, text ? arena_strdup(im->r->arena, text) : "");
	}
}

static void read_nat64(struct importer *im, const json_t *root)
{
	const json_t *prefixes = read_array(im, root, "nat64_prefixes");

	for (size_t i = 0; i < json_array_size(prefixes); i++) {
		const char *text = json_string_value(json_array_get(prefixes, i));
		resolver_add_nat64(im->r, im->here, text ? arena_strdup(im->r->arena, text) : "");
	}
}

/* Six octets, as microsandbox has it, or text */
static void read_mac(struct importer *im, const json_t *interface)
{
	const json_t *value = json_object_get(interface, "mac");
	uint8_t mac[6] = { 0 };

	if (!json_is_array(value)) {
		resolver_set_mac(im->r, im->here, read_string(im, interface, "mac"));
		return;
	}
	bool ok = json_array_size(value) == 6;
	for (size_t i = 0; ok && i < 6; i++) {
		const json_t *octet = json_array_get(value, i);
		ok = json_is_integer(octet) && json_integer_value(octet) >= 0 && json_integer_value(octet) <= 255;
		mac[i] = (uint8_t)json_integer_value(octet);
	}
	if (ok)
		resolver_set_mac_octets(im->r, im->here, mac);
	else
		report(im, "bad-interface", "`mac` is six octets, or a text like \"02:00:5e:00:53:01\"");
}

static void read_interface(struct importer *im, const json_t *root)
{
	static const char *const known[] = { "mac",       "mtu", "ipv4_address", "ipv6_address", "ipv4_pool",
					     "ipv6_pool", NULL };
	const json_t *interface = json_object_get(root, "interface");
	uint64_t mtu;

	if (!interface || !check_keys(im, interface, "`interface`", known))
		return;
	read_mac(im, interface);
	if (read_number(im, interface, "mtu", UINT32_MAX, &mtu))
		resolver_set_mtu(im->r, im->here, mtu);
	resolver_set_guest(im->r, im->here, ADDR_V4, read_string(im, interface, "ipv4_address"));
	resolver_set_guest(im->r, im->here, ADDR_V6, read_string(im, interface, "ipv6_address"));
	resolver_set_pool(im->r, im->here, ADDR_V4, read_string(im, interface, "ipv4_pool"));
	resolver_set_pool(im->r, im->here, ADDR_V6, read_string(im, interface, "ipv6_pool"));
}

static void read_bucket(struct importer *im, const json_t *buckets, const char *kind, enum setting setting)
{
	static const char *const known[] = { "size", "refill_time_ms", "one_time_burst", NULL };
	const json_t *bucket = json_object_get(buckets, kind);
	uint64_t size, interval, burst = 0;

	if (!bucket || !check_keys(im, bucket, "a limit", known))
		return;
	if (!read_number(im, bucket, "size", INT64_MAX, &size) ||
	    !read_number(im, bucket, "refill_time_ms", INT64_MAX, &interval)) {
		report(im, "bad-limit", "a limit has a size and a refill_time_ms");
		return;
	}
	read_number(im, bucket, "one_time_burst", INT64_MAX, &burst);
	resolver_set_limit(im->r, setting, im->here,
			   arena_printf(im->r->arena, "%ju/%jums", (uintmax_t)size, (uintmax_t)interval),
			   burst ? arena_printf(im->r->arena, "%ju", (uintmax_t)burst) : NULL);
}

static void read_limits(struct importer *im, const json_t *root)
{
	static const char *const directions[] = { "egress", "ingress", NULL }, *const kinds[] = { "bandwidth", "ops",
												  NULL };
	static const enum setting settings[2][2] = { { SETTING_EGRESS_BANDWIDTH, SETTING_EGRESS_OPS },
						     { SETTING_INGRESS_BANDWIDTH, SETTING_INGRESS_OPS } };
	const json_t *limiter = json_object_get(root, "rate_limiter");

	if (!limiter || !check_keys(im, limiter, "`rate_limiter`", directions))
		return;
	for (size_t d = 0; d < 2; d++) {
		const json_t *buckets = json_object_get(limiter, directions[d]);
		if (!buckets || !check_keys(im, buckets, "a direction's limits", kinds))
			continue;
		read_bucket(im, buckets, kinds[0], settings[d][0]);
		read_bucket(im, buckets, kinds[1], settings[d][1]);
	}
}

static const char *const bound_keys[BOUND_COUNT] = {
	[BOUND_CONNECTIONS] = "max_connections",
	[BOUND_TCP] = "max_tcp_connections",
	[BOUND_UDP] = "max_udp_connections",
	[BOUND_RATE] = "max_connection_rate",
};

static void read_hosting(struct importer *im, const json_t *root)
{
	uint64_t count;

	for (size_t i = 0; i < BOUND_COUNT; i++) {
		im->here = json_places_key(im->places, bound_keys[i]);
		if (read_number(im, root, bound_keys[i], UINT32_MAX, &count))
			resolver_set_bound(im->r, i, im->here, count);
	}
	im->here = json_places_key(im->places, "tcp_accept_queue_size");
	if (read_number(im, root, "tcp_accept_queue_size", UINT32_MAX, &count))
		resolver_set_accept_queue(im->r, im->here, count);
	im->here = json_places_key(im->places, "ipv4_pool");
	resolver_set_pool(im->r, im->here, ADDR_V4, read_string(im, root, "ipv4_pool"));
	im->here = json_places_key(im->places, "ipv6_pool");
	resolver_set_pool(im->r, im->here, ADDR_V6, read_string(im, root, "ipv6_pool"));
	im->here = json_places_key(im->places, "deployment_profile");
	const char *profile = read_string(im, root, "deployment_profile");
	if (profile && !strcmp(profile, "multi-tenant"))
		im->r->policy->multi_tenant = true;
	else if (profile && strcmp(profile, "single-tenant") != 0)
		report(im, "bad-value", "`deployment_profile` is single-tenant or multi-tenant");
}

static void read_expects(struct importer *im, const json_t *root)
{
	static const char *const known[] = { "action", "flow", NULL };
	const json_t *list = read_array(im, root, "expect");
	struct rule_scope scope = { im->r->arena, im->r->diags, im->r->policy, &im->r->budget, NULL };

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *object = json_array_get(list, i);
		struct policy_expect expect = { .span = im->here };
		if (!check_keys(im, object, "an expectation", known))
			continue;
		const char *flow = read_string(im, object, "flow");
		if (!resolver_parse_action(read_string(im, object, "action"), &expect.action) || !flow)
			report(im, "bad-value", "an expectation has an action and a flow");
		else if (expectation_parse(&scope, expect.action, flow, &expect))
			*arena_push(im->r->arena, &im->r->policy->expects) = expect;
	}
}

static void read_document(struct importer *im, const json_t *root)
{
	static const char *const known[] = { "version",
					     "default_egress",
					     "default_ingress",
					     "rules",
					     "published_ports",
					     "dns",
					     "rate_limiter",
					     "max_connections",
					     "max_tcp_connections",
					     "max_udp_connections",
					     "max_connection_rate",
					     "tcp_accept_queue_size",
					     "nat64_prefixes",
					     "interface",
					     "ipv4_pool",
					     "ipv6_pool",
					     "deployment_profile",
					     "expect",
					     NULL };
	uint64_t version;

	im->here = im->places->whole;
	if (!check_keys(im, root, "the document", known))
		return;
	im->here = json_places_key(im->places, "version");
	if (read_number(im, root, "version", INT32_MAX, &version) && version != 1)
		report(im, "bad-value", "version %ju of the format is not known", (uintmax_t)version);
	read_default(im, root, "default_egress", POLICY_EGRESS);
	read_default(im, root, "default_ingress", POLICY_INGRESS);
	im->here = json_places_key(im->places, "rules");
	read_rules(im, root);
	im->here = json_places_key(im->places, "published_ports");
	read_published(im, root);
	im->here = json_places_key(im->places, "dns");
	read_dns(im, root);
	im->here = json_places_key(im->places, "nat64_prefixes");
	read_nat64(im, root);
	im->here = json_places_key(im->places, "interface");
	read_interface(im, root);
	im->here = json_places_key(im->places, "rate_limiter");
	read_limits(im, root);
	read_hosting(im, root);
	im->here = json_places_key(im->places, "expect");
	read_expects(im, root);
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
		diag_error(r->diags, "syntax", (struct span){ source, at ? at - 1 : 0, at }, "no JSON: %s", error.text);
		return false;
	}
	struct importer im = { .r = r, .places = json_places_find(r->arena, r->diags->sources, source) };
	read_document(&im, root);
	json_decref(root);
	return r->diags->errors == errors;
}
