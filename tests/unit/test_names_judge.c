/* What the supervisor makes of a name worker's messages, honest ones and others. */
#include "names/names_judge.h"
#include "policy_of.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#define ROOM 4
#define RULES "deny@*.evil.example,allow@good.example:tcp:443,allow@198.51.100.0/24"

static struct test_policy made;
static struct names_judge *judge;
static const char *bound[1024]; /* names of every address; NULL ends them */

static bool any_bound(const void *self, struct addr addr, bool (*each)(const char *name, void *context), void *context)
{
	(void)self, (void)addr;
	for (size_t i = 0; bound[i]; i++)
		if (each(bound[i], context))
			return true;
	return false;
}

static const struct eval_bindings now = { any_bound, NULL };

static void setup(void)
{
	made = test_policy_of("deny", "deny", RULES, false);
	judge = names_judge_new(made.policy, NULL, &made.context.gateway, ROOM);
	cr_assert(judge);
	bound[0] = "good.example";
	bound[1] = NULL;
}

static void teardown(void)
{
	names_judge_free(judge);
	arena_free(made.arena);
}

TestSuite(names_judge, .init = setup, .fini = teardown);

static uint32_t open_to(const char *address)
{
	struct eval_connection connection = { POLICY_EGRESS, PROTO_TCP, test_addr(address), .has_port = true,
					      .port = 443 };

	return names_judge_open(judge, &connection, now);
}

static struct names_ask said(uint32_t serial, const char *name, size_t len)
{
	struct names_ask ask = { .kind = NAMES_ASK,
				 .serial = serial,
				 .token = 99,
				 .saw = NAMES_SAW_START,
				 .has_name = name != NULL,
				 .name_len = (uint8_t)len };

	if (name)
		memcpy(ask.name, name, len);
	return ask;
}

static int judged(const struct names_ask *ask, bool *allowed)
{
	struct names_message verdict = { 0 };
	int result = names_judge_ask(judge, ask, now, NULL, &verdict);

	if (result == 1)
		cr_assert(verdict.kind == NAMES_VERDICT && verdict.serial == ask->serial &&
			  verdict.token == ask->token);
	*allowed = verdict.allowed;
	return result;
}

static bool passes(const char *address, const char *name, size_t len)
{
	uint32_t serial = open_to(address);
	struct names_ask ask = said(serial, name, len);
	bool allowed;

	cr_assert_neq(serial, NAMES_NO_SERIAL);
	cr_assert_eq(judged(&ask, &allowed), 1);
	names_judge_drop(judge, serial);
	return allowed;
}

static bool passes_text(const char *address, const char *name)
{
	return passes(address, name, name ? strlen(name) : 0);
}

Test(names_judge, the_name_decides_where_the_evaluator_says_so)
{
	cr_expect(passes_text("192.0.2.1", "good.example"));
	cr_expect(passes_text("192.0.2.1", "GOOD.example."));
	cr_expect(!passes_text("192.0.2.1", "other.example"));
	cr_expect(passes_text("192.0.2.1", NULL), "the binding");
	cr_expect(!passes_text("192.0.2.1", ""));
	cr_expect(!passes_text("192.0.2.1", "192.0.2.1"));
	cr_expect(passes_text("198.51.100.1", "other.example"));
	cr_expect(!passes_text("198.51.100.1", "a.evil.example"));
	cr_expect(passes_text("::ffff:198.51.100.1", "other.example"));
}

static const char *foreseen(const char *address)
{
	static struct names_message pair;
	uint32_t serial = open_to(address);

	pair = (struct names_message){ .serial = serial };
	names_judge_foresee(judge, serial, &pair);
	pair.foreseen[pair.foreseen_len] = '\0';
	names_judge_drop(judge, serial);
	return pair.foreseen;
}

Test(names_judge, only_a_name_that_the_evaluator_allows_there_is_foreseen)
{
	cr_expect_str_eq(foreseen("192.0.2.1"), "good.example");
	bound[0] = "a.evil.example";
	cr_expect_str_eq(foreseen("192.0.2.1"), "");
	cr_expect_str_eq(foreseen("198.51.100.1"), "",
			 "the rule on its address does not make good what one before it denies");
	bound[1] = "good.example";
	bound[2] = NULL;
	cr_expect_str_eq(foreseen("192.0.2.1"), "good.example");
	bound[0] = NULL;
	cr_expect_str_eq(foreseen("192.0.2.1"), "");
}

