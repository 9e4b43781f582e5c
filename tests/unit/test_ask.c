/* What waits for an answer: the table of questions, queries that the DNS worker holds, and which flows the packet filter holds. */
#include "dns/dns_asking.h"
#include "policy_of.h"
#include "proof.h"
#include "random_policy.h"
#include "ask/questions.h"
#include "lower/lower.h"
#include "lower/lower_ask.h"
#include "lower/sandbox_net.h"
#include "optimise/optimise.h"
#include "policy/flow.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define NOW 1000000

/* ---- questions ---- */

Test(ask, a_question_is_joined_by_whatever_tries_again)
{
	struct questions questions = { .count = 0 };
	bool fresh;
	struct question *name = questions_name(&questions, "a.test", 1, NOW, &fresh);
	cr_assert(fresh);
	struct question *flow = questions_flow(&questions, test_addr("1.1.1.1"), PROTO_TCP, 80, NOW, &fresh);
	cr_assert(fresh && flow != name);
	cr_assert_eq(questions_name(&questions, "a.test", 3, NOW + 5, &fresh), name);
	cr_assert(!fresh);
	cr_assert_eq(name->tries, 4);
	cr_assert_eq(name->asked_ms, NOW);
	cr_assert_eq(name->tried_ms, NOW + 5);
	cr_assert_eq(questions_flow(&questions, test_addr("1.1.1.1"), PROTO_TCP, 80, NOW, &fresh), flow);
	cr_assert(!fresh);
	questions_flow(&questions, test_addr("1.1.1.1"), PROTO_UDP, 80, NOW, &fresh);
	cr_assert(fresh, "another protocol");
	questions_flow(&questions, test_addr("1.1.1.2"), PROTO_TCP, 80, NOW, &fresh);
	cr_assert(fresh, "another address");
	cr_assert_eq(questions.count, 4);
	cr_assert_eq(questions_find(&questions, flow->id), flow);
	questions_drop(&questions, flow);
	cr_assert_null(questions_find(&questions, 2));
	cr_assert_null(questions_find(&questions, 0));
	questions_free(&questions);
}

Test(ask, there_are_64_questions_at_most)
{
	struct questions questions = { .count = 0 };
	char name[32];
	bool fresh;
	for (int i = 0; i < QUESTIONS_MAX; i++) {
		snprintf(name, sizeof name, "n%d.test", i);
		cr_assert_not_null(questions_name(&questions, name, 1, NOW, &fresh));
	}
	cr_assert_null(questions_name(&questions, "more.test", 1, NOW, &fresh));
	cr_assert_null(questions_flow(&questions, test_addr("1.1.1.1"), PROTO_TCP, 80, NOW, &fresh));
	cr_assert_not_null(questions_name(&questions, "n7.test", 1, NOW, &fresh), "but to those that are there");
	questions_drop(&questions, questions_find(&questions, 1));
	cr_assert_eq(questions_name(&questions, "more.test", 1, NOW, &fresh)->id, QUESTIONS_MAX + 1,
		     "no number is given twice");
	questions_free(&questions);
}

Test(ask, a_flow_is_refused_after_30_seconds_and_over_after_5_minutes)
{
	struct questions questions = { .count = 0 };
	bool fresh;
	struct question *flow = questions_flow(&questions, test_addr("1.1.1.1"), PROTO_TCP, 80, NOW, &fresh);
	questions_name(&questions, "a.test", 1, NOW, &fresh);
	cr_assert_eq(questions_next_ms(&questions), NOW + 30000);
	questions_flow(&questions, flow->addr, PROTO_TCP, 80, NOW + 15000, &fresh);
	cr_assert_null(questions_overdue(&questions, NOW + 29999));
	cr_assert_eq(questions_overdue(&questions, NOW + 30000), flow, "a retry does not hold it for longer");
	flow->refused = true;
	cr_assert_null(questions_overdue(&questions, NOW + 60000), "and a name waits in the DNS worker");
	cr_assert_null(questions_over(&questions, NOW + 299999));
	cr_assert(questions_over(&questions, NOW + 300000)->is_name);
	questions_drop(&questions, questions_over(&questions, NOW + 300000));
	cr_assert_null(questions_over(&questions, NOW + 314999), "five minutes after its last try");
	cr_assert_eq(questions_over(&questions, NOW + 315000), flow);
	questions_drop(&questions, flow);
	cr_assert_eq(questions_next_ms(&questions), UINT64_MAX);
}

