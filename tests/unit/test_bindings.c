/* Bindings against a naive model: a list of (name, family, address, end), and a kernel that does what it is told. */
#include "policy_of.h"
#include "dns/bindings.h"
#include "dns/bindings_past.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES 6
#define ADDRS 8

static const char *const names[NAMES] = {
	"a.example.com", "b.example.com", "example.com", "a.example.org", "x.test", ""
};
static const char *const rules =
	"allow@*.example.com,deny@10.0.0.0/8,allow@{a.example.com,a.example.org}:tcp:443,allow@*.test.invalid";
/* which rule (from 0) has which name: by hand, not by the code under test */
static const bool rule_has[4][NAMES] = {
	{ true, true, true, false, false, false }, { false }, { true, false, false, true, false, false }, { false }
};

struct model_entry {
	uint64_t end[ADDRS];
};

struct kernel {
	uint64_t end[4][ADDRS]; /* of a rule's element; 0: absent */
};

static struct bindings *new_bindings(const struct test_policy *made)
{
	return bindings_new(made->policy, &made->context.gateway, (struct lower_maps){ 0, 0 });
}

static struct addr address(int i)
{
	char text[32];
	/* even ones IPv4, odd ones IPv6 */
	snprintf(text, sizeof text, i % 2 ? "2606:4700::%d" : "93.184.216.%d", i);
	return test_addr(text);
}

static int address_index(struct addr addr)
{
	for (int i = 0; i < ADDRS; i++)
		if (addr_equal(address(i), addr))
			return i;
	cr_assert_fail("a change of an address that nobody bound");
	return 0;
}

static void carry_out(struct kernel *kernel, const struct bindings_change *changes, size_t count, uint64_t now)
{
	for (size_t i = 0; i < count; i++) {
		int rule = changes[i].set[strcspn(changes[i].set, "0123456789")] - '1';
		bool v6 = strstr(changes[i].set, "v6") != NULL;
		cr_assert(rule >= 0 && rule < 4, "%s", changes[i].set);
		cr_assert_eq(v6, changes[i].addr.family == ADDR_V6, "%s", changes[i].set);
		cr_assert(changes[i].remove || changes[i].timeout_ms > 0);
		kernel->end[rule][address_index(changes[i].addr)] = changes[i].remove ? 0 : now + changes[i].timeout_ms;
	}
}

static uint64_t model_end(struct model_entry model[NAMES][2], int rule, int addr, uint64_t now)
{
	uint64_t end = 0;
	for (int name = 0; name < NAMES; name++)
		for (int family = 0; family < 2; family++) {
			const struct model_entry *entry = &model[name][family];
			if (rule_has[rule][name] && entry->end[addr] > now && entry->end[addr] > end)
				end = entry->end[addr];
		}
	return end;
}

static bool count_name(const char *name, void *context)
{
	unsigned *seen = context;
	for (int i = 0; i < NAMES; i++)
		if (strcmp(names[i], name) == 0)
			*seen |= 1u << i;
	return false;
}

static void compare(struct bindings *bindings, struct model_entry model[NAMES][2], const struct kernel *kernel,
		    uint64_t now)
{
	struct eval_bindings view = bindings_view(bindings, now);
	for (int addr = 0; addr < ADDRS; addr++) {
		unsigned seen = 0, wanted = 0;
		for (int rule = 0; rule < 4; rule++) {
			uint64_t kernel_end = kernel->end[rule][addr] > now ? kernel->end[rule][addr] : 0;
			cr_assert_eq(kernel_end, model_end(model, rule, addr, now), "rule %d address %d at %llu", rule,
				     addr, (unsigned long long)now);
		}
		view.any_name(view.self, address(addr), count_name, &seen);
		for (int name = 0; name < NAMES; name++)
			for (int family = 0; family < 2; family++)
				if (model[name][family].end[addr] > now)
					wanted |= 1u << name;
		cr_assert_eq(seen, wanted, "names of address %d", addr);
	}
}

static void step(struct bindings *bindings, struct model_entry model[NAMES][2], struct kernel *kernel, uint64_t now)
{
	struct addr addrs[ADDRS];
	int name = rand() % NAMES, v6 = rand() % 2;
	uint64_t ttl = 1 + (uint64_t)(rand() % 5000);
	struct model_entry *entry = &model[name][v6];
	size_t count = 0;
	struct bindings_changes changes;
	for (int addr = v6; addr < ADDRS; addr += 2)
		if (rand() % 3 == 0) {
			if (entry->end[addr] < now + ttl)
				entry->end[addr] = now + ttl;
			addrs[count++] = address(addr);
		}
	if (count == 0)
		*entry = (struct model_entry){ 0 };
	cr_assert_eq(bindings_set(bindings, names[name], v6 ? ADDR_V6 : ADDR_V4, addrs, count, ttl, now, &changes), 0);
	carry_out(kernel, changes.items, changes.count, now);
}

