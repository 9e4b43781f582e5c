/* Taking in what a run does, each different thing once. */
#include "learn/learn_state.h"
#include "base/escape.h"
#include "base/name.h"
#include "eval/suggest.h"
#include "policy/flow.h"

#include <string.h>

struct learn *learn_new(struct arena *arena, const struct addr_gateway *gateway)
{
	struct learn *learn = arena_alloc(arena, sizeof *learn);

	*learn = (struct learn){
		.arena = arena,
		.gateway = *gateway,
		.services = learn_table_new(arena, LEARN_MOST),
		.lookups = learn_table_new(arena, LEARN_MOST),
		.pairs = learn_table_new(arena, LEARN_ADDRESSES_MOST),
		.addresses = learn_table_new(arena, LEARN_ADDRESSES_MOST),
		.endpoints = learn_table_new(arena, LEARN_ADDRESSES_MOST),
		.odd = learn_table_new(arena, LEARN_NOTES_MOST),
		.denied = learn_table_new(arena, LEARN_NOTES_MOST),
		.answered = learn_table_new(arena, LEARN_ADDRESSES_MOST),
		.reached = learn_table_new(arena, LEARN_ADDRESSES_MOST),
		.silent = learn_table_new(arena, LEARN_NOTES_MOST),
	};
	return learn;
}

struct learn_missing learn_missing(const struct learn *learn)
{
	return (struct learn_missing){ learn->services.more, learn->lookups.more,
				       learn->pairs.more + learn->addresses.more + learn->endpoints.more,
				       learn->denied.more };
}

/* What no rule is made for becomes a comment: fit for a terminal, so on one line */
static void note_odd(struct learn *learn, const char *what)
{
	bool added;

	learn_table_add(&learn->odd, what, &added);
}

/* ---- names ---- */

static bool is_learnt_name(struct arena *arena, const char *name)
{
	return name_equal(name, NAME_HOST_ALIAS) || suggest_offers_name(arena, name);
}

void learn_lookup(struct learn *learn, const char *name)
{
	struct arena *scratch = arena_new();
	bool added;

	if (is_learnt_name(scratch, name))
		learn_table_add(&learn->lookups, name, &added);
	else
		note_odd(learn, arena_printf(scratch, "a lookup of %s", escape_text(scratch, name)));
	arena_free(scratch);
}

static const char *addr_key(struct arena *arena, struct addr addr)
{
	char text[ADDR_TEXT_MAX];

	return arena_strdup(arena, addr_format(addr, text));
}

void learn_answer(struct learn *learn, const char *name, struct addr addr)
{
	struct arena *scratch = arena_new();
	const char *key = addr_key(scratch, addr_unmap(addr));
	bool added;

	if (is_learnt_name(scratch, name) && learn_table_find(&learn->lookups, name) != LEARN_NOT_THERE) {
		size_t index = learn_table_add(&learn->addresses, key, &added);
		if (added)
			learn->last_names = arena_grow(learn->arena, learn->last_names, index, &learn->last_cap,
						       sizeof *learn->last_names);
		if (index != LEARN_NOT_THERE)
			learn->last_names[index] = learn->lookups.keys[learn_table_find(&learn->lookups, name)];
		learn_table_add(&learn->pairs, arena_printf(scratch, "%s %s", key, name), &added);
	}
	arena_free(scratch);
}

static const char *name_of(const struct learn *learn, struct arena *scratch, struct addr addr)
{
	size_t index = learn_table_find(&learn->addresses, addr_key(scratch, addr));

	return index == LEARN_NOT_THERE ? NULL : learn->last_names[index];
}

/* The server name as it was looked up, where the address was given for it */
static const char *said_name(const struct learn *learn, struct arena *scratch, const struct eval_connection *connection)
{
	size_t len = strlen(connection->sni), index;
	char *name = arena_strndup(scratch, connection->sni, len && connection->sni[len - 1] == '.' ? len - 1 : len);

	for (char *at = name; *at; at++)
		if (*at >= 'A' && *at <= 'Z')
			*at = (char)(*at - 'A' + 'a');
	index = learn_table_find(&learn->lookups, name);
	if (index == LEARN_NOT_THERE ||
	    learn_table_find(&learn->pairs, arena_printf(scratch, "%s %s", addr_key(scratch, connection->addr),
							 name)) == LEARN_NOT_THERE)
		return NULL;
	return learn->lookups.keys[index];
}

/* ---- flows ---- */

/* What a rule can say of it: of the wrong family, ICMP matches none */
static bool has_protocol(const struct eval_connection *connection)
{
	enum addr_family family = connection->addr.family;

	return connection->proto != PROTO_OTHER && (connection->proto != PROTO_ICMPV4 || family == ADDR_V4) &&
	       (connection->proto != PROTO_ICMPV6 || family == ADDR_V6);
}

static bool has_class(const struct eval_connection *connection, const struct learn *learn)
{
	enum addr_class class = addr_classify(connection->addr, &learn->gateway);

	return class == ADDR_CLASS_PUBLIC || class == ADDR_CLASS_PRIVATE || class == ADDR_CLASS_HOST;
}

