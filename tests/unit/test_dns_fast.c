/* The short way of a hit against the long one: the same answer, or none. And what the cache keeps, and for how long an answer
 * from it may be given before the supervisor has been asked again. */
#include "policy_of.h"
#include "random_policy.h"
#include "dns/dns_fast.h"
#include "syntax/parse.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define NOW 1000000

static struct dns_question question_of(const char *name, uint16_t type)
{
	struct dns_question question = { .type = type };
	ldns_rdf *rdf = ldns_dname_new_frm_str(name);
	cr_assert_not_null(rdf, "%s", name);
	question.name_len = (uint8_t)ldns_rdf_size(rdf);
	memcpy(question.name, ldns_rdf_data(rdf), ldns_rdf_size(rdf));
	ldns_rdf_deep_free(rdf);
	return question;
}

/* Records are "owner ttl type data", separated by "|"; those behind "||" are of the authority section */
static ldns_pkt *answer_of(const struct dns_question *question, unsigned rcode, const char *records)
{
	ldns_pkt *pkt = ldns_pkt_new(), *parsed;
	ldns_rr *rr = ldns_rr_new();
	char *copy = strdup(records), *rest = copy;
	uint8_t *wire;
	size_t len;
	ldns_pkt_section section = LDNS_SECTION_ANSWER;
	ldns_pkt_set_qr(pkt, true);
	ldns_pkt_set_rcode(pkt, (uint8_t)rcode);
	ldns_rr_set_question(rr, true);
	ldns_rr_set_owner(rr, ldns_dname_new_frm_data(question->name_len, question->name));
	ldns_rr_set_type(rr, question->type);
	ldns_rr_set_class(rr, LDNS_RR_CLASS_IN);
	ldns_pkt_push_rr(pkt, LDNS_SECTION_QUESTION, rr);
	for (char *record; (record = strsep(&rest, "|"));) {
		if (!*record) {
			section = LDNS_SECTION_AUTHORITY;
			continue;
		}
		cr_assert_eq(ldns_rr_new_frm_str(&rr, record, 0, NULL, NULL), LDNS_STATUS_OK, "%s", record);
		ldns_pkt_push_rr(pkt, section, rr);
	}
	cr_assert_eq(ldns_pkt2wire(&wire, pkt, &len), LDNS_STATUS_OK);
	parsed = dns_answer_parse(wire, len);
	cr_assert_not_null(parsed);
	free(wire);
	free(copy);
	ldns_pkt_free(pkt);
	return parsed;
}

/* A plain query; edns 0: without OPT */
static size_t query_of(const struct dns_question *question, uint16_t id, bool recursion, unsigned edns,
		       uint64_t spelling, uint8_t *out)
{
	const uint8_t header[12] = { (uint8_t)(id >> 8), (uint8_t)id, recursion, 0, 0, 1, 0, 0, 0, 0, 0, edns != 0 };
	const uint8_t opt[11] = { 0, 0, LDNS_RR_TYPE_OPT, (uint8_t)(edns >> 8), (uint8_t)edns };
	uint8_t *at = out + sizeof header;
	memcpy(out, header, sizeof header);
	for (size_t i = 0; i < question->name_len; i++) {
		uint8_t octet = question->name[i];
		bool letter = octet >= 'a' && octet <= 'z';
		*at++ = letter && spelling >> i % 64 & 1 ? octet & ~0x20 : octet;
	}
	const uint8_t end[4] = { (uint8_t)(question->type >> 8), (uint8_t)question->type, 0, 1 };
	memcpy(at, end, sizeof end);
	memcpy(at + sizeof end, opt, edns ? sizeof opt : 0);
	return (size_t)(at - out) + sizeof end + (edns ? sizeof opt : 0);
}