Test(names_judge, a_name_whose_flows_are_logged_is_not_foreseen)
{
	names_judge_free(judge);
	made.policy->rules.items[1].log = true;
	judge = names_judge_new(made.policy, NULL, &made.context.gateway, ROOM);
	cr_expect_str_eq(foreseen("192.0.2.1"), "");
}

Test(names_judge, a_name_with_a_nul_is_none_that_passes)
{
	cr_expect(!passes("192.0.2.1", "good.example\0.evil", 18));
	cr_expect(!passes("198.51.100.1", "evil.example\0", 13));
	cr_expect(!passes("198.51.100.1", "\0", 1));
	cr_expect(passes("198.51.100.1",
			 "b\xc3\xbc"
			 "cher.example",
			 14));
}

Test(names_judge, names_are_those_of_when_it_connected)
{
	uint32_t before = open_to("192.0.2.1"), after;
	struct names_ask ask = said(before, "good.example", 12);
	bool allowed;

	bound[0] = NULL;
	after = open_to("192.0.2.1");
	cr_assert(judged(&ask, &allowed) == 1 && allowed);
	ask = said(after, "good.example", 12);
	cr_assert(judged(&ask, &allowed) == 1 && !allowed);
}

Test(names_judge, an_address_of_many_names_is_judged_by_those_of_the_time)
{
	static char names[1000][40];
	bool allowed;

	for (int i = 0; i < 1000; i++)
		bound[i] = (snprintf(names[i], sizeof *names, "a-rather-long-label-%d.example", i), names[i]);
	bound[1000] = "good.example";
	uint32_t serial = open_to("192.0.2.1");
	struct names_ask ask = said(serial, "good.example", 12);
	cr_assert(judged(&ask, &allowed) == 1 && allowed);
	serial = open_to("192.0.2.1");
	ask.serial = serial;
	bound[0] = NULL;
	cr_assert(judged(&ask, &allowed) == 1 && !allowed);
}

Test(names_judge, what_a_worker_says_of_one_flow_decides_no_other)
{
	uint32_t first = open_to("192.0.2.1"), second = open_to("192.0.2.1");
	struct names_ask lie = said(first, "good.example", 12), honest = said(second, "evil.example", 12);
	bool allowed;

	cr_assert(judged(&lie, &allowed) == 1 && allowed); /* it could have passed the bytes without asking */
	cr_assert(judged(&honest, &allowed) == 1 && !allowed);
	lie.serial = second;
	cr_assert_eq(judged(&lie, &allowed), -EPROTO, "a refused flow is not judged again");
	lie.serial = first;
	cr_assert_eq(judged(&lie, &allowed), -EPROTO, "nor is an allowed one");
}

Test(names_judge, what_makes_no_sense_is_no_honest_workers)
{
	uint32_t serial = open_to("192.0.2.1");
	struct names_ask honest = said(serial, "good.example", 12), ask;
	bool allowed;

#define REFUSED(member, value)                                 \
	do {                                                   \
		ask = honest;                                  \
		ask.member = value;                            \
		cr_expect_eq(judged(&ask, &allowed), -EPROTO); \
		cr_expect(!allowed);                           \
	} while (0)
	REFUSED(kind, 0);
	REFUSED(kind, NAMES_PAIR);
	REFUSED(kind, NAMES_VERDICT);
	REFUSED(kind, 99);
	REFUSED(serial, NAMES_NO_SERIAL);
	REFUSED(serial, serial + 1);
	REFUSED(serial, serial + (1u << 13));
	REFUSED(serial, UINT32_MAX);
	REFUSED(saw, NAMES_SAW_COUNT);
	REFUSED(saw, UINT32_MAX);
	REFUSED(ech, 2);
	REFUSED(has_name, 2);
	REFUSED(has_name, 0); /* and yet a name's length */
	ask = honest;
	ask.given_back_count = NAMES_GIVEN_BACK_MAX + 1;
	cr_expect_eq(judged(&ask, &allowed), -EPROTO);
}

