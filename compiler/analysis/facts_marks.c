/* Notes that a rule decides something, and by which of its names. */
#include "analysis/facts_state.h"
#include "base/name.h"

void facts_decided(struct rule_facts *rule, const struct witness *flow)
{
	if (!rule->decides)
		rule->example = *flow;
	rule->decides = true;
}

static uint64_t *find_slot(uint64_t *slots, size_t size, uint64_t key)
{
	size_t at = (size_t)(key * 0x9e3779b97f4a7c15u >> 20) & (size - 1);

	while (slots[at] && slots[at] != key)
		at = (at + 1) & (size - 1);
	return &slots[at];
}

/* false: it was there */
static bool mark_once(struct facts *facts, size_t rule, uint32_t class)
{
	uint64_t key = ((uint64_t)rule << 32 | class) + 1, *slot;

	if (facts->marked.used * 2 >= facts->marked.size) {
		size_t size = facts->marked.size ? facts->marked.size * 2 : 256;
		uint64_t *slots = arena_alloc(facts->analysis->arena, size * sizeof *slots);

		for (size_t i = 0; i < facts->marked.size; i++)
			if (facts->marked.slots[i])
				*find_slot(slots, size, facts->marked.slots[i]) = facts->marked.slots[i];
		facts->marked.slots = slots;
		facts->marked.size = size;
	}
	slot = find_slot(facts->marked.slots, facts->marked.size, key);
	if (*slot)
		return false;
	*slot = key;
	facts->marked.used++;
	return true;
}

bool facts_has_names(const struct facts *facts, size_t rule, uint32_t class)
{
	uint64_t key = ((uint64_t)rule << 32 | class) + 1;

	return !facts->rules[rule].targets ||
	       (facts->marked.size && *find_slot(facts->marked.slots, facts->marked.size, key));
}

static bool target_takes(const struct policy_target *target, const struct name_pattern *pattern)
{
	if (target->kind == TARGET_SUFFIX)
		return name_has_suffix(pattern->name, target->name);
	return target->kind == TARGET_DOMAIN && !pattern->suffix && name_equal(pattern->name, target->name);
}

void facts_mark_names(struct facts *facts, size_t index, uint32_t class)
{
	const struct policy_rule *rule = &facts->plane->policy->rules.items[index];
	const struct name_class *item = name_classes_at(facts->analysis->names, class);
	bool *targets = facts->rules[index].targets;

	if (!targets || !mark_once(facts, index, class))
		return;
	for (size_t i = 0; i < item->patterns.count; i++)
		for (size_t j = 0; j < rule->targets.count; j++) {
			if (!fuel_use(facts->analysis->fuel, 1))
				return;
			if (target_takes(&rule->targets.items[j], &item->patterns.items[i])) {
				targets[j] = true;
				break;
			}
		}
}
