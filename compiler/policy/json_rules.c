/* Rules of a JSON document. A rule of several targets is as many entries there, told by the number of the rule that
 * they are parts of. */
#include "policy/json_rules.h"
#include "policy/json_words.h"

#include <string.h>

enum { RULES_AT_ONCE = 4096 }; /* how many are open at a time */

struct rules {
	struct json_read read;
	size_t part_of;   /* the "rule" key of the entry before; 0: none */
	size_t last_part; /* the last one that an entry had */
};

bool json_rules_require(struct json_read *read, const struct json_node *object, enum import_shape shape, const char *id,
			const char *key)
{
	if (json_read_get(object, key))
		return true;
	json_read_report(read, id, object->span, "%s has no `%s`", import_keys_name(shape), key);
	return false;
}

bool json_rules_action(struct json_read *read, const struct json_node *object, const char *key, const char *id,
		       enum policy_action *out)
{
	static const char *const words[] = { "allow", "deny", NULL };
	int index = json_read_word(read, object, key, id, "action", words);

	if (index >= 0)
		*out = index ? POLICY_DENY : POLICY_ALLOW;
	return index >= 0;
}

/* ---- targets ---- */

static bool read_group(struct json_read *read, const struct json_node *destination, struct policy_target *out)
{
	int index = json_read_word(read, destination, "group", "ambiguous-bare", "group", json_group_words);

	if (index < 0)
		return false;
	*out = (struct policy_target){ .kind = TARGET_GROUP, .group = json_groups[index].group };
	return true;
}

static const char destinations[] =
	"\"any\", or one of group, cidr, domain, domain_suffix: { \"domain\": \"github.com\" }";

static bool read_any(struct json_read *read, const struct json_node *destination, struct policy_target *out)
{
	const char *word = json_string_value(destination->json);
	const char *const *group = json_group_words;

	if (!strcmp(word, "any")) {
		*out = (struct policy_target){ .kind = TARGET_ANY };
		return true;
	}
	while (*group && strcmp(*group, word) != 0)
		group++;
	struct diag *diag =
		json_read_report(read, "bad-target", json_tree_inside(destination), "no such destination: `%s`", word);
	diag->help = *group ? arena_printf(read->r->arena, "write { \"group\": \"%s\" }", word) : destinations;
	return false;
}

static bool read_one(struct json_read *read, const struct json_node *destination, struct policy_target *out)
{
	static const struct {
		const char *kind;
		bool (*parse)(const struct rule_scope *, const struct ast_word *, struct policy_target *);
	} kinds[] = { { "cidr", rule_parse_cidr },
		      { "domain", rule_parse_domain },
		      { "domain_suffix", rule_parse_suffix } };
	struct rule_scope scope = { .arena = read->r->arena, .diags = read->r->diags };
	const char *kind = destination->parts[0].name;

	if (!strcmp(kind, "group"))
		return read_group(read, destination, out);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		struct ast_word word = { .span = json_read_span(destination, kind) };
		if (strcmp(kinds[i].kind, kind) != 0)
			continue;
		word.text = json_read_text(read, destination, kind);
		return word.text && kinds[i].parse(&scope, &word, out);
	}
	return false;
}

static bool read_destination(struct json_read *read, const struct json_node *rule, struct policy_target *out)
{
	struct json_node *destination = json_read_get(rule, "destination");
	size_t errors = read->r->diags->errors;
	bool ok;

	if (!json_rules_require(read, rule, IMPORT_JSON_RULE, "bad-target", "destination"))
		return false;
	if (json_is_string(destination->json)) {
		ok = read_any(read, destination, out);
	} else if (!json_read_object(read, destination, IMPORT_JSON_DESTINATION) || read->r->diags->errors > errors) {
		ok = false;
	} else if (destination->count != 1) {
		json_read_report(read, "bad-target", destination->span, "a destination has one key, not %zu",
				 destination->count)
			->help =
			"\"any\", or one of group, cidr, domain, domain_suffix: { \"domain\": \"github.com\" }";
		ok = false;
	} else {
		ok = read_one(read, destination, out);
	}
	out->span = rule->span;
	return ok;
}

/* ---- the parts of a rule ---- */

static bool read_protocols(struct json_read *read, const struct json_node *rule, unsigned *out)
{
	static const char *const words[] = { "tcp", "udp", "icmpv4", "icmpv6", NULL };
	const struct json_node *list = json_read_list(read, rule, "protocols");

	for (size_t i = 0; list && i < list->count; i++) {
		const struct json_node *element = &list->parts[i];
		const char *word = json_read_element(read, element, "protocols");
		enum policy_proto proto;
		if (!*word && !json_is_string(element->json))
			return false;
		if (!rule_parse_proto(word, &proto)) {
			import_keys_word(read->r->diags, "bad-proto", json_tree_inside(element), "protocol", word,
					 words);
			return false;
		}
		*out |= proto;
	}
	return list || !json_read_get(rule, "protocols");
}