static size_t the_long_way(const uint8_t *message, size_t len, const struct cached *cached, uint64_t now_ms,
			   uint8_t *out)
{
	struct dns_query query;
	unsigned rcode;
	ldns_pkt *answer = cached_parse(cached);
	cr_assert_eq(dns_query_parse(message, len, &query, &rcode), DNS_PARSE_OK);
	size_t reply = dns_reply_answer(&query, answer, (uint32_t)((now_ms - cached->stored_ms) / 1000), query.udp_size,
					out, LDNS_MAX_PACKETLEN);
	ldns_pkt_free(answer);
	return reply;
}

static const struct {
	const char *name;
	uint16_t type;
	unsigned rcode;
	const char *records;
} answers[] = {
	{ "example.com.", LDNS_RR_TYPE_A, 0, "example.com. 60 IN A 93.184.216.34" },
	{ "example.com.", LDNS_RR_TYPE_A, 0, "EXAMPLE.com. 60 IN A 93.184.216.34|example.com. 7 IN A 93.184.216.35" },
	{ "www.example.com.", LDNS_RR_TYPE_A, 0,
	  "www.example.com. 300 IN CNAME a.b.Example.COM.|a.b.example.com. 20 IN CNAME www.EXAMPLE.net.|"
	  "www.example.net. 60 IN A 93.184.216.34" },
	{ "www.example.com.", LDNS_RR_TYPE_AAAA, 0, "www.example.com. 4000000000 IN AAAA 2001:db8::1" },
	{ "example.com.", LDNS_RR_TYPE_MX, 0, "example.com. 60 IN MX 10 mx.Example.com.|example.com. 60 IN MX 20 ." },
	{ "example.com.", LDNS_RR_TYPE_TXT, 0, "example.com. 60 IN TXT \"one\" \"Two\"" },
	{ "_sip._tcp.example.com.", LDNS_RR_TYPE_SRV, 0, "_sip._tcp.example.com. 9 IN SRV 1 2 5060 sip.example.com." },
	{ "none.example.com.", LDNS_RR_TYPE_A, LDNS_RCODE_NXDOMAIN,
	  "|example.com. 60 IN SOA ns.example.com. admin.example.com. 1 2 3 4 50" },
	{ "none.example.com.", LDNS_RR_TYPE_AAAA, 0,
	  "none.example.com. 9 IN CNAME there.example.com.||example.com. 60 IN SOA ns.there.example.com. . 1 2 3 4 50" },
	{ ".", LDNS_RR_TYPE_NS, 0, ". 60 IN NS a.root-servers.net." },
	{ "example.com.", 65280, 0, "example.com. 60 IN TYPE65280 \\# 4 c0000201" },
};

Test(dns_fast, answers_as_the_long_way_does)
{
	static uint8_t fast[DNS_UDP_MAX], slow[LDNS_MAX_PACKETLEN];
	static const unsigned sizes[] = { 0, 1, 512, 1232, 4096, 65535 };
	struct random random = { 1 };
	struct cache *cache = cache_new(7, NULL, NULL);
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		struct dns_question question = question_of(answers[i].name, answers[i].type);
		ldns_pkt *pkt = answer_of(&question, answers[i].rcode, answers[i].records);
		struct cached *cached = cache_put(cache, &question, pkt, 60, 1, NOW);
		cr_assert_not_null(cached, "%s", answers[i].records);
		for (size_t j = 0; j < 120; j++) {
			uint8_t message[512];
			struct fast_query query;
			uint64_t now = NOW + random_below(&random, 70000);
			size_t len = query_of(&question, (uint16_t)random_below(&random, 65536), j % 2, sizes[j % 6],
					      (uint64_t)random_below(&random, 65536) * 0x1000100010001u, message);
			message[3] = (uint8_t)(random_below(&random, 4) << 4); /* AD, CD */
			cr_assert(fast_query_read(message, len, &query));
			cr_assert(question_equal(&query.question, &question));
			size_t reply = fast_reply(&query, message, cached, now, fast);
			cr_assert_eq(reply, the_long_way(message, len, cached, now, slow), "%s", answers[i].records);
			cr_assert_arr_eq(fast, slow, reply, "%s", answers[i].records);
		}
		ldns_pkt_free(pkt);
	}
	cache_free(cache);
}

