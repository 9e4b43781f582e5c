/* Queries: which rule decides the lookup of each class of names, over each transport, and whether it matters. */
#include "analysis/pass.h"
#include "base/name.h"

#include <string.h>

static const enum flow_transport transports[] = { FLOW_DNS_UDP, FLOW_DNS_TCP, FLOW_DNS_DOT };
#define TRANSPORTS 3

static unsigned transport_proto(enum flow_transport transport)
{
	return transport == FLOW_DNS_UDP ? PROTO_UDP : PROTO_TCP;
}

static bool judges_queries(const struct policy_target *target)
{
	return target->kind == TARGET_ANY || (target->kind == TARGET_GROUP && target->group == ADDR_CLASS_HOST);
}

static size_t judging_target(const struct policy_rule *rule)
{
	size_t i = 0;

	while (i < rule->targets.count && !judges_queries(&rule->targets.items[i]))
		i++;
	return i;
}

/* Whether the rule takes queries by their transport, whatever the name */
static bool takes_transport(const struct policy_rule *rule, enum flow_transport transport)
{
	return (rule->directions & POLICY_EGRESS) && judging_target(rule) < rule->targets.count &&
	       eval_rule_matches_proto(rule, transport_proto(transport)) &&
	       eval_rule_matches_port(rule, true, transport == FLOW_DNS_DOT ? 853 : 53);
}

/* The first two rules that take every query of a transport */
struct by_transport {
	uint32_t rules[TRANSPORTS][2];
};

static struct by_transport find_by_transport(const struct policy *policy)
{
	struct by_transport found;

	memset(&found, 0xff, sizeof found);
	for (uint32_t i = 0; i < policy->rules.count; i++)
		for (size_t t = 0; t < TRANSPORTS; t++) {
			uint32_t *rules = found.rules[t];

			if (rules[1] != NAME_CLASSES_NO_RULE ||
			    !takes_transport(&policy->rules.items[i], transports[t]))
				continue;
			rules[rules[0] != NAME_CLASSES_NO_RULE] = i;
		}
	return found;
}

static enum policy_action action_of(const struct policy *policy, uint32_t rule)
{
	return rule == NAME_CLASSES_NO_RULE ? policy->egress.action : policy->rules.items[rule].action;
}

/* The first two of four, each pair ascending; a rule that is in both counts once */
static void merge(const uint32_t a[2], const uint32_t b[2], uint32_t out[2])
{
	uint32_t first = a[0] < b[0] ? a[0] : b[0];
	uint32_t next_a = a[0] == first ? a[1] : a[0], next_b = b[0] == first ? b[1] : b[0];

	out[0] = first;
	out[1] = next_a < next_b ? next_a : next_b;
}

void analysis_find_resolvable(struct analysis *analysis)
{
	struct by_transport by = find_by_transport(analysis->policy);

	for (uint32_t i = 0; i < analysis->class_count; i++) {
		const struct name_class *class = name_classes_at(analysis->names, i);

		for (size_t t = 0; t < TRANSPORTS && class->member; t++) {
			uint32_t two[2];

			merge(class->lookup[0], by.rules[t], two);
			if (transports[t] != FLOW_DNS_DOT && action_of(analysis->policy, two[0]) == POLICY_ALLOW)
				analysis->resolvable[i] = analysis->any_resolvable = true;
		}
	}
}

static void note_by_transport(struct analysis *analysis, uint32_t index, enum flow_transport transport)
{
	const struct policy_rule *rule = &analysis->policy->rules.items[index];
	struct rule_facts *facts = &analysis->rules[index];
	uint16_t port = transport == FLOW_DNS_DOT ? 853 : 53;

	facts->protos |= transport_proto(transport);
	if (facts->targets)
		facts->targets[judging_target(rule)] = true;
	for (size_t i = 0; facts->ports && i < rule->ports.count; i++)
		if (rule->ports.items[i].lo <= port && port <= rule->ports.items[i].hi) {
			facts->ports[i] = true;
			break;
		}
}

static void look_at_query(struct analysis *analysis, uint32_t class, size_t t, const struct by_transport *by)
{
	const struct name_class *name = name_classes_at(analysis->names, class);
	struct witness flow = { .kind = FLOW_DNS, .name = name->member, .transport = transports[t] };
	struct rule_facts *rule;
	uint32_t two[2];

	merge(name->lookup[0], by->rules[t], two);
	if (two[0] == NAME_CLASSES_NO_RULE)
		return;
	rule = &analysis->rules[two[0]];
	rule_facts_mark(rule, &flow);
	if (two[0] == name->lookup[0][0])
		rule_facts_note_names(analysis, two[0], class);
	if (two[0] == by->rules[t][0])
		note_by_transport(analysis, two[0], transports[t]);
	if (action_of(analysis->policy, two[1]) != action_of(analysis->policy, two[0]))
		rule->effect = true;
}

void analysis_find_queries(struct analysis *analysis)
{
	struct by_transport by = find_by_transport(analysis->policy);

	for (uint32_t i = 0; i < analysis->class_count; i++)
		for (size_t t = 0; t < TRANSPORTS && name_classes_at(analysis->names, i)->member; t++)
			look_at_query(analysis, i, t, &by);
}

/* ---- which of a rule's names a class stands for ---- */

static uint64_t *noted_slot(uint64_t *items, size_t cap, uint64_t key)
{
	size_t at = (size_t)(key * 0x9e3779b97f4a7c15u >> 20) & (cap - 1);

	while (items[at] && items[at] != key)
		at = (at + 1) & (cap - 1);
	return &items[at];
}

/* false: it was there */
static bool note_once(struct analysis *analysis, size_t rule, uint32_t class)
{
	uint64_t key = ((uint64_t)rule << 32 | class) + 1, *slot;

	if (analysis->noted_used * 2 >= analysis->noted.cap) {
		size_t cap = analysis->noted.cap ? analysis->noted.cap * 2 : 256;
		uint64_t *items = arena_alloc(analysis->arena, cap * sizeof *items);

		for (size_t i = 0; i < analysis->noted.cap; i++)
			if (analysis->noted.items[i])
				*noted_slot(items, cap, analysis->noted.items[i]) = analysis->noted.items[i];
		analysis->noted.items = items;
		analysis->noted.cap = cap;
	}
	slot = noted_slot(analysis->noted.items, analysis->noted.cap, key);
	if (*slot)
		return false;
	*slot = key;
	analysis->noted_used++;
	return true;
}

static bool target_takes(const struct policy_target *target, const struct name_pattern *pattern)
{
	if (target->kind == TARGET_SUFFIX)
		return name_has_suffix(pattern->name, target->name);
	return target->kind == TARGET_DOMAIN && !pattern->suffix && name_equal(pattern->name, target->name);
}

/* The rule decides something of this class: so do those of its names that are first to take one of the
 * class's patterns. */
void rule_facts_note_names(struct analysis *analysis, size_t index, uint32_t class)
{
	const struct policy_rule *rule = &analysis->policy->rules.items[index];
	const struct name_class *item = name_classes_at(analysis->names, class);
	bool *targets = analysis->rules[index].targets;

	if (!targets || !note_once(analysis, index, class))
		return;
	for (size_t i = 0; i < item->patterns.count; i++)
		for (size_t j = 0; j < rule->targets.count; j++) {
			if (!fuel_use(analysis->fuel, 1))
				return;
			if (target_takes(&rule->targets.items[j], &item->patterns.items[i])) {
				targets[j] = true;
				break;
			}
		}
}