static bool read_range(struct json_read *read, struct json_node *range, struct policy_port_range *out)
{
	uint64_t lo, hi;

	if (!json_read_object(read, range, IMPORT_JSON_PORT_RANGE) ||
	    !json_rules_require(read, range, IMPORT_JSON_PORT_RANGE, "bad-ports", "start") ||
	    !json_rules_require(read, range, IMPORT_JSON_PORT_RANGE, "bad-ports", "end") ||
	    !json_read_number(read, range, "start", UINT16_MAX, &lo) ||
	    !json_read_number(read, range, "end", UINT16_MAX, &hi))
		return false;
	if (lo > hi) {
		json_read_report(read, "inverted-range", range->span, "port range runs backwards: %ju is more than %ju",
				 (uintmax_t)lo, (uintmax_t)hi);
		return false;
	}
	out->lo = (uint16_t)lo;
	out->hi = (uint16_t)hi;
	return true;
}

static bool read_ports(struct json_read *read, const struct json_node *rule, struct policy_rule *out)
{
	struct json_node *list = json_read_list(read, rule, "ports");

	for (size_t i = 0; list && i < list->count; i++) {
		struct policy_port_range range = { .span = rule->span };
		if (!read_range(read, &list->parts[i], &range))
			return false;
		*arena_push(read->r->arena, &out->ports) = range;
	}
	return list || !json_read_get(rule, "ports");
}

/* "in": ["10.20.0.0/16"] */
static bool read_within(struct json_read *read, const struct json_node *rule, struct policy_rule *out)
{
	struct rule_scope scope = { .arena = read->r->arena, .diags = read->r->diags };
	const struct json_node *list = json_read_list(read, rule, "in");

	for (size_t i = 0; list && i < list->count; i++) {
		struct ast_word word = { .span = json_tree_inside(&list->parts[i]) };
		struct policy_target network;
		if (!json_is_string(list->parts[i].json)) {
			json_read_report(read, "bad-in", word.span,
					 "`in` is a list of networks, like [\"10.20.0.0/16\"]");
			return false;
		}
		word.text = json_read_element(read, &list->parts[i], "in");
		if (!rule_parse_cidr(&scope, &word, &network) || !rule_add_network(&scope, &network, &out->within))
			return false;
	}
	if (list && !out->within.count)
		json_read_report(read, "bad-in", list->span, "`in` is a list of networks, and this one is empty");
	return !json_read_get(rule, "in") || out->within.count > 0;
}

/* Once the targets are known */
static bool check_within(struct json_read *read, const struct json_node *node, const struct policy_rule *rule,
			 const struct policy_target *target)
{
	struct rule_scope scope = { .arena = read->r->arena, .diags = read->r->diags };
	struct policy_rule one = *rule;

	one.targets = (struct policy_targets){ 0 };
	*arena_push(read->r->arena, &one.targets) = *target;
	return !rule->within.count || rule_check_within(&scope, &one, json_read_span(node, "in"));
}

static bool check_ech(struct json_read *read, const struct json_node *node, const struct policy_rule *rule,
		      const struct policy_target *target)
{
	struct policy_rule one = *rule;

	one.targets = (struct policy_targets){ 0 };
	*arena_push(read->r->arena, &one.targets) = *target;
	return !rule->no_ech || resolver_check_no_ech(read->r, &one, json_read_span(node, "no_ech"));
}

static bool read_direction(struct json_read *read, const struct json_node *rule, unsigned *out)
{
	static const char *const words[] = { "egress", "ingress", "any", NULL };
	int index;

	if (!json_rules_require(read, rule, IMPORT_JSON_RULE, "bad-direction", "direction"))
		return false;
	index = json_read_word(read, rule, "direction", "bad-direction", "direction", words);
	*out = (unsigned)index + 1; /* a set: any is both */
	return index >= 0;
}

static bool read_attributes(struct json_read *read, const struct json_node *rule, struct policy_rule *out)
{
	const char *until = json_read_text(read, rule, "until");

	out->because = json_read_text(read, rule, "because");
	json_read_flag(read, rule, "log", &out->log);
	json_read_flag(read, rule, "no_ech", &out->no_ech);
	out->bytes_span = json_read_span(rule, "bytes");
	if (json_read_number(read, rule, "bytes", INT64_MAX, &out->bytes) && !out->bytes)
		json_read_report(read, "bad-bytes", out->bytes_span, "a limit of bytes is at least 1");
	if (!until)
		return true;
	if (!date_parse(until, &out->until)) {
		json_read_report(read, "bad-date", json_read_span(rule, "until"), "no date: `%s`", until)->help =
			"like \"2027-06-30\"";
		return false;
	}
	out->until_span = rule->span;
	resolver_check_until(read->r, out);
	return true;
}