Test(dns_fast, what_the_guest_cannot_take_goes_the_long_way)
{
	uint8_t message[512], out[DNS_UDP_MAX];
	char records[4096] = "";
	struct fast_query query;
	struct dns_question question = question_of("example.com.", LDNS_RR_TYPE_A);
	for (int i = 0; i < 40; i++)
		snprintf(records + strlen(records), 60, "%sexample.com. 60 IN A 93.184.216.%d", i ? "|" : "", i);
	ldns_pkt *pkt = answer_of(&question, 0, records);
	struct cache *cache = cache_new(7, NULL, NULL);
	struct cached *cached = cache_put(cache, &question, pkt, 60, 1, NOW);
	cr_assert(fast_query_read(message, query_of(&question, 1, true, 0, 0, message), &query));
	cr_assert_eq(fast_reply(&query, message, cached, NOW, out), 0);
	cr_assert(fast_query_read(message, query_of(&question, 1, true, cached->len + 10u, 0, message), &query));
	cr_assert_eq(fast_reply(&query, message, cached, NOW, out), 0);
	cr_assert(fast_query_read(message, query_of(&question, 1, true, cached->len + 11u, 0, message), &query));
	cr_assert_eq(fast_reply(&query, message, cached, NOW, out), cached->len + 11u);
	ldns_pkt_free(pkt);
	cache_free(cache);
}

Test(dns_fast, unusual_queries_go_the_long_way)
{
	uint8_t plain[512], edns[512], message[512];
	struct fast_query query;
	struct dns_question question = question_of("example.com.", LDNS_RR_TYPE_A);
	size_t len = query_of(&question, 1, true, 0, 0, plain), edns_len = query_of(&question, 1, true, 1232, 0, edns);
	/* octet, what it is made: flags, opcode, RCODE, counts, a label too long or compressed, class */
	static const struct {
		size_t at;
		uint8_t value;
	} odd[] = { { 2, 0x81 }, { 2, 0x28 }, { 2, 5 },   { 2, 3 },     { 3, 0x80 }, { 3, 1 },
		    { 3, 0x40 }, { 5, 0 },    { 5, 2 },   { 7, 1 },     { 9, 1 },    { 11, 1 },
		    { 11, 2 },   { 10, 1 },   { 12, 64 }, { 12, 0xc0 }, { 12, 200 }, { 28, 3 } },
	  /* root as owner, type, extended RCODE, version, DO, another flag, an option's length */
		odd_opt[] = {
			{ 29, 1 }, { 31, 40 }, { 34, 1 }, { 35, 1 }, { 36, 0x80 }, { 37, 1 }, { 39, 4 }, { 11, 0 }
		};
	cr_assert(fast_query_read(plain, len, &query) && fast_query_read(edns, edns_len, &query));
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		memcpy(message, plain, len);
		message[odd[i].at] = odd[i].value;
		cr_expect_not(fast_query_read(message, len, &query), "octet %zu", odd[i].at);
	}
	for (size_t i = 0; i < sizeof odd_opt / sizeof *odd_opt; i++) {
		memcpy(message, edns, edns_len);
		message[odd_opt[i].at] = odd_opt[i].value;
		cr_expect_not(fast_query_read(message, edns_len, &query), "octet %zu", odd_opt[i].at);
	}
	for (size_t cut = 0; cut < len; cut++)
		cr_expect_not(fast_query_read(plain, cut, &query), "%zu octets", cut);
	plain[len] = 0;
	cr_expect_not(fast_query_read(plain, len + 1, &query), "an octet behind it");
}

/* ---- the cache ---- */

static struct cached *put_number(struct cache *cache, unsigned number)
{
	char text[64];
	snprintf(text, sizeof text, "n%u.example.com.", number);
	struct dns_question question = question_of(text, LDNS_RR_TYPE_A);
	snprintf(text, sizeof text, "n%u.example.com. 60 IN A 93.184.216.34", number);
	ldns_pkt *pkt = answer_of(&question, 0, text);
	struct cached *cached = cache_put(cache, &question, pkt, 60, number + 1, NOW);
	ldns_pkt_free(pkt);
	return cached;
}

