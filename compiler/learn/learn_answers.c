/* Who never answered. Flows to one address, protocol and port are one endpoint: it is silent where each of them was, and a service is
 * where all of its endpoints are. Said only where all answers have been told. */
#include "base/escape.h"
#include "base/text.h"
#include "learn/learn_state.h"

static const char *endpoint_key(struct arena *arena, const struct eval_connection *connection)
{
	char text[ADDR_TEXT_MAX];

	return arena_printf(arena, "%s %s %u", addr_format(addr_unmap(connection->addr), text),
			    policy_proto_name(connection->proto), connection->has_port ? connection->port : 0);
}

void learn_answered(struct learn *learn, const struct eval_connection *connection)
{
	struct arena *scratch = arena_new();
	bool added;

	learn_table_add(&learn->answered, endpoint_key(scratch, connection), &added);
	arena_free(scratch);
}

void learn_answers_told(struct learn *learn)
{
	learn->answers_known = true;
}

void learn_reached(struct learn *learn, struct arena *scratch, size_t item, const struct eval_connection *connection)
{
	bool added;
	const char *where = endpoint_key(scratch, connection);
	size_t index = learn_table_add(&learn->reached, arena_printf(scratch, "%zu %s", item, where), &added);

	if (!added)
		return;
	learn->reaches = arena_grow(learn->arena, learn->reaches, index, &learn->reaches_cap, sizeof *learn->reaches);
	learn->reaches[index] = (struct learn_reach){ item, arena_strdup(learn->arena, where) };
}

static const char *item_text(struct arena *arena, const struct learn_item *item)
{
	char text[ADDR_TEXT_MAX];
	const char *target = item->name ? item->name : addr_format_bracketed(item->addr, text);
	const char *flow = arena_printf(arena, "egress@%s:%s", target, policy_proto_name(item->proto));

	return escape_text(arena, item->has_port ? arena_printf(arena, "%s:%u", flow, item->port) : flow);
}

/* The host's services answer by a relay, whether they are there or not */
void learn_find_silent(struct learn *learn)
{
	struct arena *scratch = arena_new();
	bool *heard = arena_alloc(scratch, learn->services.count + 1), added;
	bool known = learn->answers_known && !learn->answered.more && !learn->reached.more;

	for (size_t i = 0; i < learn->services.count; i++)
		heard[i] = !known || learn->items[i].to_host;
	for (size_t i = 0; i < learn->reached.count; i++)
		if (learn_table_find(&learn->answered, learn->reaches[i].where) != LEARN_NOT_THERE)
			heard[learn->reaches[i].item] = true;
	for (size_t i = 0; i < learn->services.count; i++)
		if (!heard[i])
			learn_table_add(&learn->silent, item_text(scratch, &learn->items[i]), &added);
	arena_free(scratch);
}
