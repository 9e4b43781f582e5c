/* Names are kept in the order in which they last left, the newest at the end, so that those whose time is over are always at the
 * head: a name is forgotten when it has not left for as long as the policy says, and its domain's count is exact at any time. */
#include "dns/dns_bounds.h"
#include "base/name.h"
#include "base/name_lookalike.h"
#include "base/siphash.h"
#include "eval/eval.h"

#include <errno.h>
#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX
#define SLOTS DNS_NAMES_REMEMBERED

struct domain {
	uint64_t hash;
	uint32_t names; /* 0: free */
	uint32_t next;  /* in its bucket, or of the free ones */
};

struct name {
	uint64_t hash, left_ms;
	uint32_t domain;
	uint32_t next; /* in its bucket, or of the free ones */
	uint32_t older, newer;
};

struct table {
	struct domain domains[SLOTS];
	struct name names[SLOTS];
	uint32_t domain_buckets[SLOTS], name_buckets[SLOTS];
	uint32_t free_domain, free_name, oldest, newest;
};

struct dns_bounds {
	uint8_t key[SIPHASH_KEY];
	struct policy_limit names, rate;
	struct table *table; /* NULL: names are not bounded */
	uint64_t room;       /* of questions, times the rate's interval */
	uint64_t burst;      /* of questions, once */
	uint64_t filled_ms;  /* when that room was reckoned */
};

struct dns_bounds *dns_bounds_new(const uint8_t key[static SIPHASH_KEY])
{
	struct dns_bounds *bounds = calloc(1, sizeof *bounds);

	if (bounds)
		memcpy(bounds->key, key, SIPHASH_KEY);
	return bounds;
}

void dns_bounds_free(struct dns_bounds *bounds)
{
	if (bounds)
		free(bounds->table);
	free(bounds);
}

static struct table *new_table(void)
{
	struct table *table = malloc(sizeof *table);

	if (!table)
		return NULL;
	for (uint32_t i = 0; i < SLOTS; i++) {
		table->domain_buckets[i] = table->name_buckets[i] = NONE;
		table->domains[i] = (struct domain){ .next = i + 1 < SLOTS ? i + 1 : NONE };
		table->names[i] = (struct name){ .next = i + 1 < SLOTS ? i + 1 : NONE };
	}
	table->free_domain = table->free_name = 0;
	table->oldest = table->newest = NONE;
	return table;
}

/* ---- questions ---- */

static void fill(struct dns_bounds *bounds, uint64_t now_ms)
{
	uint64_t passed = now_ms - bounds->filled_ms, interval = bounds->rate.refill_ms;
	uint64_t full = bounds->rate.size * interval;

	bounds->filled_ms = now_ms;
	bounds->room += (passed < interval ? passed : interval) * bounds->rate.size;
	if (bounds->room > full)
		bounds->room = full;
}

static bool has_room(const struct dns_bounds *bounds)
{
	return !bounds->rate.size || bounds->room >= bounds->rate.refill_ms || bounds->burst > 0;
}

static void use_room(struct dns_bounds *bounds)
{
	if (!bounds->rate.size)
		return;
	if (bounds->room >= bounds->rate.refill_ms)
		bounds->room -= bounds->rate.refill_ms;
	else
		bounds->burst--;
}

static bool same_limit(const struct policy_limit *a, const struct policy_limit *b)
{
	return a->size == b->size && a->refill_ms == b->refill_ms && a->burst == b->burst;
}

/* As much of the new bound is used up as there was of the one before: a reload gives nobody more */
static void use_rate(struct dns_bounds *bounds, const struct policy_limit *rate, uint64_t now_ms)
{
	struct policy_limit before = bounds->rate;
	uint64_t full = before.size * before.refill_ms, spent_burst = before.burst - bounds->burst;

	if (same_limit(&before, rate))
		return;
	if (before.size)
		fill(bounds, now_ms);
	unsigned __int128 room = (unsigned __int128)rate->size * rate->refill_ms;
	if (before.size)
		room = room * bounds->room / full;
	bounds->rate = *rate;
	bounds->room = (uint64_t)room;
	bounds->burst = rate->burst > spent_burst ? rate->burst - spent_burst : 0;
	bounds->filled_ms = now_ms;
}

int dns_bounds_use(struct dns_bounds *bounds, const struct policy *policy, uint64_t now_ms)
{
	if (policy->dns_names.size && !bounds->table) {
		bounds->table = new_table();
		if (!bounds->table)
			return -ENOMEM;
	}
	if (!policy->dns_names.size) {
		free(bounds->table);
		bounds->table = NULL;
	}
	bounds->names = policy->dns_names;
	use_rate(bounds, &policy->dns_rate, now_ms);
	return 0;
}

/* ---- names ---- */

static void unlink_order(struct table *table, uint32_t at)
{
	struct name *name = &table->names[at];

	*(name->older == NONE ? &table->oldest : &table->names[name->older].newer) = name->newer;
	*(name->newer == NONE ? &table->newest : &table->names[name->newer].older) = name->older;
}

static void link_newest(struct table *table, uint32_t at, uint64_t now_ms)
{
	struct name *name = &table->names[at];

	name->left_ms = now_ms;
	name->older = table->newest;
	name->newer = NONE;
	*(table->newest == NONE ? &table->oldest : &table->names[table->newest].newer) = at;
	table->newest = at;
}