static struct cached *find_number(struct cache *cache, unsigned number)
{
	char text[64];
	snprintf(text, sizeof text, "n%u.example.com.", number);
	struct dns_question question = question_of(text, LDNS_RR_TYPE_A);
	struct cached *cached = cache_find(cache, &question, NOW + 1);
	if (cached)
		cached->asked = true;
	return cached;
}

/* Asks for each of so many names, `rounds` times, as a guest does; the hits of the last round */
static unsigned loop(struct cache *cache, unsigned names, unsigned rounds)
{
	unsigned hits = 0;
	for (unsigned round = 0; round < rounds; round++) {
		hits = 0;
		for (unsigned i = 0; i < names; i++)
			if (find_number(cache, i))
				hits++;
			else
				cr_assert_not_null(put_number(cache, i));
	}
	return hits;
}

Test(dns_fast, a_loop_over_ten_thousand_names_hits)
{
	struct cache *cache = cache_new(7, NULL, NULL);
	cr_assert_eq(loop(cache, 10000, 2), 10000);
	cache_free(cache);
}

Test(dns_fast, a_loop_over_more_names_than_there_is_room_for_hits_in_part, .timeout = 120)
{
	struct cache *cache = cache_new(7, NULL, NULL);
	unsigned hits = loop(cache, 60000, 4);
	cr_assert(hits > 15000, "%u", hits);
	cache_free(cache);
}

Test(dns_fast, one_answer_a_question)
{
	struct cache *cache = cache_new(7, NULL, NULL);
	put_number(cache, 1);
	put_number(cache, 1);
	cr_assert_not_null(find_number(cache, 1));
	struct dns_question question = question_of("n1.example.com.", LDNS_RR_TYPE_A), other = question;
	other.type = LDNS_RR_TYPE_AAAA;
	cr_assert_null(cache_find(cache, &other, NOW));
	cr_assert_not_null(cache_find(cache, &question, NOW + 59999));
	cr_assert_null(cache_find(cache, &question, NOW + 60000), "its time is over");
	cr_assert_null(cache_find(cache, &question, NOW), "and it is gone");
	cache_free(cache);
}

/* ---- whose addresses are bound, and for how long ---- */

static struct proxy *proxy;
static int supervisor;

static void start(struct test_policy *made)
{
	int pair[2];
	*made = test_policy_of("deny", "allow", "allow@dns,deny@*.tcp.test:udp", false);
	struct proxy_config config = { .policy = made->policy, .gateway = test_gateway("172.16.0.1", "-") };
	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
	struct proxy_sockets sockets = { pair[0], -1, -1, -1, -1 };
	supervisor = pair[1];
	proxy = proxy_new(&config, &sockets);
	cr_assert_not_null(proxy);
	proxy->now_ms = NOW;
}

static size_t ask(const char *name)
{
	uint8_t message[512], out[DNS_UDP_MAX];
	struct dns_question question = question_of(name, LDNS_RR_TYPE_A);
	size_t len = query_of(&question, 1, true, 0, 0, message);
	return fast_answer(proxy, message, len, test_addr("172.16.0.1"), out);
}

/* The bind that the supervisor has been asked for; its verdict is `kind`. The TTL; 0: it was asked for none */
static uint64_t judge(enum dns_verdict_kind kind)
{
	struct dns_ask_bind bind;
	fast_turn(proxy);
	lookup_ask_queued(proxy);
	ssize_t len = recv(supervisor, &bind, sizeof bind, MSG_DONTWAIT);
	if (len < 0)
		return 0;
	cr_assert_eq(len, (ssize_t)sizeof bind);
	cr_assert_eq(bind.kind, DNS_ASK_BIND);
	struct dns_verdict verdict = { bind.serial, kind };
	cr_assert_eq(lookup_verdict(proxy, &verdict), 0);
	return bind.ttl_ms;
}