Test(bindings, property_kernel_holds_what_the_model_says)
{
	for (unsigned seed = 1; seed <= 60; seed++) {
		struct test_policy made = test_policy_of("deny", "allow", rules, false);
		struct bindings *bindings = new_bindings(&made);
		struct model_entry model[NAMES][2] = { 0 };
		struct kernel kernel = { 0 };
		uint64_t now = 1000;
		srand(seed);
		for (int i = 0; i < 400; i++) {
			now += (uint64_t)(rand() % 700);
			step(bindings, model, &kernel, now);
			compare(bindings, model, &kernel, now);
			now += (uint64_t)(rand() % 400);
			compare(bindings, model, &kernel, now);
		}
		bindings_free(bindings);
		arena_free(made.arena);
	}
}

static int set_one(struct bindings *bindings, const char *name, const char *addr, uint64_t ttl, uint64_t now,
		   size_t *changed)
{
	struct bindings_changes changes;
	struct addr one = test_addr(addr);
	int error = bindings_set(bindings, name, one.family, &one, 1, ttl, now, &changes);
	*changed = changes.count;
	return error;
}

Test(bindings, full_is_an_error_and_changes_nothing)
{
	struct test_policy made = test_policy_of("deny", "allow", "allow@*.example.com,allow@dns", false);
	struct bindings *bindings = new_bindings(&made);
	char name[64];
	size_t changed;
	for (int i = 0; i < BINDINGS_MAX_NAMES; i++) {
		snprintf(name, sizeof name, "n%d.example.com", i);
		cr_assert_eq(set_one(bindings, name, "93.184.216.34", 60000, 1000, &changed), 0);
	}
	cr_assert_eq(set_one(bindings, "more.example.com", "93.184.216.35", 60000, 1000, &changed), -ENOSPC);
	cr_assert_eq(changed, 0);
	cr_assert_eq(set_one(bindings, "n7.example.com", "93.184.216.36", 60000, 1000, &changed), 0,
		     "a known name is renewed");
	cr_assert_eq(set_one(bindings, "more.example.com", "93.184.216.35", 60000, 61001, &changed), 0,
		     "what has ended makes room");
	bindings_free(bindings);
	arena_free(made.arena);
}

Test(bindings, names_without_a_rule_give_way)
{
	struct test_policy made = test_policy_of("deny", "allow", "allow@*.example.com,allow@dns", false);
	struct bindings *bindings = new_bindings(&made);
	char name[64];
	size_t changed;
	for (int i = 0; i < 2 * BINDINGS_MAX_NAMES; i++) {
		snprintf(name, sizeof name, "n%d.other.test", i);
		cr_assert_eq(set_one(bindings, name, "93.184.216.34", 60000, 1000, &changed), 0);
		cr_assert_eq(changed, 0);
	}
	for (int i = 0; i < BINDINGS_MAX_NAMES; i++) {
		snprintf(name, sizeof name, "n%d.example.com", i);
		cr_assert_eq(set_one(bindings, name, "93.184.216.34", 60000, 1000, &changed), 0);
		cr_assert_eq(changed, 1);
	}
	bindings_free(bindings);
	arena_free(made.arena);
}

Test(bindings, bounds_of_one_answer)
{
	struct test_policy made = test_policy_of("deny", "allow", "allow@a.example.com", false);
	struct bindings *bindings = new_bindings(&made);
	struct addr addrs[BINDINGS_MAX_ADDRS + 1];
	struct bindings_changes changes;
	for (size_t i = 0; i <= BINDINGS_MAX_ADDRS; i++)
		addrs[i] = (struct addr){ ADDR_V4, 0x5db80000u + i };
	cr_assert_eq(bindings_set(bindings, "a.example.com", ADDR_V4, addrs, BINDINGS_MAX_ADDRS + 1, 1, 1, &changes),
		     -EINVAL);
	cr_assert_eq(bindings_set(bindings, "a.example.com", ADDR_V4, addrs, BINDINGS_MAX_ADDRS, UINT64_MAX / 2, 1,
				  &changes),
		     0);
	cr_assert_eq(changes.count, BINDINGS_MAX_ADDRS);
	cr_assert_eq(changes.items[0].timeout_ms, BINDINGS_MAX_TTL_MS, "at most a day");
	cr_assert_eq(bindings_set(bindings, "a.example.com", ADDR_V4, NULL, 0, 1, 2, &changes), 0);
	cr_assert_eq(changes.count, BINDINGS_MAX_ADDRS);
	cr_assert(changes.items[0].remove);
	bindings_free(bindings);
	arena_free(made.arena);
}

