/* The policy for the page's script, as JSON: addresses cut into classes that no rule tells apart (analysis/atoms.h), and
 * which of them each rule takes in, asked of the evaluator. So the script compares and looks up, and knows nothing of
 * groups or of addresses within addresses. */
#include "page/page_state.h"
#include "base/escape.h"
#include "base/name.h"
#include "eval/builtin.h"
#include "policy/policy_facts.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static json_t *hex(u128 value)
{
	char text[40];

	snprintf(text, sizeof text, "%llx%016llx", (unsigned long long)(value >> 64), (unsigned long long)value);
	return json_string(text + strspn(text, "0") - (text[strspn(text, "0")] ? 0 : 1));
}

static json_t *range_json(struct addr_range range)
{
	return json_pack("[oo]", hex(range.lo), hex(range.hi));
}

static json_t *text_json(struct page *page, const char *text)
{
	return json_string(escape_json(page->arena, escape_text(page->arena, text)));
}

/* ---- addresses ---- */

/* The unspecified addresses are in no atom, and rules on `any` or on /0 match them all the same */
#define UNSPECIFIED 2
static struct addr member(const struct page *page, uint32_t place)
{
	if (place < UNSPECIFIED)
		return (struct addr){ .family = place ? ADDR_V6 : ADDR_V4 };
	return atoms_member(page->atoms, place - UNSPECIFIED);
}

static uint32_t place_count(const struct page *page)
{
	return UNSPECIFIED + atoms_count(page->atoms);
}

static json_t *ranges_json(const struct page *page, uint32_t place)
{
	json_t *ranges = json_array();

	if (place < UNSPECIFIED) {
		json_array_append_new(ranges, range_json((struct addr_range){ 0, 0 }));
		return ranges;
	}
	const struct atom *atom = atoms_at(page->atoms, place - UNSPECIFIED);
	for (uint32_t i = 0; i < atom->range_count; i++)
		json_array_append_new(ranges, range_json(atoms_ranges(page->atoms, place - UNSPECIFIED)[i]));
	return ranges;
}

/* Whatever is allowed here: what the evaluator makes of it all the same, for TCP and UDP to port 53 and to others, and for
 * protocols without ports. "" where it passes */
static const struct {
	enum policy_proto proto;
	uint16_t port;
} asked[] = {
	{ PROTO_TCP, FLOW_DNS_PORT }, { PROTO_TCP, 1 }, { PROTO_UDP, FLOW_DNS_PORT }, { PROTO_UDP, 1 },
	{ PROTO_ICMPV4, 0 },
};

static const char *veto_word(struct eval_verdict verdict)
{
	return verdict.action == POLICY_ALLOW ? "" : verdict.by.kind == DECIDER_FLOOR ? "floor" : "refused";
}

/* The policy with everything allowed */
static struct eval_context allow_all(const struct page *page)
{
	struct policy *open = arena_alloc(page->arena, sizeof *open);
	struct eval_context context = page->in->context;

	*open = *page->policy;
	open->rules.count = 0;
	open->egress.action = open->ingress.action = POLICY_ALLOW;
	context.policy = open;
	context.bindings = EVAL_NO_BINDINGS;
	return context;
}

static json_t *vetoes_json(const struct eval_context *open, struct addr addr)
{
	json_t *vetoes = json_array();

	for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
		struct eval_connection connection = { .direction = POLICY_EGRESS,
						      .proto = asked[i].proto,
						      .addr = addr,
						      .has_port = policy_proto_has_ports(asked[i].proto),
						      .port = asked[i].port };

		json_array_append_new(vetoes, json_string(veto_word(eval_connection(open, &connection))));
	}
	return vetoes;
}

static json_t *transports_json(const struct eval_context *open)
{
	json_t *vetoes = json_array();

	for (int transport = 0; transport < FLOW_TRANSPORTS; transport++)
		json_array_append_new(
			vetoes, json_string(veto_word(eval_dns(open, "example.com", (enum flow_transport)transport))));
	return vetoes;
}