static void forget_domain(struct table *table, uint32_t at)
{
	uint32_t *link = &table->domain_buckets[table->domains[at].hash % SLOTS];

	while (*link != at)
		link = &table->domains[*link].next;
	*link = table->domains[at].next;
	table->domains[at].next = table->free_domain;
	table->free_domain = at;
}

static void forget_name(struct table *table, uint32_t at)
{
	struct name *name = &table->names[at];
	uint32_t *link = &table->name_buckets[name->hash % SLOTS];

	while (*link != at)
		link = &table->names[*link].next;
	*link = name->next;
	unlink_order(table, at);
	if (--table->domains[name->domain].names == 0)
		forget_domain(table, name->domain);
	name->next = table->free_name;
	table->free_name = at;
}

static void forget_old(struct dns_bounds *bounds, uint64_t now_ms)
{
	struct table *table = bounds->table;

	while (table->oldest != NONE && now_ms - table->names[table->oldest].left_ms >= bounds->names.refill_ms)
		forget_name(table, table->oldest);
}

static uint32_t find_domain(const struct table *table, uint64_t hash)
{
	uint32_t at = table->domain_buckets[hash % SLOTS];

	while (at != NONE && table->domains[at].hash != hash)
		at = table->domains[at].next;
	return at;
}

static uint32_t find_name(const struct table *table, uint64_t hash)
{
	uint32_t at = table->name_buckets[hash % SLOTS];

	while (at != NONE && table->names[at].hash != hash)
		at = table->names[at].next;
	return at;
}

/* There is a free one: each domain has a name, and of those one is free */
static uint32_t add_domain(struct table *table, uint64_t hash)
{
	uint32_t at = table->free_domain, *bucket = &table->domain_buckets[hash % SLOTS];

	table->free_domain = table->domains[at].next;
	table->domains[at] = (struct domain){ .hash = hash, .next = *bucket };
	*bucket = at;
	return at;
}

static void add_name(struct table *table, uint64_t domain_hash, uint64_t hash, uint64_t now_ms)
{
	uint32_t domain = find_domain(table, domain_hash);
	uint32_t at = table->free_name, *bucket = &table->name_buckets[hash % SLOTS];

	if (domain == NONE)
		domain = add_domain(table, domain_hash);
	table->domains[domain].names++;
	table->free_name = table->names[at].next;
	table->names[at] = (struct name){ .hash = hash, .domain = domain, .next = *bucket };
	*bucket = at;
	link_newest(table, at, now_ms);
}

/* Those that clients ask for as they connect: what such a question says beyond its name is next to nothing */
static bool is_usual(uint16_t type)
{
	return type == LDNS_RR_TYPE_A || type == LDNS_RR_TYPE_AAAA || type == LDNS_RR_TYPE_HTTPS;
}

/* Of the name below that domain, and of what is asked for it */
static uint64_t name_hash(const struct dns_bounds *bounds, uint64_t domain, const char *name, uint16_t type)
{
	uint8_t text[sizeof domain + sizeof type + NAME_TEXT_MAX];
	size_t len = strnlen(name, NAME_TEXT_MAX);

	if (is_usual(type))
		type = 0;
	memcpy(text, &domain, sizeof domain);
	memcpy(text + sizeof domain, &type, sizeof type);
	memcpy(text + sizeof domain + sizeof type, name, len);
	return siphash(bounds->key, text, sizeof domain + sizeof type + len);
}

enum dns_bound dns_bounds_take(struct dns_bounds *bounds, const char *domain, const char *name, uint16_t type,
			       uint64_t now_ms)
{
	struct table *table = bounds->table;
	uint64_t domain_hash = 0, hash = 0;
	uint32_t known = NONE, below;

	if (table) {
		forget_old(bounds, now_ms);
		domain_hash = siphash(bounds->key, domain, strlen(domain));
		hash = name_hash(bounds, domain_hash, name, type);
		known = find_name(table, hash);
		below = find_domain(table, domain_hash);
		if (known == NONE &&
		    (table->free_name == NONE || (below != NONE && table->domains[below].names >= bounds->names.size)))
			return DNS_BOUND_NAMES_OVER;
	}
	if (bounds->rate.size)
		fill(bounds, now_ms);
	if (!has_room(bounds))
		return DNS_BOUND_RATE_OVER;
	use_room(bounds);
	if (known != NONE) {
		unlink_order(table, known);
		link_newest(table, known, now_ms);
	} else if (table) {
		add_name(table, domain_hash, hash, now_ms);
	}
	return DNS_BOUND_NONE;
}

const char *dns_bounds_domain(const struct policy *policy, size_t rule, bool by_rule, const char *name)
{
	const char *widest = NULL, *registered;

	for (size_t i = 0; by_rule && i < policy->rules.items[rule].targets.count; i++) {
		const struct policy_target *target = &policy->rules.items[rule].targets.items[i];

		if (target->kind == TARGET_SUFFIX && eval_target_takes_name(target, name) &&
		    (!widest || strlen(target->name) < strlen(widest)))
			widest = target->name;
	}
	registered = widest ? widest : name_registrable(name);
	return registered ? registered : name;
}