/* ---- queries ---- */

static struct proxy *proxy;
static int supervisor, guest;
static struct sockaddr_in guest_at;

static int bound_socket(struct sockaddr_in *at)
{
	socklen_t len = sizeof *at;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	*at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	cr_assert(fd >= 0 && !bind(fd, (struct sockaddr *)at, sizeof *at) &&
		  !getsockname(fd, (struct sockaddr *)at, &len));
	return fd;
}

static struct test_policy start(const char *rules, bool asks)
{
	int pair[2];
	struct sockaddr_in at;
	struct test_policy made = test_policy_of("deny", "allow", rules, false);
	struct proxy_config config = { .policy = made.policy, .gateway = test_gateway("127.0.0.1", "-"), .asks = asks };
	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
	struct proxy_sockets sockets = { pair[0], bound_socket(&at), -1, -1, -1 };
	supervisor = pair[1];
	guest = bound_socket(&guest_at);
	proxy = proxy_new(&config, &sockets);
	cr_assert_not_null(proxy);
	proxy->now_ms = NOW;
	return made;
}

static void stop(struct test_policy *made)
{
	proxy_free(proxy);
	close(supervisor);
	close(guest);
	arena_free(made->arena);
}

/* A query of the guest's for the name's MX, which needs no address to be bound */
static void query(const char *name, uint16_t id)
{
	ldns_pkt *pkt = ldns_pkt_query_new(ldns_dname_new_frm_str(name), LDNS_RR_TYPE_MX, LDNS_RR_CLASS_IN, LDNS_RD);
	struct client_ref client = { .asked = test_addr("127.0.0.1") };
	uint8_t *wire;
	size_t len;
	memcpy(&client.peer, &guest_at, sizeof guest_at);
	ldns_pkt_set_id(pkt, id);
	cr_assert_eq(ldns_pkt2wire(&wire, pkt, &len), LDNS_STATUS_OK);
	cr_assert(proxy_query(proxy, wire, len, &client));
	free(wire);
	ldns_pkt_free(pkt);
}

/* The code of the answer to it; -1: none has come */
static int answer(uint16_t *id)
{
	uint8_t message[512];
	clients_flush(proxy);
	ssize_t len = recv(guest, message, sizeof message, MSG_DONTWAIT);
	if (len < 12)
		return -1;
	*id = (uint16_t)(message[0] << 8 | message[1]);
	return message[3] & 15;
}

static int code(void)
{
	uint16_t id;
	return answer(&id);
}

/* What the supervisor is told next; kind 0: nothing */
static struct dns_ask_name told(void)
{
	union {
		struct dns_ask_name name;
		uint8_t bytes[4096];
	} message = { .name.kind = 0 };
	ssize_t len = recv(supervisor, &message, sizeof message, MSG_DONTWAIT);
	if (len > 0 && message.name.kind == DNS_ASK_NAME)
		cr_assert_eq(len, (ssize_t)sizeof message.name);
	return message.name;
}

static void verdict(uint32_t serial, enum dns_verdict_kind kind)
{
	asking_told(proxy, &(struct dns_verdict){ serial, kind });
}

static void pass(uint64_t ms)
{
	proxy->now_ms += ms;
	asking_turn(proxy);
}

/* As an order to switch does: another policy, by which everything is judged again */
static void use_policy(const struct policy *policy)
{
	proxy->config.policy = proxy->context.policy = policy;
	asking_judge_again(proxy);
}