static json_t *places_json(const struct page *page, const struct eval_context *open)
{
	json_t *places = json_array();

	for (uint32_t i = 0; i < place_count(page); i++) {
		struct addr addr = member(page, i);
		enum addr_class class = addr_classify(addr, &page->in->context.gateway);

		json_array_append_new(places, json_pack("{s:i, s:s, s:o, s:o}", "family", (int)addr.family, "class",
							addr_class_name(class), "vetoes", vetoes_json(open, addr),
							"ranges", ranges_json(page, i)));
	}
	return places;
}

/* Runs of places, [first, last], that `takes` */
static json_t *runs_json(const struct page *page, const struct policy_rule *rule,
			 bool (*takes)(const struct page *, const struct policy_rule *, struct addr))
{
	json_t *runs = json_array();
	uint32_t count = place_count(page);

	for (uint32_t i = 0, end; i < count; i = end + 1) {
		end = i;
		if (!takes(page, rule, member(page, i)))
			continue;
		while (end + 1 < count && takes(page, rule, member(page, end + 1)))
			end++;
		json_array_append_new(runs, json_pack("[ii]", (int)i, (int)end));
	}
	return runs;
}

/* ---- rules ---- */

static bool takes_unbound(const struct page *page, const struct policy_rule *rule, struct addr addr)
{
	struct eval_context context = page->in->context;
	struct eval_connection connection = { .direction = POLICY_EGRESS, .proto = PROTO_TCP, .addr = addr };

	context.bindings = EVAL_NO_BINDINGS;
	return eval_rule_matches_target(&context, rule, &connection);
}

static bool any_of_rule(const void *self, struct addr addr, bool (*each)(const char *, void *), void *context)
{
	const struct policy_rule *rule = self;

	(void)addr;
	for (size_t i = 0; i < rule->targets.count; i++)
		if (policy_target_is_name(&rule->targets.items[i]) && each(rule->targets.items[i].name, context))
			return true;
	return false;
}

static bool takes_bound(const struct page *page, const struct policy_rule *rule, struct addr addr)
{
	struct eval_context context = page->in->context;
	struct eval_connection connection = { .direction = POLICY_EGRESS, .proto = PROTO_TCP, .addr = addr };

	context.bindings = (struct eval_bindings){ any_of_rule, rule };
	return eval_rule_matches_target(&context, rule, &connection);
}

static json_t *names_json(struct page *page, const struct policy_rule *rule)
{
	json_t *names = json_array();

	for (size_t i = 0; i < rule->targets.count; i++) {
		const struct policy_target *target = &rule->targets.items[i];

		if (policy_target_is_name(target))
			json_array_append_new(
				names, json_pack("[ob]", text_json(page, target->name), target->kind == TARGET_SUFFIX));
	}
	return names;
}

/* Transports of lookups of any name whatever that it takes: 1 UDP, 2 TCP, 4 DoT */
static int query_bits(const struct policy_rule *rule)
{
	int bits = 0;

	for (int transport = 0; transport < FLOW_TRANSPORTS; transport++)
		bits |= eval_rule_matches_query(rule, NULL, (enum flow_transport)transport) << transport;
	return bits;
}

static json_t *rule_json(struct page *page, const struct policy_rule *rule)
{
	json_t *object = json_object(), *ports = json_array();

	for (size_t i = 0; i < rule->ports.count; i++)
		json_array_append_new(ports, json_pack("[ii]", rule->ports.items[i].lo, rule->ports.items[i].hi));
	json_object_set_new(object, "text", text_json(page, rule->text));
	json_object_set_new(object, "allow", json_boolean(rule->action == POLICY_ALLOW));
	json_object_set_new(object, "directions", json_integer(rule->directions));
	json_object_set_new(object, "protos", json_integer(rule->protos));
	json_object_set_new(object, "ports", ports);
	json_object_set_new(object, "places", runs_json(page, rule, takes_unbound));
	json_object_set_new(object, "names", names_json(page, rule));
	json_object_set_new(object, "bound",
			    policy_rule_has_names(rule) ? runs_json(page, rule, takes_bound) : json_array());
	json_object_set_new(object, "hidden", json_boolean(eval_rule_judges_quic(page->policy, rule)));
	json_object_set_new(object, "queries", json_integer(query_bits(rule)));
	return object;
}

/* ---- the rest ---- */

