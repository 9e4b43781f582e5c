/* A policy of ten thousand rules, as its ruleset is shipped, against the evaluator: flows that each rule is about. */
#include "proof.h"
#include "base/text.h"
#include "eval/eval_index.h"
#include "tests/lib/random.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define RULES 10000
#define NAMES 2500 /* that are looked up */
#define FLOWS 4000

/* What a rule is about, if it is a name's */
struct about {
	char name[32]; /* "": none */
	struct addr addr;
	unsigned port; /* a flow's */
};

static void add_name(struct random *random, struct text *rules, struct about *about, int i)
{
	char addr[24];
	bool below = random_one_in(random, 4);

	snprintf(about->name, sizeof about->name, "%sapi%d.example", below ? "x." : "", i);
	/* nobody else's: a public one, now and then a private one */
	snprintf(addr, sizeof addr, "%s.%d.%d", random_one_in(random, 8) ? "10.77" : "45.0", i >> 8, i & 255);
	about->addr = test_addr(addr);
	text_addf(rules, "@%sapi%d.example", below ? "*." : "", i);
	if (!below && !random_one_in(random, 5))
		text_addf(rules, ":tcp:%u", about->port);
}

static void add_rule(struct random *random, struct text *rules, struct about *about, int i)
{
	static const char *const groups[] = { "public", "private", "any" };
	static const int firsts[] = { 10, 100, 151, 172, 185, 203 };
	unsigned kind = random_below(random, 10);

	about->port = 1024 + random_below(random, 60000);
	text_addf(rules, "%s%s", i ? "," : "", random_below(random, 10) < 3 ? "deny" : "allow");
	if (kind < 5) {
		text_addf(rules, "@%d.%u.%u.0/24", RANDOM_PICK(random, firsts), random_below(random, 256),
			  random_below(random, 256));
		if (!random_one_in(random, 3))
			text_addf(rules, ":tcp:%u", about->port);
	} else if (kind < 9) {
		add_name(random, rules, about, i);
	} else {
		text_addf(rules, "@%s:%s:%u", RANDOM_PICK(random, groups), random_one_in(random, 2) ? "tcp" : "udp",
			  about->port);
	}
}

static struct packet_flow flow_of(struct random *random, const struct about *abouts, const struct about *about)
{
	bool own = random_one_in(random, 2); /* or what some other rule is about */

	return (struct packet_flow){ .to = about->addr,
				     .proto = random_one_in(random, 4) ? IPPROTO_UDP : IPPROTO_TCP,
				     .source_port = 40000,
				     .port = (uint16_t)(own ? about->port : abouts[random_below(random, RULES)].port) };
}

static void bind_names(struct proof *proof, const struct about *abouts)
{
	size_t count = 0;

	for (size_t i = 0; i < RULES && count < NAMES; i++) {
		if (!*abouts[i].name)
			continue;
		proof_bind(proof, abouts[i].name, abouts[i].addr, 3600000);
		count++;
	}
}

/* Where the kernel takes none of a transaction, the next one makes the sets that chains look into again. */
Test(many_rules, sets_that_the_kernel_did_not_take_are_made_again)
{
	struct arena *arena = arena_new();
	struct text rules = { .arena = arena };
	struct bindings_changes changes;
	struct addr addr = test_addr("45.0.0.1");

	for (int i = 0; i < 40; i++)
		text_addf(&rules, "deny@public:tcp:%d,", 2000 + 2 * i);
	text_add(&rules, "allow@a.example,allow@b.example");
	struct proof proof = { .made = test_policy_of("deny", "allow", text_get(&rules), false) };
	proof.made.context.gateway = test_gateway("172.16.0.1", "fd42:6d73:62::1");
	proof_prepare(&proof, 2);
	bindings_set(proof.bindings, "a.example", ADDR_V4, &addr, 1, 60000, PROOF_START_MS, &changes);
	cr_assert_eq(changes.ruleset->tables.items[0].sets.count, 2, "40 runs are 0x20 and 8");
	bindings_undo(proof.bindings, &changes);
	bindings_set(proof.bindings, "b.example", ADDR_V4, &addr, 1, 60000, PROOF_START_MS, &changes);
	cr_assert_eq(changes.ruleset->tables.items[0].sets.count, 2, "they are not there");
	addr = test_addr("45.0.0.2");
	bindings_set(proof.bindings, "b.example", ADDR_V4, &addr, 1, 60000, PROOF_START_MS, &changes);
	cr_assert_eq(changes.ruleset->tables.items[0].sets.count, 0, "they are there, and shared");
	proof_finish(&proof);
	arena_free(arena);
}

Test(many_rules, fare_as_the_evaluator_says_with_thousands_of_names, .timeout = 300)
{
	static struct about abouts[RULES];
	struct random random = { 11 };
	struct arena *arena = arena_new();
	struct text rules = { .arena = arena };
	size_t mismatches = 0;

	for (int i = 0; i < RULES; i++)
		add_rule(&random, &rules, &abouts[i], i);
	struct proof proof = { .made = test_policy_of("deny", "allow", text_get(&rules), false) };
	proof.made.context.gateway = test_gateway("172.16.0.1", "fd42:6d73:62::1");
	eval_prepare(proof.made.policy);
	proof_prepare(&proof, 2);
	bind_names(&proof, abouts);
	proof_pass_time(&proof, PROOF_START_MS);
	for (size_t i = 0; i < FLOWS; i++) {
		const struct about *about = &abouts[random_below(&random, RULES)];
		if (!*about->name)
			continue;
		struct packet_flow flow = flow_of(&random, abouts, about);
		mismatches += !proof_packet(&proof, &flow, false, NULL);
		proof.flows++;
	}
	cr_expect_eq(mismatches, 0, "%zu of %zu flows", mismatches, proof.flows);
	cr_expect_gt(proof.flows, FLOWS / 4);
	proof_finish(&proof);
	arena_free(arena);
}
