/* From services to rules: ports of one target together, then targets of the same ports; neighbouring addresses as the networks
 * that are exactly these. Rules are built as the policy has them and written by its own printer. */
#include "learn/learn_state.h"
#include "base/name.h"
#include "base/text.h"

#include <string.h>

/* A target with its ports of one protocol, at one set of addresses */
struct service {
	enum learn_rank rank;
	const char *name; /* or NULL */
	struct addr addr;
	const struct learn_item *within; /* whose reserved addresses: NULL: none, of public ones */
	const char *where;               /* those as text: "" for public ones */
	enum policy_proto proto;
	struct policy_port_list ports;
	size_t count;
	const char *key; /* what services of one rule have in common */
};

struct services {
	struct service *items;
	size_t count, cap;
};

static struct policy_target address_target(struct addr_prefix prefix)
{
	return (struct policy_target){ .kind = TARGET_CIDR, .prefix = prefix, .span = SPAN_NONE };
}

static struct addr_prefix whole(struct addr addr)
{
	return (struct addr_prefix){ addr, addr.family == ADDR_V4 ? 32 : 128 };
}

/* Adjacent ones become networks that have no other address */
static void add_networks(struct arena *arena, struct policy_targets *out, const struct addr *addrs, size_t count)
{
	struct addr_prefix prefixes[254];

	for (enum addr_family family = ADDR_V4; family; family = family == ADDR_V4 ? ADDR_V6 : 0) {
		struct addr_set set = addr_set_empty(family);

		for (size_t i = 0; i < count; i++)
			if (addrs[i].family == family)
				addr_set_add(arena, &set, addr_prefix_range(whole(addrs[i])));
		for (size_t i = 0; i < set.count; i++) {
			size_t parts = addr_range_prefixes(family, set.items[i], prefixes);
			for (size_t j = 0; j < parts; j++)
				*arena_push(arena, out) = address_target(prefixes[j]);
		}
	}
}

static const char *where_text(struct arena *arena, const struct learn_item *item)
{
	struct policy_rule rule = { 0 };

	add_networks(arena, &rule.within, item->reserved.items, item->reserved.count);
	return policy_within_format(arena, &rule);
}

static struct service *find_service(struct services *services, const struct service *wanted)
{
	for (size_t i = services->count; i-- > 0;) {
		struct service *service = &services->items[i];
		if (service->rank == wanted->rank && service->proto == wanted->proto &&
		    (wanted->name ? service->name == wanted->name :
				    !service->name && addr_equal(service->addr, wanted->addr)) &&
		    !strcmp(service->where, wanted->where))
			return service;
		/* items are sorted by target: further back there is another */
		if (service->name != wanted->name || (!wanted->name && !addr_equal(service->addr, wanted->addr)))
			return NULL;
	}
	return NULL;
}

static void add_item(struct arena *arena, struct services *services, const struct learn_item *item, bool reserved)
{
	struct service wanted = { .rank = item->to_host ? LEARN_HOST :
					  item->name    ? LEARN_SERVICE :
							  LEARN_ADDRESS,
				  .name = item->name,
				  .addr = item->addr,
				  .within = reserved ? item : NULL,
				  .where = reserved ? where_text(arena, item) : "",
				  .proto = item->proto };
	struct service *service = find_service(services, &wanted);

	if (!service) {
		service = arena_push(arena, services);
		*service = wanted;
	}
	if (item->has_port)
		*arena_push(arena, &service->ports) = (struct policy_port_range){ item->port, item->port, SPAN_NONE };
	service->count += item->count;
}

static int by_target(const void *a, const void *b)
{
	const struct learn_item *x = *(const struct learn_item *const *)a, *y = *(const struct learn_item *const *)b;
	int order = COMPARE(!x->name, !y->name) ?: COMPARE(!x->to_host, !y->to_host);

	if (!order && x->name)
		order = strcmp(x->name, y->name);
	else if (!order && !x->to_host)
		order = COMPARE(x->addr.family, y->addr.family) ?: COMPARE(x->addr.value, y->addr.value);
	return order ?: COMPARE(x->proto, y->proto) ?: COMPARE(x->port, y->port);
}

/* ---- lookups alone ---- */