/* How many of the first `count` addresses below 93.184.0.0 are bound */
static size_t bound(struct bindings *bindings, size_t count, uint64_t now)
{
	struct eval_bindings view = bindings_view(bindings, now);
	size_t found = 0;
	for (size_t i = 0; i < count; i++) {
		unsigned seen = 0;
		view.any_name(view.self, (struct addr){ ADDR_V4, 0x5db80000u + i }, count_name, &seen);
		found += seen != 0;
	}
	return found;
}

Test(bindings, rotating_answers_add_up_and_the_oldest_gives_way)
{
	struct test_policy made = test_policy_of("deny", "allow", "allow@a.example.com", false);
	struct bindings *bindings = new_bindings(&made);
	struct bindings_changes changes;
	size_t more = 10;
	for (size_t i = 0; i < BINDINGS_MAX_HELD + more; i++) {
		struct addr one = { ADDR_V4, 0x5db80000u + i };
		cr_assert_eq(bindings_set(bindings, "a.example.com", ADDR_V4, &one, 1, 60000, 1000 + i, &changes), 0);
		cr_assert_eq(changes.count, i < BINDINGS_MAX_HELD ? 1 : 2, "what gave way is removed");
		if (i == 0)
			continue;
		/* the first address is answered again and again: it is never the oldest */
		one.value = 0x5db80000u;
		cr_assert_eq(bindings_set(bindings, "a.example.com", ADDR_V4, &one, 1, 60000, 1000 + i, &changes), 0);
	}
	cr_assert_eq(bound(bindings, BINDINGS_MAX_HELD + more, 2000), BINDINGS_MAX_HELD);
	cr_assert_eq(bound(bindings, 1, 2000), 1);
	cr_assert_eq(bindings_gave_way(bindings), more);
	cr_assert_eq(bindings_set(bindings, "a.example.com", ADDR_V4, NULL, 0, 0, 2000, &changes), 0);
	cr_assert_eq(bound(bindings, BINDINGS_MAX_HELD + more, 2000), 0, "a negative answer clears them all");
	bindings_free(bindings);
	arena_free(made.arena);
}

Test(bindings, a_shorter_answer_ends_nothing_early)
{
	struct test_policy made = test_policy_of("deny", "allow", "allow@a.example.com", false);
	struct bindings *bindings = new_bindings(&made);
	size_t changed;
	cr_assert_eq(set_one(bindings, "a.example.com", "93.184.0.0", 60000, 1000, &changed), 0);
	cr_assert_eq(set_one(bindings, "a.example.com", "93.184.0.0", 2000, 2000, &changed), 0);
	cr_assert_eq(set_one(bindings, "a.example.com", "93.184.0.1", 2000, 3000, &changed), 0);
	cr_assert_eq(bound(bindings, 2, 4999), 2);
	cr_assert_eq(bound(bindings, 2, 5000), 1, "each has its own end");
	cr_assert_eq(bound(bindings, 2, 61000), 0);
	bindings_free(bindings);
	arena_free(made.arena);
}

Test(bindings, the_total_is_bounded)
{
	struct test_policy made = test_policy_of("deny", "allow", "allow@*.example.com", false);
	struct bindings *bindings = new_bindings(&made);
	struct addr addrs[BINDINGS_MAX_ADDRS];
	struct bindings_changes changes;
	size_t held = 0;
	char name[64];
	int error = 0;
	for (size_t i = 0; i < BINDINGS_MAX_ADDRS; i++)
		addrs[i] = (struct addr){ ADDR_V4, 0x5db80000u + i };
	for (int i = 0; i < BINDINGS_MAX_NAMES && error == 0; i++) {
		snprintf(name, sizeof name, "n%d.example.com", i);
		error = bindings_set(bindings, name, ADDR_V4, addrs, BINDINGS_MAX_ADDRS, 60000, 1000, &changes);
		held += error == 0 ? BINDINGS_MAX_ADDRS : 0;
	}
	cr_assert_eq(error, -ENOSPC);
	cr_assert_eq(held, BINDINGS_MAX_TOTAL);
	cr_assert_eq(bindings_set(bindings, name, ADDR_V4, addrs, 1, 60000, 61001, &changes), 0,
		     "what has ended makes room");
	bindings_free(bindings);
	arena_free(made.arena);
}