Test(names_judge, there_is_room_for_so_many_and_for_more_when_some_are_given_back)
{
	uint32_t serials[ROOM];
	struct names_ask back = { .kind = NAMES_GIVE_BACK, .given_back_count = 3 };
	bool allowed;

	for (int i = 0; i < ROOM; i++)
		cr_assert_neq(serials[i] = open_to("192.0.2.1"), NAMES_NO_SERIAL);
	cr_assert_eq(open_to("192.0.2.1"), NAMES_NO_SERIAL);
	back.given_back[0] = serials[2];
	back.given_back[1] = serials[2]; /* twice is once */
	back.given_back[2] = 12345;
	cr_assert_eq(judged(&back, &allowed), 0);
	uint32_t next = open_to("192.0.2.1");
	cr_assert(next != NAMES_NO_SERIAL && next != serials[2]);
	cr_assert_eq(open_to("192.0.2.1"), NAMES_NO_SERIAL);
	back.given_back_count = 1; /* of the use before: nobody's */
	cr_assert_eq(judged(&back, &allowed), 0);
	cr_assert_eq(open_to("192.0.2.1"), NAMES_NO_SERIAL);
}

Test(names_judge, a_flow_that_the_worker_has_ended_wants_no_verdict)
{
	for (uint32_t saw = NAMES_SAW_MALFORMED; saw < NAMES_SAW_COUNT; saw++) {
		struct names_ask ask = said(open_to("192.0.2.1"), "good.example", 12);
		bool allowed;

		ask.saw = saw;
		cr_assert_eq(judged(&ask, &allowed), 0);
		cr_assert(!allowed);
		cr_assert_eq(judged(&ask, &allowed), -EPROTO, "it is gone");
	}
}

/* ---- limits of bytes ---- */

struct counting {
	uint32_t meter;
	unsigned calls;
	int answer;
};

static int count(void *self, const struct conntrack_tuple *far, uint32_t meter)
{
	struct counting *counting = self;

	cr_assert_eq(far->proto, IPPROTO_TCP);
	counting->calls++;
	if (counting->answer == 0)
		counting->meter = meter;
	return counting->answer;
}

static const struct names_origin counted_there = { .far = { .proto = IPPROTO_TCP } };

static bool passes_counted(uint32_t serial, const char *name)
{
	struct names_ask ask = said(serial, name, strlen(name));
	bool allowed;

	cr_assert_eq(judged(&ask, &allowed), 1);
	return allowed;
}

Test(names_judge, what_a_rule_counts_passes_once_it_is_counted)
{
	struct counting counting = { 0 };
	struct policy_rule *rule = &made.policy->rules.items[1]; /* good.example */

	rule->bytes = 1000;
	rule->meter = POLICY_METER_FLAG | 7;
	uint32_t serial = open_to("192.0.2.1");
	names_judge_note(judge, serial, &counted_there);
	cr_expect(!passes_counted(serial, "good.example"), "nobody counts");
	names_judge_count_with(judge, count, &counting);
	serial = open_to("192.0.2.1");
	names_judge_note(judge, serial, &counted_there);
	cr_expect(passes_counted(serial, "good.example"));
	cr_expect_eq(counting.meter, rule->meter);
	counting.answer = -ENOENT;
	serial = open_to("192.0.2.1");
	names_judge_note(judge, serial, &counted_there);
	cr_expect(!passes_counted(serial, "good.example"), "it cannot be counted");
	serial = open_to("192.0.2.1");
	cr_expect(!passes_counted(serial, "good.example"), "there is nothing that could be");
	cr_expect_str_eq(foreseen("192.0.2.1"), "", "nor is it foreseen");
}

Test(names_judge, another_name_on_the_address_is_not_counted)
{
	struct counting counting = { 0 };
	struct policy_rule *rule = &made.policy->rules.items[1];
	const struct eval_connection silent = { POLICY_EGRESS, PROTO_TCP, test_addr("198.51.100.1"), .has_port = true,
						.port = 443 };

	rule->bytes = 1000;
	rule->meter = POLICY_METER_FLAG | 7;
	names_judge_count_with(judge, count, &counting);
	uint32_t serial = open_to("198.51.100.1");
	names_judge_note(judge, serial, &counted_there);
	cr_expect(names_judge_count_unnamed(judge, serial, &silent, now, NULL), "as long as it says nothing");
	cr_expect_eq(counting.meter, rule->meter, "by the binding");
	cr_expect(passes_counted(serial, "other.example"));
	cr_expect_eq(counting.meter, 0, "the rule behind counts nothing");
	cr_expect_eq(names_judge_meter(judge, serial, rule->meter), 0, "a reload");
	cr_expect_eq(counting.meter, rule->meter);
	counting.answer = -EPERM;
	cr_expect_eq(names_judge_meter(judge, serial, 0), 1, "what cannot be counted is to end");
	cr_expect_eq(names_judge_ending(judge), 1);
}