/* The port that lookups have opens none of the name's own services */
static void add_lookups(struct arena *arena, const struct learn *learn, struct services *services)
{
	struct learn_table used = learn_table_new(arena, LEARN_MOST);
	bool added;

	for (size_t i = 0; i < learn->services.count; i++)
		if (learn->items[i].name)
			learn_table_add(&used, learn->items[i].name, &added);
	for (size_t i = 0; i < learn->lookups.count; i++) {
		if (learn_table_find(&used, learn->lookups.keys[i]) != LEARN_NOT_THERE)
			continue;
		struct service *service = arena_push(arena, services);
		*service = (struct service){ .rank = LEARN_LOOKUP,
					     .name = learn->lookups.keys[i],
					     .where = "",
					     .proto = PROTO_UDP,
					     .count = 1 };
		*arena_push(arena, &service->ports) =
			(struct policy_port_range){ LEARN_LOOKUP_PORT, LEARN_LOOKUP_PORT, SPAN_NONE };
	}
}

static struct services services_of(struct arena *arena, const struct learn *learn)
{
	size_t count = learn->services.count;
	const struct learn_item **sorted = arena_alloc(arena, (count + 1) * sizeof *sorted);
	struct services services = { 0 };

	for (size_t i = 0; i < count; i++)
		sorted[i] = &learn->items[i];
	qsort(sorted, count, sizeof *sorted, by_target);
	for (size_t i = 0; i < count; i++) {
		if (sorted[i]->at_public)
			add_item(arena, &services, sorted[i], false);
		if (sorted[i]->reserved.count)
			add_item(arena, &services, sorted[i], true);
	}
	add_lookups(arena, learn, &services);
	return services;
}

/* ---- rules ---- */

static const char *key_of(struct arena *arena, const struct service *service)
{
	struct text key = { .arena = arena };

	text_addf(&key, "%d %d%s ", service->rank, service->proto, service->where);
	for (size_t i = 0; i < service->ports.count; i++)
		text_addf(&key, "%u,", service->ports.items[i].lo);
	return text_get(&key);
}

static int compare_targets(const struct service *x, const struct service *y)
{
	if (x->name && y->name)
		return strcmp(x->name, y->name);
	return COMPARE(x->addr.family, y->addr.family) ?: COMPARE(x->addr.value, y->addr.value);
}

/* A rule that says `in` comes before one on the same name that does not, and would leave nothing of it */
static int by_key(const void *a, const void *b)
{
	const struct service *x = a, *y = b;

	return COMPARE(x->rank, y->rank)               ?:
		       COMPARE(!x->within, !y->within) ?:
		       strcmp(x->key, y->key)          ?:
							 compare_targets(x, y);
}

static void add_targets(struct arena *arena, struct policy_rule *rule, const struct service *services, size_t count)
{
	struct addr *addrs = arena_alloc(arena, (count + 1) * sizeof *addrs);

	for (size_t i = 0; i < count; i++) {
		addrs[i] = services[i].addr;
		if (services[i].name)
			*arena_push(arena, &rule->targets) = (struct policy_target){ .kind = TARGET_DOMAIN,
										     .name = services[i].name,
										     .span = SPAN_NONE };
	}
	if (services->rank == LEARN_HOST)
		*arena_push(arena, &rule->targets) =
			(struct policy_target){ .kind = TARGET_GROUP, .group = ADDR_CLASS_HOST, .span = SPAN_NONE };
	if (services->rank == LEARN_ADDRESS)
		add_networks(arena, &rule->targets, addrs, count);
	if (services->within)
		add_networks(arena, &rule->within, services->within->reserved.items, services->within->reserved.count);
}

static void add_rule(struct arena *arena, struct learn_rules *rules, const struct service *services, size_t count)
{
	struct learn_rule *made = arena_push(arena, rules);

	made->rank = services->rank;
	made->rule = (struct policy_rule){ .action = POLICY_ALLOW,
					   .directions = POLICY_EGRESS,
					   .protos = services->proto,
					   .ports = services->ports,
					   .until_span = SPAN_NONE,
					   .span = SPAN_NONE };
	add_targets(arena, &made->rule, services, count);
	for (size_t i = 0; i < count; i++)
		made->count += services[i].count;
	made->text = policy_rule_format(arena, &made->rule);
}

struct learn_rules learn_rules(struct arena *arena, const struct learn *learn)
{
	struct services services = services_of(arena, learn);
	struct learn_rules rules = { 0 };

	for (size_t i = 0; i < services.count; i++)
		services.items[i].key = key_of(arena, &services.items[i]);
	if (services.count)
		qsort(services.items, services.count, sizeof *services.items, by_key);
	for (size_t i = 0, end; i < services.count; i = end) {
		for (end = i + 1; end < services.count; end++)
			if (services.items[end].rank != services.items[i].rank ||
			    strcmp(services.items[end].key, services.items[i].key) != 0)
				break;
		add_rule(arena, &rules, &services.items[i], end - i);
	}
	return rules;
}