static struct cached *keep(const char *name, uint32_t ttl)
{
	char text[64];
	struct dns_question question = question_of(name, LDNS_RR_TYPE_A);
	snprintf(text, sizeof text, "%s %u IN A 93.184.216.34", name, ttl);
	ldns_pkt *pkt = answer_of(&question, 0, text);
	struct cached *cached = cache_put(proxy->cache, &question, pkt, ttl, ++proxy->versions, proxy->now_ms);
	cached->over_udp = true;
	ldns_pkt_free(pkt);
	return cached;
}

Test(dns_fast, no_hit_before_its_addresses_are_bound)
{
	struct test_policy made;
	start(&made);
	struct cached *cached = keep("a.test.", 600);
	cr_assert_eq(ask("a.test."), 0);
	cached->held_until_ms = NOW + 999;
	cr_assert_eq(ask("a.test."), 0, "they may have ended by the time the guest connects");
	cached->held_until_ms = NOW + 600000;
	cr_assert_gt(ask("a.test."), 0);
	cr_assert_eq(judge(DNS_VERDICT_OK), 0, "they are bound for long enough");
	cached->over_udp = false;
	cr_assert_eq(ask("a.test."), 0, "a rule denies it over UDP");
	proxy_free(proxy);
	arena_free(made.arena);
}

Test(dns_fast, a_hit_holds_as_long_as_one_that_waits)
{
	struct test_policy made;
	start(&made);
	struct cached *cached = keep("a.test.", 600);
	cached->held_until_ms = NOW + 600000;
	/* half a minute is left, and the guest may use the address for a minute: it is asked for a quarter of one later */
	proxy->now_ms = NOW + 570000;
	cr_assert_gt(ask("a.test."), 0);
	cr_assert_eq(judge(DNS_VERDICT_OK), 0);
	proxy->now_ms += 14000;
	cr_assert_gt(ask("a.test."), 0);
	cr_assert_eq(judge(DNS_VERDICT_OK), 0);
	proxy->now_ms += 1000;
	cr_assert_eq(judge(DNS_VERDICT_OK), 59000, "a minute from the last answer on");
	cr_assert_eq(judge(DNS_VERDICT_OK), 0, "once");
	cr_assert_eq(cached->held_until_ms, NOW + 584000 + 60000);
	cr_assert_eq(proxy->renewals, 0);
	cr_assert_eq(proxy->lookups, 0);
	proxy_free(proxy);
	arena_free(made.arena);
}

Test(dns_fast, what_ends_soon_is_asked_for_at_once)
{
	struct test_policy made;
	start(&made);
	struct cached *cached = keep("a.test.", 600);
	cached->held_until_ms = NOW + 16999;
	cr_assert_gt(ask("a.test."), 0);
	cr_assert_gt(ask("a.test."), 0);
	cr_assert_eq(judge(DNS_VERDICT_OK), 600000);
	cr_assert_eq(judge(DNS_VERDICT_OK), 0, "one ask at a time");
	cr_assert_eq(cached->held_until_ms, NOW + 600000);
	keep("b.test.", 600)->held_until_ms = NOW + 16999;
	cr_assert_gt(ask("b.test."), 0);
	cr_assert_eq(judge(DNS_VERDICT_FULL), 600000);
	cr_assert_eq(ask("b.test."), 0, "the supervisor could not: the next hit waits for it");
	proxy_free(proxy);
	arena_free(made.arena);
}

Test(dns_fast, an_answer_that_goes_is_renewed_before)
{
	struct test_policy made;
	start(&made);
	struct cached *cached = keep("a.test.", 60);
	cached->held_until_ms = NOW + 60000;
	proxy->now_ms = NOW + 40000;
	cr_assert_gt(ask("a.test."), 0);
	keep("a.test.", 60); /* another takes its place */
	cr_assert_eq(judge(DNS_VERDICT_OK), 60000);
	cache_expire(proxy->cache);
	cr_assert_eq(ask("a.test."), 0);
	proxy_free(proxy);
	arena_free(made.arena);
}