Test(bindings, what_has_ended_is_remembered_for_a_while)
{
	struct test_policy made = test_policy_of("deny", "allow", "allow@*.example.com", false);
	struct bindings *bindings = new_bindings(&made);
	const char *name;
	uint64_t ago;
	size_t changed;
	char text[64];
	cr_assert_eq(set_one(bindings, "a.example.com", "93.184.0.0", 2000, 1000, &changed), 0);
	cr_assert(!bindings_ended(bindings, test_addr("93.184.0.0"), 2999, &name, &ago), "it holds");
	cr_assert(bindings_ended(bindings, test_addr("93.184.0.0"), 3500, &name, &ago));
	cr_assert_str_eq(name, "a.example.com");
	cr_assert_eq(ago, 500);
	cr_assert(!bindings_ended(bindings, test_addr("93.184.0.1"), 3500, &name, &ago), "another address");
	cr_assert_eq(set_one(bindings, "b.example.com", "93.184.0.2", 2000, 9000, &changed), 0, "which purges");
	cr_assert(bindings_ended(bindings, test_addr("::ffff:93.184.0.0"), 9000, &name, &ago));
	cr_assert_str_eq(name, "a.example.com");
	cr_assert_eq(ago, 6000);
	for (int i = 0; i < BINDINGS_ENDED + 1; i++) {
		snprintf(text, sizeof text, "n%d.example.com", i);
		cr_assert_eq(set_one(bindings, text, "93.184.0.9", 1, 20000 + 2000ull * (unsigned)i, &changed), 0);
	}
	cr_assert(!bindings_ended(bindings, test_addr("93.184.0.0"), 9000000, &name, &ago), "not for ever");
	bindings_free(bindings);
	arena_free(made.arena);
}

/* ---- another policy ---- */

static bool keeps_all_but_two(const void *self, const char *name, struct addr addr)
{
	(void)self;
	return strcmp(name, "example.com") && !addr_equal(addr, address(2));
}

/* The element of a rule's set for that address, 0: the changes leave none */
static uint64_t element_of(const struct bindings_changes *changes, const char *set, struct addr addr)
{
	uint64_t timeout_ms = 0;

	for (size_t i = 0; i < changes->count; i++)
		if (!strcmp(changes->items[i].set, set) && addr_equal(changes->items[i].addr, addr))
			timeout_ms = changes->items[i].remove ? 0 : changes->items[i].timeout_ms;
	return timeout_ms;
}

Test(bindings, another_policy_keeps_what_it_wants_for_as_long_as_it_had)
{
	struct test_policy before = test_policy_of("deny", "deny", rules, false);
	struct test_policy after = test_policy_of("deny", "deny", "deny@10.0.0.0/8,allow@a.example.com:tcp:80", false);
	struct bindings *old = new_bindings(&before), *fresh = new_bindings(&after);
	struct bindings_changes changes;
	const char *name;
	uint64_t ago_ms;

	struct addr two[] = { address(0), address(2) }, one = address(4), odd = address(1);
	bindings_set(old, "a.example.com", ADDR_V4, two, 2, 60000, 1000, &changes);
	bindings_set(old, "a.example.com", ADDR_V6, &odd, 1, 5000, 1000, &changes);
	bindings_set(old, "example.com", ADDR_V4, &one, 1, 60000, 1000, &changes);
	bindings_set(old, "b.example.com", ADDR_V4, &one, 1, 90000, 1000, &changes);
	bindings_carry(fresh, old, keeps_all_but_two, NULL, 11000, &changes);
	cr_assert_eq(element_of(&changes, "rule2_v4", address(0)), 50000, "what is left of its time");
	cr_assert_eq(element_of(&changes, "rule2_v4", address(2)), 0, "an address that is not kept");
	cr_assert_eq(element_of(&changes, "rule2_v6", odd), 0, "one that was over");
	for (size_t i = 0; i < changes.count; i++)
		cr_assert(strstr(changes.items[i].set, "rule2"), "no set of the policy before: %s",
			  changes.items[i].set);
	cr_assert(bindings_ended(fresh, address(2), 11000, &name, &ago_ms));
	cr_assert_str_eq(name, "a.example.com");
	cr_assert_eq(ago_ms, 0);
	cr_assert(bindings_ended(fresh, odd, 11000, &name, &ago_ms));
	cr_assert_eq(ago_ms, 5000);
	/* names that no rule has any more are kept to tell denials by, and the old ones are as they were */
	struct eval_bindings view = bindings_view(fresh, 11000);
	cr_assert(view.any_name && bindings_ended(fresh, one, 11000, &name, &ago_ms), "example.com is over");
	cr_assert_str_eq(name, "example.com");
	cr_assert(!bindings_ended(old, address(2), 11000, &name, &ago_ms));
	bindings_free(old);
	bindings_free(fresh);
	arena_free(before.arena);
	arena_free(after.arena);
}