Test(ask, a_query_is_held_for_4_seconds_then_servfail)
{
	struct test_policy made = start("allow@other.test", true);
	query("a.test", 1);
	struct dns_ask_name ask = told();
	cr_assert_eq(ask.kind, DNS_ASK_NAME);
	cr_assert_str_eq(ask.name, "a.test");
	cr_assert_eq(ask.tries, 1);
	verdict(ask.serial, DNS_VERDICT_HELD);
	pass(3999);
	cr_assert_eq(code(), -1, "nothing is said");
	cr_assert_eq(proxy->lookups, 0, "nothing goes upstream");
	pass(1);
	cr_assert_eq(code(), LDNS_RCODE_SERVFAIL);
	cr_assert_eq(code(), -1, "once");
	query("a.test", 2);
	cr_assert_neq(told().serial, ask.serial, "nothing is left of it here, so the supervisor is told anew");
	stop(&made);
}

Test(ask, retries_join_and_each_is_answered)
{
	struct test_policy made = start("allow@other.test", true);
	uint16_t id;
	query("a.test", 1);
	query("A.Test", 2);
	struct dns_ask_name ask = told();
	cr_assert_eq(told().kind, 0, "one word of a name at a time");
	verdict(ask.serial, DNS_VERDICT_HELD);
	pass(2000);
	struct dns_ask_name again = told();
	cr_assert_eq(again.serial, ask.serial);
	cr_assert_eq(again.tries, 1, "the try that came meanwhile");
	query("a.test", 3);
	cr_assert_eq(told().kind, 0);
	verdict(ask.serial, DNS_VERDICT_HELD);
	pass(0);
	cr_assert_eq(told().tries, 1);
	pass(2000);
	cr_assert_eq(answer(&id), LDNS_RCODE_SERVFAIL);
	cr_assert_eq(id, 1);
	cr_assert_eq(answer(&id), LDNS_RCODE_SERVFAIL);
	cr_assert_eq(id, 2);
	cr_assert_eq(answer(&id), -1, "the third has come later");
	pass(2000);
	cr_assert_eq(answer(&id), LDNS_RCODE_SERVFAIL);
	cr_assert_eq(id, 3);
	stop(&made);
}

Test(ask, another_policy_answers_what_is_held)
{
	struct test_policy made = start("allow@other.test", true);
	struct test_policy denies = test_policy_of("deny", "allow", "deny@a.test,allow@other.test", false);
	struct test_policy allows = test_policy_of("deny", "allow", "allow@b.test:tcp:443,allow@other.test", false);
	query("a.test", 1);
	query("b.test", 2);
	query("c.test", 3);
	use_policy(made.policy);
	cr_assert_eq(code(), -1, "what no rule decides is held on");
	use_policy(denies.policy);
	uint16_t id;
	cr_assert_eq(answer(&id), LDNS_RCODE_NXDOMAIN);
	cr_assert_eq(id, 1);
	cr_assert_eq(answer(&id), -1);
	use_policy(allows.policy);
	cr_assert_eq(answer(&id), LDNS_RCODE_SERVFAIL, "it is asked of a nameserver, and there is none here");
	cr_assert_eq(id, 2);
	pass(4000);
	cr_assert_eq(answer(&id), LDNS_RCODE_SERVFAIL);
	cr_assert_eq(id, 3);
	use_policy(made.policy);
	stop(&made);
	arena_free(denies.arena);
	arena_free(allows.arena);
}