static json_t *protos_json(void)
{
	json_t *protos = json_object();

	for (size_t i = 0; i < POLICY_PROTOS; i++)
		json_object_set_new(protos, policy_proto_name(policy_protos[i]),
				    json_pack("{s:i, s:b}", "bit", (int)policy_protos[i], "ports",
					      policy_proto_has_ports(policy_protos[i])));
	return protos;
}

static json_t *refused_json(void)
{
	json_t *refused = json_array();

	for (size_t i = 0; i < EVAL_REFUSED_PORTS; i++)
		json_array_append_new(refused,
				      json_pack("[ii]", (int)eval_refused_ports[i].proto, eval_refused_ports[i].port));
	return refused;
}

static json_t *published_json(const struct policy *policy)
{
	json_t *published = json_array();

	for (size_t i = 0; i < policy->publishes.count; i++)
		json_array_append_new(published, json_pack("[ii]", (int)policy->publishes.items[i].proto,
							   policy->publishes.items[i].guest_port));
	return published;
}

/* Networks in which addresses with bits 64 to 71 set are none of RFC 6052's */
static json_t *malformed_json(const struct addr_nat64 *nat64)
{
	json_t *ranges = json_array();

	for (size_t i = 0; i < nat64->count; i++)
		if (nat64->items[i].len < 96)
			json_array_append_new(ranges, range_json(addr_prefix_range(nat64->items[i])));
	return ranges;
}

/* Where a name leads that no resolve= says: what the evaluator makes up, or the gateway */
static json_t *address_json(struct addr addr)
{
	return json_pack("[io]", (int)addr.family, hex(addr.value));
}

static void add_addresses(const struct page *page, json_t *object)
{
	const struct addr_gateway *gateway = &page->in->context.gateway;
	json_t *host = json_array();

	if (gateway->has4)
		json_array_append_new(host, address_json(gateway->v4));
	if (gateway->has6)
		json_array_append_new(host, address_json(gateway->v6));
	json_object_set_new(object, "hostAddresses", host);
	json_object_set_new(object, "hostName", json_string(NAME_HOST_ALIAS));
	json_object_set_new(object, "some4", address_json(eval_unnamed_public(page->policy, ADDR_V4)));
	json_object_set_new(object, "some6", address_json(eval_unnamed_public(page->policy, ADDR_V6)));
	json_object_set_new(object, "active4", json_boolean(eval_family_active(gateway, ADDR_V4)));
	json_object_set_new(object, "active6", json_boolean(eval_family_active(gateway, ADDR_V6)));
}

/* No byte ends a script element, whatever a name or a rule holds */
static const char *for_script(struct page *page, const char *json)
{
	struct text out = { .arena = page->arena };

	for (const char *at = json; *at;) {
		size_t plain = strcspn(at, "<>&");

		text_add(&out, arena_strndup(page->arena, at, plain));
		at += plain;
		if (*at)
			text_addf(&out, "\\u%04x", (unsigned)*at++);
	}
	return text_get(&out);
}

const char *page_data(struct page *page)
{
	json_t *object = json_object(), *rules = json_array();
	struct eval_context open = allow_all(page);
	const char *safe;
	char *text;

	for (size_t i = 0; i < page->policy->rules.count; i++)
		json_array_append_new(rules, rule_json(page, &page->policy->rules.items[i]));
	json_object_set_new(object, "rules", rules);
	json_object_set_new(object, "places", places_json(page, &open));
	json_object_set_new(object, "transports", transports_json(&open));
	json_object_set_new(object, "egress", json_boolean(page->policy->egress.action == POLICY_ALLOW));
	json_object_set_new(object, "ingress", json_boolean(page->policy->ingress.action == POLICY_ALLOW));
	json_object_set_new(object, "protos", protos_json());
	json_object_set_new(object, "refused", refused_json());
	json_object_set_new(object, "published", published_json(page->policy));
	json_object_set_new(object, "malformed", malformed_json(&page->in->context.gateway.nat64));
	add_addresses(page, object);
	text = arena_must(json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_PRESERVE_ORDER));
	json_decref(object);
	safe = for_script(page, text);
	free(text);
	return safe;
}
