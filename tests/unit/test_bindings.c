/* Bindings against a naive model: a list of (name, family, addresses, end), and a kernel that does what it is told. */
#include "policy_of.h"
#include "dns/bindings.h"

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
	bool bound[ADDRS];
	uint64_t end;
};

struct kernel {
	uint64_t end[4][ADDRS]; /* of a rule's element; 0: absent */
};

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
			if (rule_has[rule][name] && entry->bound[addr] && entry->end > now && entry->end > end)
				end = entry->end;
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
				if (model[name][family].bound[addr] && model[name][family].end > now)
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
	size_t count = 0, change_count;
	const struct bindings_change *changes;
	*entry = (struct model_entry){ .end = now + ttl };
	for (int addr = v6; addr < ADDRS; addr += 2)
		if (rand() % 3 == 0) {
			entry->bound[addr] = true;
			addrs[count++] = address(addr);
		}
	cr_assert_eq(bindings_set(bindings, names[name], v6 ? ADDR_V6 : ADDR_V4, addrs, count, ttl, now, &changes,
				  &change_count),
		     0);
	carry_out(kernel, changes, change_count, now);
}

Test(bindings, property_kernel_holds_what_the_model_says)
{
	for (unsigned seed = 1; seed <= 60; seed++) {
		struct test_policy made = test_policy_of("deny", "allow", rules, false);
		struct bindings *bindings = bindings_new(made.policy);
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
	const struct bindings_change *changes;
	struct addr one = test_addr(addr);
	return bindings_set(bindings, name, one.family, &one, 1, ttl, now, &changes, changed);
}

Test(bindings, full_is_an_error_and_changes_nothing)
{
	struct test_policy made = test_policy_of("deny", "allow", "allow@*.example.com,allow@dns", false);
	struct bindings *bindings = bindings_new(made.policy);
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
	struct bindings *bindings = bindings_new(made.policy);
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
	struct bindings *bindings = bindings_new(made.policy);
	struct addr addrs[BINDINGS_MAX_ADDRS + 1];
	const struct bindings_change *changes;
	size_t changed;
	for (size_t i = 0; i <= BINDINGS_MAX_ADDRS; i++)
		addrs[i] = (struct addr){ ADDR_V4, 0x5db80000u + i };
	cr_assert_eq(bindings_set(bindings, "a.example.com", ADDR_V4, addrs, BINDINGS_MAX_ADDRS + 1, 1, 1, &changes,
				  &changed),
		     -EINVAL);
	cr_assert_eq(bindings_set(bindings, "a.example.com", ADDR_V4, addrs, BINDINGS_MAX_ADDRS, UINT64_MAX / 2, 1,
				  &changes, &changed),
		     0);
	cr_assert_eq(changed, BINDINGS_MAX_ADDRS);
	cr_assert_eq(changes[0].timeout_ms, BINDINGS_MAX_TTL_MS, "at most a day");
	cr_assert_eq(bindings_set(bindings, "a.example.com", ADDR_V4, NULL, 0, 1, 2, &changes, &changed), 0);
	cr_assert_eq(changed, BINDINGS_MAX_ADDRS);
	cr_assert(changes[0].remove);
	bindings_free(bindings);
	arena_free(made.arena);
}