static void bind_to_nothing(const char *name)
{
	struct dns_query query = { .question = question_of(name, LDNS_RR_TYPE_A), .class = LDNS_RR_CLASS_IN };
	struct client_ref client = { .asked = test_addr("172.16.0.1"), .peer.sin6_family = AF_INET };
	lookup_bind(proxy, RESULT_EMPTY, test_addr("172.16.0.1"), &query, &client);
}

Test(dns_fast, what_else_binds_the_name_ends_what_was_known)
{
	struct test_policy made;
	start(&made);
	struct cached *cached = keep("a.test.", 600);
	cached->held_until_ms = NOW + 10000;
	cr_assert_gt(ask("a.test."), 0); /* under way: to hold for longer */
	cr_assert(cached->renewing);
	bind_to_nothing("a.test.");
	cr_assert_eq(ask("a.test."), 0);
	cr_assert_gt(judge(DNS_VERDICT_OK), 0);
	cr_assert_eq(ask("a.test."), 0, "what was asked before it does not tell");
	proxy_free(proxy);
	arena_free(made.arena);
}

Test(dns_fast, what_a_negative_answer_has_ended_is_not_renewed)
{
	struct test_policy made;
	start(&made);
	struct cached *cached = keep("a.test.", 60);
	cached->held_until_ms = NOW + 60000;
	proxy->now_ms = NOW + 10000;
	cr_assert_gt(ask("a.test."), 0);
	bind_to_nothing("a.test.");
	cr_assert_gt(judge(DNS_VERDICT_OK), 0);
	proxy->now_ms += 20000;
	cr_assert_eq(judge(DNS_VERDICT_OK), 0);
	proxy_free(proxy);
	arena_free(made.arena);
}

Test(dns_fast, other_resolvers_are_not_answered_for)
{
	struct test_policy made;
	uint8_t message[512], out[DNS_UDP_MAX];
	start(&made);
	keep("a.test.", 600)->held_until_ms = CACHED_HELD;
	struct dns_question question = question_of("a.test.", LDNS_RR_TYPE_A);
	size_t len = query_of(&question, 1, true, 0, 0, message);
	cr_assert_gt(fast_answer(proxy, message, len, test_addr("172.16.0.1"), out), 0);
	cr_assert_eq(fast_answer(proxy, message, len, test_addr("9.9.9.9"), out), 0);
	proxy_free(proxy);
	arena_free(made.arena);
}

/* ---- verdicts on names, by ten thousand rules ---- */

Test(dns_fast, verdicts_by_ten_thousand_rules, .timeout = 120)
{
	struct random random = { 3 };
	size_t room = 600000, len = 0;
	char *rules = malloc(room);
	for (unsigned i = 0; i < 10000; i++)
		len += (size_t)snprintf(rules + len, room - len, "%s%s@%sn%u.%s%u.test", i ? "," : "",
					random_below(&random, 2) ? "allow" : "deny",
					random_below(&random, 3) ? "" : "*.", random_below(&random, 4000),
					random_below(&random, 2) ? "a" : "b", random_below(&random, 3));
	struct test_policy made = test_policy_of("deny", "allow", rules, false);
	struct policy indexed = *made.policy;
	struct eval_context plain = made.context, quick = made.context;
	eval_prepare(&indexed);
	quick.policy = &indexed;
	for (unsigned i = 0; i < random_effort(3000); i++) {
		char name[64];
		snprintf(name, sizeof name, "%sn%u.%s%u.test", random_below(&random, 2) ? "" : "x.",
			 random_below(&random, 4200), random_below(&random, 2) ? "a" : "b", random_below(&random, 3));
		for (int transport = FLOW_DNS_UDP; transport <= FLOW_DNS_TCP; transport++) {
			struct eval_verdict a = eval_dns(&plain, name, (enum flow_transport)transport),
					    b = eval_dns(&quick, name, (enum flow_transport)transport);
			cr_assert_eq(a.action, b.action, "%s", name);
			cr_assert(decider_equal(a.by, b.by), "%s", name);
		}
	}
	free(rules);
	arena_free(made.arena);
}