/* ---- what was, against a plain list ---- */

#define LASTED 9000 /* more than are remembered */
#define PAST_ADDRS 700

struct lasted {
	struct addr addr;
	char name[32];
	uint64_t from, to;
};

struct names_seen {
	size_t count;
	uint64_t sum;
};

static void see(struct names_seen *seen, const char *name)
{
	uint64_t hash = 0xcbf29ce484222325ull;
	for (const char *c = name; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 0x100000001b3ull;
	seen->count++;
	seen->sum += hash;
}

static bool see_name(const char *name, void *context)
{
	see(context, name);
	return false;
}

static struct addr past_address(unsigned i)
{
	char text[32];

	snprintf(text, sizeof text, "2606:4700::%x", i);
	if (i % 2 == 0)
		snprintf(text, sizeof text, "93.184.%u.%u", i / 256, i % 256);
	return test_addr(text);
}

/* Each with a name of its own, one after another; of the last BINDINGS_ENDED the names at a time are those that the list has. */
static void hold_against(const struct bindings *bindings, const struct lasted *list, size_t count, unsigned *random)
{
	for (int i = 0; i < 400; i++) {
		struct addr addr = past_address((unsigned)rand_r(random) % (PAST_ADDRS + 50));
		uint64_t when = (uint64_t)(rand_r(random) % (LASTED * 1000 + 1000));
		struct bindings_past past = { bindings, i % 4 != 0, when };
		struct eval_bindings view = bindings_past_view(&past);
		struct names_seen got = { 0 }, wanted = { 0 };
		view.any_name(view.self, addr, see_name, &got);
		for (size_t at = count > BINDINGS_ENDED ? count - BINDINGS_ENDED : 0; at < count; at++)
			if (addr_equal(list[at].addr, addr) &&
			    (!past.has_when || (list[at].from <= when + 50 && when < list[at].to + 50)))
				see(&wanted, list[at].name);
		cr_assert_eq(got.count, wanted.count, "%zu names, not %zu", got.count, wanted.count);
		cr_assert_eq(got.sum, wanted.sum, "other names");
	}
}

static bool keeps_none(const void *self, const char *name, struct addr addr)
{
	(void)self, (void)name, (void)addr;
	return false;
}

Test(bindings, what_an_address_was_is_what_a_plain_list_has)
{
	struct test_policy made = test_policy_of("deny", "deny", rules, false);
	struct bindings *bindings = new_bindings(&made), *fresh = new_bindings(&made);
	static struct lasted list[LASTED];
	struct bindings_changes changes;
	unsigned random = 11;
	size_t count = 0;

	while (count < LASTED) {
		struct lasted *now = &list[count];
		*now = (struct lasted){ .addr = past_address((unsigned)rand_r(&random) % PAST_ADDRS),
					.from = 1000 * (count + 1) };
		now->to = now->from + 1 + (uint64_t)(rand_r(&random) % 900);
		snprintf(now->name, sizeof now->name, "n%zu.example.com", count);
		bindings_set(bindings, now->name, now->addr.family, &now->addr, 1, now->to - now->from, now->from,
			     &changes);
		count++;
		bindings_begin(bindings, now->from + 1000, &changes); /* it is over */
		if (count == 40 || count == BINDINGS_ENDED - 1 || count == BINDINGS_ENDED + 7)
			hold_against(bindings, list, count, &random);
	}
	hold_against(bindings, list, count, &random);
	/* another policy's have a seed of their own */
	bindings_carry(fresh, bindings, keeps_none, NULL, 1000 * (LASTED + 2), &changes);
	bindings_free(bindings);
	hold_against(fresh, list, count, &random);
	bindings_free(fresh);
	arena_free(made.arena);
}