Test(ask, what_may_not_wait_is_denied_at_once)
{
	struct test_policy made = start("deny@evil.test,allow@other.test", true);
	query("evil.test", 1);
	cr_assert_eq(code(), LDNS_RCODE_NXDOMAIN, "a rule denies it");
	query("metadata.google.internal", 2);
	cr_assert_eq(code(), LDNS_RCODE_NXDOMAIN, "a metadata service's name");
	query("no\\032rule.test", 3);
	cr_assert_eq(code(), LDNS_RCODE_NXDOMAIN, "a name that no rule could say");
	for (uint32_t kind = 1; kind; kind = told().kind)
		cr_assert_neq(kind, DNS_ASK_NAME);
	query("a.test", 4);
	struct dns_ask_name ask = told();
	query("a.test", 5);
	verdict(ask.serial, DNS_VERDICT_UNHELD);
	cr_assert_eq(code(), LDNS_RCODE_NXDOMAIN, "the supervisor has as many as may be");
	cr_assert_eq(code(), LDNS_RCODE_NXDOMAIN);
	verdict(ask.serial, DNS_VERDICT_UNHELD);
	verdict(12345, DNS_VERDICT_HELD);
	cr_assert_eq(code(), -1, "what comes late is nothing");
	stop(&made);
	made = start("allow@other.test", false);
	query("a.test", 1);
	cr_assert_eq(code(), LDNS_RCODE_NXDOMAIN, "without --ask");
	stop(&made);
}

Test(ask, names_and_queries_that_are_held_are_bounded)
{
	struct test_policy made = start("allow@other.test", true);
	char name[64];
	size_t asked = 0, denied = 0;
	for (unsigned i = 0; i < 2000; i++) {
		snprintf(name, sizeof name, "n%u.test", i);
		query(name, (uint16_t)i);
		struct dns_ask_name ask = told();
		asked += ask.kind == DNS_ASK_NAME;
		denied += code() == LDNS_RCODE_NXDOMAIN;
	}
	cr_assert_eq(asked, ASKING_NAMES_MAX);
	cr_assert_eq(denied, 2000 - ASKING_NAMES_MAX);
	for (unsigned i = 0; i < 2000; i++)
		query("n1.test", (uint16_t)i);
	for (denied = 0; code() == LDNS_RCODE_NXDOMAIN;)
		denied++;
	cr_assert_geq(denied, 100, "beyond %d queries they are denied", ASKING_QUERIES_MAX);
	stop(&made);
}

/* ---- flows ---- */

static bool is_held(const struct run_result *result)
{
	return result->end == RUN_DROPPED && result->logged & 1u << LOWER_ASK_LOG_GROUP;
}

/* As rules that allow them have these groups: an address that carries another one may be in neither */
static bool may_be_asked(const struct proof *proof, struct addr addr)
{
	static const enum addr_class groups[] = { ADDR_CLASS_PUBLIC, ADDR_CLASS_PRIVATE };

	for (size_t i = 0; i < 2; i++) {
		struct addr_set set =
			addr_group_set(proof->made.arena, groups[i], false, addr.family, &proof->made.context.gateway);
		if (addr_set_contains(&set, addr.value))
			return true;
	}
	return false;
}

static bool floor_denies(const struct proof *proof, const struct eval_connection *flow)
{
	for (size_t i = 0; i < proof->made.policy->floors.count; i++) {
		struct eval_context floor = eval_floor_context(&proof->made.context, i);
		if (eval_syn(&floor, flow) == EVAL_SYN_DENY)
			return true;
	}
	return false;
}

/* Of the flows that a ruleset refuses exactly those are held that the evaluator says no rule decides; all else fares the same. */
static void try_flow(const struct proof *plain, const struct proof *asking, const struct packet_flow *packet,
		     size_t *held)
{
	struct eval_connection flow = proof_connection(packet);
	struct eval_verdict verdict = eval_connection(&plain->made.context, &flow);
	struct run_result before = proof_run(plain, &plain->world, packet);
	struct run_result now = proof_run(asking, &asking->world, packet);
	bool refused = before.end == RUN_RESET || before.end == RUN_PROHIBITED;
	bool asked = refused && verdict.action == POLICY_DENY && verdict.by.kind == DECIDER_DEFAULT &&
		     may_be_asked(plain, packet->to) &&
		     (packet->proto == IPPROTO_TCP || packet->proto == IPPROTO_UDP) && !floor_denies(plain, &flow) &&
		     !proof_refuses_always(plain, &flow) && packet->port != LOWER_DNS_PORT;

	*held += asked;
	if (asked)
		cr_assert(is_held(&now), "%s: %s in chain %s by %s\n%s",
			  flow_format_connection(plain->made.arena, POLICY_EGRESS, packet->to, flow.proto, true,
						 packet->port),
			  run_end_name(now.end), now.chain, now.decided ? now.decided : "",
			  policy_format(plain->made.arena, plain->made.policy));
	else
		cr_assert(now.end == before.end && now.logged == before.logged, "%s in chain %s, not %s",
			  run_end_name(now.end), now.chain, run_end_name(before.end));
}

