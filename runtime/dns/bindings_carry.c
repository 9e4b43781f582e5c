/* Another policy while the sandbox runs: what was bound under the one before goes on being so, as far as this one wants it. */
#include "dns/bindings_state.h"

/* A flow is judged by the names that its address had when it began: since when one has it is carried, too */
static void carry_since(struct bindings *fresh, const struct entry *entry, const struct binder *binder)
{
	struct entry *carried = *entry_find(fresh, entry->name, entry->family);

	for (size_t i = 0; carried && i < carried->count; i++)
		if (addr_equal(carried->binders[i].addr, binder->addr))
			carried->binders[i].since_ms = binder->since_ms;
}

/* In the order in which they were answered, so that the oldest gives way first here, too. One for which there is no room is
 * refused, as an answer's would be. */
static void carry_entry(struct bindings *fresh, const struct entry *entry, bindings_keeps *keeps, const void *self,
			struct bindings_changes *out)
{
	for (size_t i = 0; i < entry->count; i++) {
		const struct binder *binder = &entry->binders[i];
		if (binder->expires_ms <= fresh->now_ms || !keeps(self, entry->name, binder->addr) ||
		    bindings_add(fresh, entry->name, entry->family, &binder->addr, 1,
				 binder->expires_ms - fresh->now_ms, out) < 0)
			bindings_remember(fresh, entry, binder);
		else
			carry_since(fresh, entry, binder);
	}
}

void bindings_carry(struct bindings *fresh, struct bindings *from, bindings_keeps *keeps, const void *self,
		    uint64_t now_ms, struct bindings_changes *out)
{
	bindings_carry_ended(fresh, from);
	fresh->gave_way = from->gave_way;
	bindings_begin(fresh, now_ms, out);
	for (size_t i = 0; i < NAME_BUCKETS; i++)
		for (const struct entry *entry = from->by_name[i]; entry; entry = entry->next)
			carry_entry(fresh, entry, keeps, self, out);
}
