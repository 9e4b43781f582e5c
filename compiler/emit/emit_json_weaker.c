/* Where microsandbox reads the JSON that we emit as something weaker: its groups and networks are other ones, and keys
 * of ours are none to it. One warning a kind, at the first rule that has it. */
#include "emit/emit.h"
#include "base/text.h"

static bool denies_meta(const struct policy_rule *rule, const struct policy_target *target)
{
	return rule->action == POLICY_DENY && target->kind == TARGET_GROUP && target->group == ADDR_CLASS_META;
}

static bool allows_public(const struct policy_rule *rule, const struct policy_target *target)
{
	return rule->action == POLICY_ALLOW && (rule->directions & POLICY_EGRESS) && target->kind == TARGET_GROUP &&
	       target->group == ADDR_CLASS_PUBLIC;
}

/* Groups have IPv4 networks, `public` and `host` aside, which have no IPv6 addresses that carry them */
static bool denies_v4(const struct policy_rule *rule, const struct policy_target *target)
{
	if (rule->action != POLICY_DENY || !(rule->directions & POLICY_EGRESS))
		return false;
	if (target->kind == TARGET_GROUP)
		return target->group != ADDR_CLASS_PUBLIC && target->group != ADDR_CLASS_HOST;
	return target->kind == TARGET_CIDR && target->prefix.addr.family == ADDR_V4;
}

static bool has_within(const struct policy_rule *rule, const struct policy_target *target)
{
	(void)target;
	return rule->within.count > 0;
}

static bool has_until(const struct policy_rule *rule, const struct policy_target *target)
{
	(void)target;
	return rule->until.year != 0;
}

static bool has_log(const struct policy_rule *rule, const struct policy_target *target)
{
	(void)target;
	return rule->log;
}

static bool has_no_ech(const struct policy_rule *rule, const struct policy_target *target)
{
	(void)target;
	return rule->no_ech;
}

static bool has_bytes(const struct policy_rule *rule, const struct policy_target *target)
{
	(void)target;
	return rule->bytes != 0;
}

static bool has_because(const struct policy_rule *rule, const struct policy_target *target)
{
	(void)target;
	return rule->because != NULL;
}

static const struct {
	bool (*has)(const struct policy_rule *, const struct policy_target *);
	const char *message, *help;
} kinds[] = {
	{ denies_meta, "`metadata` is one address there, 169.254.169.254: the other endpoints stay as they are",
	  "deny them by their addresses, too: 169.254.170.2, 169.254.170.23, 168.63.129.16, 100.100.100.200, "
	  "192.0.0.192, fd00:ec2::254, fd00:ec2::23, fd20:ce::254" },
	{ allows_public,
	  "`public` is more there: 168.63.129.16, 192.0.0.192, fec0::/10, 64:ff9b:1::/48, and IPv6 addresses that carry "
	  "private IPv4 ones",
	  "deny these before it, and 2002::/16, ::/96, ::ffff:0:0:0/96" },
	{ denies_v4, "a deny of IPv4 addresses leaves out the IPv6 addresses that carry them there, NAT64's aside",
	  "deny the networks of these, too: 2002::/16, ::/96, ::ffff:0:0:0/96" },
	{ has_within, "`in` is not read there: the names are allowed wherever they lead to",
	  "allow the networks instead of the names" },
	{ has_until, "`until` is not read there: the rule stays after its day", "remove the rule there on that day" },
	{ has_no_ech, "`no_ech` is not read there: hellos that hide a name match the rule", NULL },
	{ has_bytes, "`bytes` is not read there: the rule's flows move as much as they like",
	  "bound the whole sandbox: limit egress bytes SIZE" },
	{ has_log, "`log` is not read there: what the rule decides is not logged", NULL },
	{ has_because, "`because` is not read there: why the rule is there is lost", NULL },
};

static bool rule_has(const struct policy_rule *rule, size_t kind)
{
	for (size_t i = 0; i < rule->targets.count; i++)
		if (kinds[kind].has(rule, &rule->targets.items[i]))
			return true;
	return false;
}

static void check_kind(const struct policy *policy, struct diags *diags, size_t kind)
{
	const struct policy_rule *first = NULL;
	size_t count = 0;

	for (size_t i = 0; i < policy->rules.count; i++) {
		if (!rule_has(&policy->rules.items[i], kind))
			continue;
		first = first ? first : &policy->rules.items[i];
		count++;
	}
	if (!first)
		return;
	struct diag *diag =
		diag_warning(diags, "weaker-elsewhere", first->span, "microsandbox: %s", kinds[kind].message);
	diag->help = kinds[kind].help;
	if (count > 1)
		diag->label = arena_printf(diags->arena, "and %zu more rule%s", count - 1, count > 2 ? "s" : "");
}

/* Its own reader of a policy takes the defaults and the rules */
static void check_settings(const struct policy *policy, struct diags *diags)
{
	const struct policy_interface *interface = &policy->interface;
	const struct {
		bool said;
		const char *key;
	} keys[] = {
		{ policy->publishes.count > 0, "published_ports" },
		{ policy->nameservers.count > 0 || !policy->rebind_protection || policy->dns_timeout_ms != 5000 ||
			  policy->binding_minimum_ms != POLICY_BINDING_MINIMUM_MS ||
			  policy->ech_answers != POLICY_ECH_BY_RULES || policy->dns_label.size ||
			  policy->dns_names.size || policy->dns_rate.size,
		  "dns" },
		{ policy->egress_bandwidth.size || policy->egress_ops.size || policy->ingress_bandwidth.size ||
			  policy->ingress_ops.size || policy->egress_bytes.size || policy->ingress_bytes.size,
		  "rate_limiter" },
		{ policy->max_tcp.given, "max_tcp_connections" },
		{ policy->max_udp.given, "max_udp_connections" },
		{ policy->connection_rate.given, "max_connection_rate" },
		{ policy->accept_queue != POLICY_ACCEPT_QUEUE, "tcp_accept_queue_size" },
		{ policy->nat64.count || policy->nat64.well_known, "nat64_prefixes" },
		{ interface->has_mac || interface->mtu || interface->address4.set || interface->address6.set,
		  "interface" },
		{ policy->pool4.set, "ipv4_pool" },
		{ policy->pool6.set, "ipv6_pool" },
		{ policy->deny_ech, "deny_ech" },
		{ policy->multi_tenant, "deployment_profile" },
		{ policy->expects.count > 0, "expect" },
	};
	struct text text = { .arena = diags->arena };

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (keys[i].said)
			text_addf(&text, "%s`%s`", text.count ? ", " : "", keys[i].key);
	if (text.count)
		diag_warning(diags, "weaker-elsewhere", SPAN_NONE,
			     "microsandbox: a policy is its defaults and rules there, without %s", text_get(&text))
			->help = "what it knows of these goes into the `network` around its `policy`";
}

void emit_json_weaker(const struct policy *policy, struct diags *diags)
{
	for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++)
		check_kind(policy, diags, kind);
	check_settings(policy, diags);
}
