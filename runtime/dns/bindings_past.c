/* Live and remembered intervals, one address's. */
#include "dns/bindings_past.h"
#include "dns/bindings_state.h"

/* The kernel's elements live a little longer than what is noted here, and its clock of a flow's start is another one */
#define SLACK_MS 50

static bool holds(const struct bindings_past *past, uint64_t since_ms, uint64_t end_ms)
{
	return !past->has_when || (since_ms <= past->when_ms + SLACK_MS && past->when_ms < end_ms + SLACK_MS);
}

static bool any_name(const void *self, struct addr addr, bool (*each)(const char *name, void *context), void *context)
{
	const struct bindings_past *past = self;
	struct bindings *bindings = (struct bindings *)past->bindings;
	const struct ended *ended;

	addr = addr_unmap(addr);
	for (struct binder *binder = *bindings_at(bindings, addr); binder; binder = binder->next)
		if (addr_equal(binder->addr, addr) && holds(past, binder->since_ms, binder->expires_ms) &&
		    each(binder->entry->name, context))
			return true;
	for (size_t at = 0; (ended = bindings_ended_next(bindings, addr, &at));)
		if (holds(past, ended->since_ms, ended->ended_ms) && each(ended->name, context))
			return true;
	return false;
}

struct eval_bindings bindings_past_view(const struct bindings_past *past)
{
	return (struct eval_bindings){ any_name, past };
}
