/* What the kernel is to hold of a bound address: an element in the set of each rule whose names hold it; or one in its subject's
 * map, which stands for all of them (ways.h). */
#include "dns/bindings_state.h"
#include "policy/policy_facts.h"

#define EXPIRE_A_TURN 256 /* addresses */

/* A rule's slot, and until when its names hold an address */
struct held {
	uint32_t slot;
	uint64_t until_ms;
};

static int compare_held(const void *a, const void *b)
{
	const struct held *x = a, *y = b;
	return COMPARE(x->slot, y->slot) ?: COMPARE(y->until_ms, x->until_ms);
}

struct held_list {
	struct held *items;
	size_t count, cap;
};

static void add_held(struct bindings *bindings, const struct binder *binder, struct held_list *out)
{
	for (size_t i = 0; i < binder->entry->slot_count; i++) {
		uint32_t number = binder->entry->slots[i];
		const struct slot *slot = &bindings->slots.items[number];
		if ((binder->addr.family == ADDR_V4 ? slot->set4 : slot->set6) &&
		    policy_rule_places(slot->rule, binder->addr, &bindings->gateway))
			*arena_push(bindings->turn, out) = (struct held){ number, binder->expires_ms };
	}
}

/* The rules whose names hold it now, in the slots' order, each until the last of its names ends */
static struct held_list held_by(struct bindings *bindings, struct addr addr)
{
	struct held_list held = { 0 };
	size_t kept = 0;
	for (struct binder *binder = *bindings_at(bindings, addr); binder; binder = binder->next)
		if (addr_equal(binder->addr, addr) && binder->expires_ms > bindings->now_ms)
			add_held(bindings, binder, &held);
	if (held.count)
		qsort(held.items, held.count, sizeof *held.items, compare_held);
	for (size_t i = 0; i < held.count; i++)
		if (!kept || held.items[kept - 1].slot != held.items[i].slot)
			held.items[kept++] = held.items[i];
	held.count = kept;
	return held;
}

static const char *slot_set(const struct slot *slot, enum addr_family family)
{
	return family == ADDR_V4 ? slot->set4 : slot->set6;
}

static uint64_t until_of(const struct held_list *held, uint32_t slot)
{
	for (size_t i = 0; i < held->count; i++)
		if (held->items[i].slot == slot)
			return held->items[i].until_ms;
	return 0;
}

/* One rule's set */
static void change_set(struct bindings *bindings, uint32_t number, struct addr addr, const struct held_list *held,
		       struct bindings_changes *out)
{
	const struct slot *slot = &bindings->slots.items[number];
	uint64_t until_ms = until_of(held, number);
	*arena_push(bindings->turn, out) =
		(struct bindings_change){ .set = slot_set(slot, addr.family),
					  .addr = addr,
					  .timeout_ms = until_ms ? until_ms - bindings->now_ms : 0,
					  .remove = until_ms == 0,
					  .source = number };
}

/* One subject's map */
static void change_map(struct bindings *bindings, size_t subject, struct addr addr, const struct held_list *held,
		       struct bindings_changes *out)
{
	struct way_rule *rules = arena_alloc(bindings->turn, (held->count + 1) * sizeof *rules);
	size_t count = 0;
	for (size_t i = 0; i < held->count; i++) {
		const struct slot *slot = &bindings->slots.items[held->items[i].slot];
		if (slot->subject == subject)
			rules[count++] =
				(struct way_rule){ slot->number, held->items[i].until_ms, slot_set(slot, addr.family) };
	}
	ways_set(bindings->ways, subject, addr, rules, count, out);
}

static bool has_map(const struct bindings *bindings, size_t subject, enum addr_family family)
{
	return bindings->ways && ways_has(bindings->ways, subject, family);
}

void bindings_change_for(struct bindings *bindings, const struct entry *entry, struct addr addr,
			 struct bindings_changes *out)
{
	size_t done = SIZE_MAX; /* the last subject whose map was changed */
	if (!entry->slot_count)
		return;
	struct held_list held = held_by(bindings, addr);
	for (size_t i = 0; i < entry->slot_count; i++) {
		const struct slot *slot = &bindings->slots.items[entry->slots[i]];
		if (has_map(bindings, slot->subject, addr.family)) {
			if (done != slot->subject)
				change_map(bindings, slot->subject, addr, &held, out);
			done = slot->subject;
		} else if (slot_set(slot, addr.family) && policy_rule_places(slot->rule, addr, &bindings->gateway)) {
			change_set(bindings, entry->slots[i], addr, &held, out);
		}
	}
}

void bindings_change_owed(struct bindings *bindings, struct bindings_changes *out)
{
	for (size_t i = 0; i < bindings->owed.count; i++) {
		const struct owed *owed = &bindings->owed.items[i];
		struct held_list held = held_by(bindings, owed->addr);
		if (owed->map)
			change_map(bindings, owed->source, owed->addr, &held, out);
		else
			change_set(bindings, owed->source, owed->addr, &held, out);
	}
	bindings->owed.count = 0;
}

void bindings_change_due(struct bindings *bindings, struct bindings_changes *out)
{
	struct addr addr;
	size_t subject;
	for (int i = 0; i < EXPIRE_A_TURN && ways_due(bindings->ways, bindings->now_ms, &subject, &addr); i++) {
		struct held_list held = held_by(bindings, addr);
		change_map(bindings, subject, addr, &held, out);
	}
}
