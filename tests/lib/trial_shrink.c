/* Takes parts away as long as what is left differs still: halves first, single ones last. */
#include "trial_shrink.h"

#include <stdlib.h>
#include <string.h>

struct shrinking {
	struct trial *trial;
	struct packet_flow *flow;
	trial_differs *differs;
	void *context;
};

/* Takes away runs of the list's items as long as the flow still differs: halves first, single ones last. */
static void shrink_list(const struct shrinking *by, void *list, size_t size)
{
	struct {
		uint8_t *items;
		size_t count, cap;
	} *of = list;

	for (size_t run = of->count; run; run /= 2)
		for (size_t at = 0; at + run <= of->count;) {
			size_t bytes = of->count * size;
			uint8_t *kept = malloc(bytes + 1);
			memcpy(kept, of->items, bytes);
			memmove(of->items + at * size, of->items + (at + run) * size, (of->count - at - run) * size);
			of->count -= run;
			if (!by->differs(by->context, by->trial, by->flow)) {
				of->count += run;
				memcpy(of->items, kept, bytes);
				at += run;
			}
			free(kept);
		}
}

/* Takes the changed trial where it differs as well */
static void try_trial(const struct shrinking *by, struct trial changed)
{
	if (by->differs(by->context, &changed, by->flow))
		*by->trial = changed;
}

static void shrink_flow(const struct shrinking *by)
{
	struct packet_flow plain = *by->flow;

	plain.form = PACKET_WHOLE;
	plain.options = plain.every_hop = false;
	if (by->differs(by->context, by->trial, &plain))
		*by->flow = plain;
}

void trial_shrink(struct trial *trial, struct packet_flow *flow, trial_differs *differs, void *context)
{
	const struct shrinking by = { trial, flow, differs, context };
	struct trial changed = *trial;

	shrink_flow(&by);
	changed.multi_tenant = false;
	try_trial(&by, changed);
	changed = *trial;
	changed.gateway.nat64 = (struct addr_nat64){ 0 };
	try_trial(&by, changed);
	shrink_list(&by, &trial->rules, sizeof *trial->rules.items);
	shrink_list(&by, &trial->floors, sizeof *trial->floors.items);
	for (size_t i = 0; i < trial->floors.count; i++)
		shrink_list(&by, &trial->floors.items[i].rules, sizeof *trial->floors.items[i].rules.items);
	shrink_list(&by, &trial->bindings, sizeof *trial->bindings.items);
}