static const char *service_text(struct arena *arena, const struct eval_connection *connection)
{
	return connection->has_port ?
		       arena_printf(arena, "%s %u", policy_proto_name(connection->proto), connection->port) :
		       policy_proto_name(connection->proto);
}

static void add_reserved(struct learn *learn, struct learn_item *item, struct addr addr)
{
	for (size_t i = 0; i < item->reserved.count; i++)
		if (addr_equal(item->reserved.items[i], addr))
			return;
	if (item->reserved.count < LEARN_RESERVED_MOST)
		*arena_push(learn->arena, &item->reserved) = addr;
	else
		learn->pairs.more++;
}

static void add_service(struct learn *learn, struct arena *scratch, const struct eval_connection *connection,
			const char *name, size_t count)
{
	bool host = addr_classify(connection->addr, &learn->gateway) == ADDR_CLASS_HOST, added;
	const char *target = name ? name : host ? "host" : addr_key(scratch, connection->addr);
	/* a blank is in no name and no address: "n" and "a" tell which it is */
	size_t index = learn_table_add(
		&learn->services,
		arena_printf(scratch, "%s %s %s", name ? "n" : "a", target, service_text(scratch, connection)), &added);

	if (index == LEARN_NOT_THERE)
		return;
	if (added)
		learn->items = arena_grow(learn->arena, learn->items, index, &learn->item_cap, sizeof *learn->items);
	struct learn_item *item = &learn->items[index];
	item->name = name;
	item->addr = connection->addr;
	item->to_host = host && !name;
	item->proto = connection->proto;
	item->has_port = connection->has_port;
	item->port = connection->port;
	item->count += count;
	learn_reached(learn, scratch, index, connection);
	if (name && addr_is_reserved(connection->addr, &learn->gateway) && !host)
		add_reserved(learn, item, connection->addr);
	else
		item->at_public = true;
}

static struct eval_connection unmapped(const struct eval_connection *connection)
{
	struct eval_connection plain = *connection;

	plain.addr = addr_unmap(connection->addr);
	return plain;
}

static void take(struct learn *learn, struct arena *scratch, const struct eval_connection *connection, const char *name,
		 size_t count)
{
	if (has_class(connection, learn) && has_protocol(connection))
		add_service(learn, scratch, connection, name, count);
	else
		note_odd(learn, flow_format_connection(scratch, connection->direction, connection->addr,
						       connection->proto, connection->has_port, connection->port));
}

void learn_flow(struct learn *learn, const struct eval_connection *given)
{
	struct arena *scratch = arena_new();
	struct eval_connection connection = unmapped(given);

	take(learn, scratch, &connection, name_of(learn, scratch, connection.addr), 1);
	arena_free(scratch);
}

/* By name, too: what the address is looked up by may change between two flows */
static struct learn_endpoint *endpoint(struct learn *learn, struct arena *scratch,
				       const struct eval_connection *connection)
{
	const char *name = name_of(learn, scratch, connection->addr);
	const char *key = arena_printf(scratch, "%s %s %s", addr_key(scratch, connection->addr),
				       service_text(scratch, connection), name ? name : "");
	bool added;
	size_t index = learn_table_add(&learn->endpoints, key, &added);

	if (index == LEARN_NOT_THERE)
		return NULL;
	if (added) {
		learn->waiting =
			arena_grow(learn->arena, learn->waiting, index, &learn->waiting_cap, sizeof *learn->waiting);
		learn->waiting[index] = (struct learn_endpoint){ .connection = *connection, .name = name };
		learn->waiting[index].connection.sni = NULL;
	}
	return &learn->waiting[index];
}

void learn_begun(struct learn *learn, const struct eval_connection *given)
{
	struct arena *scratch = arena_new();
	struct eval_connection connection = unmapped(given);
	struct learn_endpoint *where = endpoint(learn, scratch, &connection);

	if (where)
		where->begun++;
	arena_free(scratch);
}

void learn_named(struct learn *learn, const struct eval_connection *given)
{
	struct arena *scratch = arena_new();
	struct eval_connection connection = unmapped(given);
	struct learn_endpoint *where = endpoint(learn, scratch, &connection);

	if (where)
		where->named++;
	take(learn, scratch, &connection,
	     connection.sni ? said_name(learn, scratch, &connection) : name_of(learn, scratch, connection.addr), 1);
	arena_free(scratch);
}

void learn_settle(struct learn *learn)
{
	struct arena *scratch = arena_new();

	for (size_t i = 0; i < learn->endpoints.count; i++) {
		struct learn_endpoint *where = &learn->waiting[i];

		if (where->begun > where->named)
			take(learn, scratch, &where->connection, where->name, where->begun - where->named);
		where->named = where->begun;
	}
	arena_free(scratch);
	learn_find_silent(learn);
}

void learn_denied(struct learn *learn, const char *flow)
{
	struct arena *scratch = arena_new();
	bool added;
	size_t index = learn_table_add(&learn->denied, escape_text(scratch, flow), &added);

	if (added)
		learn->denied_counts = arena_grow(learn->arena, learn->denied_counts, index, &learn->denied_cap,
						  sizeof *learn->denied_counts);
	if (index != LEARN_NOT_THERE)
		learn->denied_counts[index]++;
	arena_free(scratch);
}
