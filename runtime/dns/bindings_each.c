/* All that is bound, for those who look. */
#include "dns/bindings.h"
#include "dns/bindings_state.h"

static bool each_of(const struct entry *entry, uint64_t now_ms,
		    bool (*each)(const char *name, struct addr, uint64_t left_ms, void *context), void *context)
{
	for (size_t i = 0; i < entry->count; i++) {
		const struct binder *binder = &entry->binders[i];
		if (binder->expires_ms > now_ms &&
		    !each(entry->name, binder->addr, binder->expires_ms - now_ms, context))
			return false;
	}
	return true;
}

void bindings_each(const struct bindings *bindings, uint64_t now_ms,
		   bool (*each)(const char *name, struct addr, uint64_t left_ms, void *context), void *context)
{
	for (size_t bucket = 0; bucket < NAME_BUCKETS; bucket++)
		for (const struct entry *entry = bindings->by_name[bucket]; entry; entry = entry->next)
			if (!each_of(entry, now_ms, each, context))
				return;
}