static struct proof with_asking(const struct proof *plain, const struct trial *trial)
{
	struct proof asking = *plain;
	struct lower_options options = { .gateway = trial->gateway, .ask = true };
	struct ruleset *ruleset = lower_policy(plain->made.arena, plain->made.policy, &options);

	optimise(ruleset, trial->level);
	asking.run = ruleset_run_new(plain->made.arena, ruleset);
	return asking;
}

Test(ask, flows_that_no_rule_decides_are_held_and_no_others)
{
	struct random random = { 20261129 };
	const struct addr_gateway gateway = test_gateway("172.16.0.1", "fd42:6d73:62::1");
	size_t held = 0;

	for (size_t i = 0; i < random_effort(150); i++) {
		struct arena *arena = arena_new();
		struct trial trial = trial_draw(arena, &random, &gateway, 12);
		trial.bindings.count = 0;
		struct proof plain = proof_of_trial(arena, &trial);
		struct proof asking = with_asking(&plain, &trial);
		for (int j = 0; j < 60; j++) {
			struct packet_flow packet = { .id = 0 };
			trial_draw_flow(&trial, plain.made.policy, &random, &packet);
			if (proof_asks(&plain, packet.to))
				try_flow(&plain, &asking, &packet, &held);
		}
		proof_finish(&plain);
	}
	cr_assert_gt(held, 100);
}

Test(ask, a_map_says_where_a_flow_is_by_now)
{
	struct arena *arena = arena_new();
	const struct addr_gateway gateway = test_gateway("172.16.0.1", "fd42:6d73:62::1");
	struct trial trial = { .egress = "deny", .gateway = gateway, .level = 2 };
	struct proof plain = proof_of_trial(arena, &trial), asking = with_asking(&plain, &trial);
	struct packet_flow tcp = { .to = test_addr("93.184.216.34"), .proto = IPPROTO_TCP, .port = 80 };
	struct packet_flow other = tcp;
	const u128 key[RS_KEY_PARTS] = { tcp.to.value, 80 }, own[RS_KEY_PARTS] = { gateway.v4.value + 1 };
	const struct rs_verdict refuse = { RS_GOTO, LOWER_CHAIN_REFUSE }, hold = { RS_GOTO, LOWER_CHAIN_HOLD };
	struct run_result result = proof_run(&asking, &asking.world, &tcp);

	other.port = 81;
	cr_assert(is_held(&result), "%s in chain %s", run_end_name(result.end), result.chain);
	ruleset_run_add(asking.run, lower_ask_map(PROTO_TCP, ADDR_V4), key, &refuse, UINT64_MAX);
	cr_assert_eq(proof_run(&asking, &asking.world, &tcp).end, RUN_RESET, "it has waited for long enough");
	result = proof_run(&asking, &asking.world, &other);
	cr_assert(is_held(&result), "another port");
	ruleset_run_add(asking.run, lower_ask_map(PROTO_TCP, ADDR_V4), key, &hold, UINT64_MAX);
	ruleset_run_add(asking.run, lower_ask_full_set(ADDR_V4), own, NULL, UINT64_MAX);
	result = proof_run(&asking, &asking.world, &tcp);
	cr_assert(is_held(&result), "what waits goes on waiting when there are as many as may be");
	cr_assert_eq(proof_run(&asking, &asking.world, &other).end, RUN_RESET, "all else is refused then");
	proof_finish(&plain);
}