/* ---- one rule of several entries ---- */

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
	if (a->no_ech != b->no_ech)
		return "no_ech";
	if (a->bytes != b->bytes)
		return "bytes";
	return a->log != b->log ? "log" : NULL;
}

/* Entries of one "rule" stand together, are equal but for their destination, and make one rule of all their targets. */
static void add_part(struct rules *rules, const struct json_node *node, size_t part_of, const struct policy_rule *rule,
		     const struct policy_target *target)
{
	struct resolver *r = rules->read.r;
	struct policy *policy = r->policy;
	bool joins = part_of && part_of == rules->part_of && policy->rules.count;
	struct policy_rule *last = joins ? &policy->rules.items[policy->rules.count - 1] : NULL;
	const char *key = joins ? differing_key(last, rule) : NULL;

	if (key) {
		struct diag *diag =
			json_read_report(&rules->read, "conflict", json_read_span(node, key),
					 "a part of rule %zu with another `%s` than its first", part_of, key);
		diag_relate(r->diags, diag, last->span, "the rule begins here");
		return;
	}
	if (part_of && !joins && part_of <= rules->last_part) {
		json_read_report(&rules->read, "conflict", json_read_span(node, "rule"),
				 "a part of rule %zu that does not follow its other parts", part_of);
		return;
	}
	if (!joins) {
		last = arena_push(r->arena, &policy->rules);
		*last = *rule;
	}
	*arena_push(r->arena, &last->targets) = *target;
}

static void read_rule(struct rules *rules, struct json_node *node)
{
	struct policy_rule rule = { .until_span = SPAN_NONE, .origin = ORIGIN_FILE, .span = node->span };
	struct json_read *read = &rules->read;
	struct policy_target target;
	uint64_t part_of = 0;

	if (!json_read_object(read, node, IMPORT_JSON_RULE) ||
	    !json_rules_require(read, node, IMPORT_JSON_RULE, "bad-action", "action") ||
	    !json_rules_action(read, node, "action", "bad-action", &rule.action) ||
	    !read_direction(read, node, &rule.directions) || !read_destination(read, node, &target) ||
	    !read_protocols(read, node, &rule.protos) || !read_ports(read, node, &rule) ||
	    !read_within(read, node, &rule) || !check_within(read, node, &rule, &target) ||
	    !read_attributes(read, node, &rule) || !check_ech(read, node, &rule, &target))
		return;
	if ((rule.directions & POLICY_INGRESS) && (rule.protos & (PROTO_ICMPV4 | PROTO_ICMPV6))) {
		json_read_report(read, "icmp-ingress", json_read_span(node, "protocols"),
				 "ICMP rules are for egress only");
		return;
	}
	if (json_read_number(read, node, "rule", INT32_MAX, &part_of) && !part_of)
		json_read_report(read, "bad-value", json_read_span(node, "rule"), "`rule` counts from 1");
	add_part(rules, node, part_of, &rule, &target);
	rules->part_of = part_of;
	if (part_of > rules->last_part)
		rules->last_part = part_of;
}

static void read_default(struct json_read *read, const struct json_node *policy, const char *key,
			 enum policy_direction direction)
{
	enum policy_action action = POLICY_DENY;

	if (json_read_get(policy, key) && !json_rules_action(read, policy, key, "bad-default-action", &action))
		return;
	resolver_set_default(read->r, direction, action, json_read_span(policy, key));
}

void json_rules_read(struct json_read *read, const struct json_node *policy)
{
	struct rules rules = { .read = { read->r, NULL } };
	struct policy *out = read->r->policy;

	read_default(read, policy, "default_egress", POLICY_EGRESS);
	read_default(read, policy, "default_ingress", POLICY_INGRESS);
	struct json_node *list = json_read_list(read, policy, "rules");
	for (size_t i = 0; list && i < list->count; i++) {
		if (i % RULES_AT_ONCE == 0) {
			arena_free(rules.read.nodes);
			rules.read.nodes = arena_new();
		}
		read_rule(&rules, &list->parts[i]);
	}
	arena_free(rules.read.nodes);
	for (size_t i = 0; i < out->rules.count; i++)
		out->rules.items[i].text = policy_rule_format(read->r->arena, &out->rules.items[i]);
}
