/* Bounds on lookups as a way out, by a clock of the test's own: how many different names below one domain, how many questions,
 * and that neither a hostile guest nor a reload gets more. */
#include "base/siphash.h"
#include "dns/dns_bounds.h"
#include "dns/dns_proxy.h"
#include "policy_of.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define NOW 1000000u
#define A LDNS_RR_TYPE_A

static const uint8_t key[SIPHASH_KEY] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };

Test(siphash, the_vectors_of_its_authors)
{
	static const struct {
		size_t len;
		uint64_t hash;
	} vectors[] = { { 0, 0x726fdb47dd0e0e31 },
			{ 1, 0x74f839c593dc67fd },
			{ 8, 0x93f5f5799a932462 },
			{ 15, 0xa129ca6149be45e5 } };
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
		cr_expect_eq(siphash(key, key, vectors[i].len), vectors[i].hash, "%zu octets", vectors[i].len);
}

static struct policy policy;
static struct dns_bounds *bounds;

static void use(struct policy_limit names, struct policy_limit rate, uint64_t now_ms)
{
	policy.dns_names = names;
	policy.dns_rate = rate;
	cr_assert_eq(dns_bounds_use(bounds, &policy, now_ms), 0);
}

static void setup(void)
{
	bounds = dns_bounds_new(key);
	cr_assert(bounds);
}

static void teardown(void)
{
	dns_bounds_free(bounds);
}
TestSuite(dns_bounds, .init = setup, .fini = teardown);

static const struct policy_limit none = { .size = 0 };

static enum dns_bound take(const char *domain, unsigned number, uint16_t type, uint64_t now_ms)
{
	char name[64];
	snprintf(name, sizeof name, "n%u.%s", number, domain);
	return dns_bounds_take(bounds, domain, name, type, now_ms);
}

/* How many of so many new names, one each `apart_ms`, pass */
static unsigned passing(const char *domain, unsigned first, unsigned count, uint64_t from_ms, uint64_t apart_ms)
{
	unsigned passed = 0;
	for (unsigned i = 0; i < count; i++)
		passed += take(domain, first + i, A, from_ms + i * apart_ms) == DNS_BOUND_NONE;
	return passed;
}

Test(dns_bounds, different_names_below_one_domain)
{
	use((struct policy_limit){ .size = 50, .refill_ms = 60000 }, none, NOW);
	cr_expect_eq(passing("a.test", 0, 1000, NOW, 1), 50);
	cr_expect_eq(take("a.test", 1000, A, NOW + 1000), DNS_BOUND_NAMES_OVER);
	cr_expect_eq(take("a.test", 7, A, NOW + 1000), DNS_BOUND_NONE, "one that was asked for is no new one");
	cr_expect_eq(passing("b.test", 0, 1000, NOW + 1000, 0), 50, "another domain has its own");
	cr_expect_eq(take("a.test", 1000, A, NOW + 59999), DNS_BOUND_NAMES_OVER);
	cr_expect_eq(take("a.test", 1000, A, NOW + 60000), DNS_BOUND_NONE, "the first one's time is over");
	cr_expect_eq(take("a.test", 1001, A, NOW + 60000), DNS_BOUND_NAMES_OVER, "and only that one's");
}

Test(dns_bounds, no_minute_has_more_of_them_wherever_it_begins)
{
	use((struct policy_limit){ .size = 50, .refill_ms = 60000 }, none, NOW);
	/* a burst at the end of a minute and one at the beginning of the next */
	cr_expect_eq(passing("a.test", 0, 1, NOW, 0), 1);
	cr_expect_eq(passing("a.test", 1, 100, NOW + 59000, 0), 49);
	cr_expect_eq(passing("a.test", 200, 100, NOW + 61000, 0), 1);
}

Test(dns_bounds, a_name_that_goes_on_being_asked_for_is_not_forgotten)
{
	use((struct policy_limit){ .size = 1, .refill_ms = 60000 }, none, NOW);
	for (uint64_t at = NOW; at < NOW + 600000; at += 30000)
		cr_expect_eq(take("a.test", 0, A, at), DNS_BOUND_NONE);
	cr_expect_eq(take("a.test", 1, A, NOW + 600000), DNS_BOUND_NAMES_OVER);
}

Test(dns_bounds, what_is_asked_for_carries_something_too)
{
	unsigned passed = 0;
	use((struct policy_limit){ .size = 5, .refill_ms = 60000 }, none, NOW);
	cr_expect_eq(take("a.test", 0, A, NOW), DNS_BOUND_NONE);
	cr_expect_eq(take("a.test", 0, LDNS_RR_TYPE_AAAA, NOW), DNS_BOUND_NONE);
	cr_expect_eq(take("a.test", 0, LDNS_RR_TYPE_HTTPS, NOW), DNS_BOUND_NONE, "what clients ask for is one name");
	for (unsigned type = 1000; type < 2000; type++)
		passed += take("a.test", 0, (uint16_t)type, NOW) == DNS_BOUND_NONE;
	cr_expect_eq(passed, 4);
}

Test(dns_bounds, a_hostile_guest_fills_the_memory_and_gets_no_more)
{
	char domain[32];
	unsigned passed = 0;
	use((struct policy_limit){ .size = 10000, .refill_ms = 60000 }, none, NOW);
	for (unsigned i = 0; i < 3 * DNS_NAMES_REMEMBERED; i++) {
		snprintf(domain, sizeof domain, "d%u.test", i);
		passed += take(domain, 0, A, NOW) == DNS_BOUND_NONE;
	}
	cr_expect_eq(passed, DNS_NAMES_REMEMBERED);
	cr_expect_eq(take("another.test", 0, A, NOW + 59999), DNS_BOUND_NAMES_OVER);
	cr_expect_eq(passing("another.test", 0, 20000, NOW + 60000, 0), 10000, "all of it is there again");
}

Test(dns_bounds, questions_in_all)
{
	unsigned passed = 0;
	use(none, (struct policy_limit){ .size = 20, .refill_ms = 1000, .burst = 40 }, NOW);
	for (unsigned i = 0; i < 1000; i++)
		passed += take("a.test", 0, A, NOW) == DNS_BOUND_NONE;
	cr_expect_eq(passed, 60, "the burst is on top");
	passed = 0;
	for (unsigned i = 0; i < 1000; i++)
		passed += take("a.test", 0, A, NOW + 10 * i) == DNS_BOUND_NONE;
	cr_expect(passed >= 199 && passed <= 200, "%u in ten seconds", passed);
	cr_expect_eq(take("a.test", 0, A, NOW + 9999), DNS_BOUND_RATE_OVER);
	passed = 0;
	for (unsigned i = 0; i < 1000; i++)
		passed += take("a.test", 0, A, NOW + 36000000) == DNS_BOUND_NONE;
	cr_expect_eq(passed, 20, "an idle hour saves nothing up, and the burst was once");
}

Test(dns_bounds, what_is_refused_uses_nothing_up)
{
	use((struct policy_limit){ .size = 2, .refill_ms = 60000 },
	    (struct policy_limit){ .size = 3, .refill_ms = 60000 }, NOW);
	cr_expect_eq(passing("a.test", 0, 100, NOW, 0), 2);
	cr_expect_eq(take("a.test", 0, A, NOW), DNS_BOUND_NONE, "names that were over took no question");
	cr_expect_eq(take("b.test", 0, A, NOW), DNS_BOUND_RATE_OVER);
	cr_expect_eq(passing("b.test", 1, 2, NOW + 60000, 0), 2, "nor questions that were over a name");
}

Test(dns_bounds, a_reload_changes_the_bound_and_keeps_the_count)
{
	struct policy_limit names = { .size = 50, .refill_ms = 60000 }, rate = { .size = 100, .refill_ms = 1000 };
	use(names, rate, NOW);
	cr_expect_eq(passing("a.test", 0, 60, NOW, 0), 50);
	use(names, rate, NOW);
	cr_expect_eq(take("a.test", 60, A, NOW), DNS_BOUND_NAMES_OVER, "the same again gives nobody more");
	names.size = 55;
	use(names, rate, NOW);
	cr_expect_eq(passing("a.test", 60, 10, NOW, 0), 5);
	names.size = 10;
	use(names, rate, NOW);
	cr_expect_eq(take("a.test", 80, A, NOW + 1000), DNS_BOUND_NAMES_OVER);
	use(names, (struct policy_limit){ .size = 200, .refill_ms = 1000 }, NOW);
	unsigned passed = 0;
	for (unsigned i = 0; i < 1000; i++)
		passed += take("a.test", 0, A, NOW) == DNS_BOUND_NONE;
	cr_expect_eq(passed, 90, "45 of 100 were left, and 90 of 200 are: %u", passed);
}

Test(dns_bounds, the_domain_that_names_are_counted_below)
{
	struct test_policy made = test_policy_of(
		"deny", "allow", "allow@*.tunnel.example.com,allow@{*.b.test,*.a.b.test},allow@dns", false);
	static const struct {
		size_t rule;
		bool by_rule;
		const char *name, *domain;
	} cases[] = {
		{ 0, true, "x.y.tunnel.example.com", "tunnel.example.com" },
		{ 1, true, "x.a.b.test", "b.test" },
		{ 2, true, "x.y.example.com", "example.com" },
		{ 2, true, "x.y.example.co.uk", "example.co.uk" },
		{ 2, true, "x.somebody.github.io", "somebody.github.io" },
		{ 2, true, "com", "com" },
		{ 0, false, "x.y.unheard-of-tld", "y.unheard-of-tld" },
		{ 0, false, "", "" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		cr_expect_str_eq(dns_bounds_domain(made.policy, cases[i].rule, cases[i].by_rule, cases[i].name),
				 cases[i].domain, "%s", cases[i].name);
	arena_free(made.arena);
}

/* ---- in the worker ---- */

static struct test_policy made;
static struct proxy *proxy;
static int supervisor;

static void start(const char *rules)
{
	int pair[2];
	made = test_policy_of("deny", "allow", rules, false);
	made.policy->dns_label = (struct policy_limit){ .size = 10, .span = SPAN_NONE };
	made.policy->dns_names = (struct policy_limit){ .size = 3, .refill_ms = 60000, .span = SPAN_NONE };
	struct proxy_config config = { .policy = made.policy, .gateway = test_gateway("172.16.0.1", "-") };
	config.counters = dns_counters_new();
	config.servers[0] = (struct nameserver){ .addr = test_addr("9.9.9.9"), .port = 53 };
	config.server_count = 1;
	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
	struct proxy_sockets sockets = { pair[0], -1, -1, -1, -1 };
	supervisor = pair[1];
	proxy = proxy_new(&config, &sockets);
	cr_assert(proxy);
	proxy->now_ms = NOW;
}

static void stop(void)
{
	dns_counters_free(proxy->config.counters);
	proxy_free(proxy);
	close(supervisor);
	arena_free(made.arena);
}

/* Whether a question for it went on; and if not, what the supervisor was told of it */
static bool goes_on(const char *name, struct dns_tell *told)
{
	static const uint8_t head[12] = { 0, 1, 1, 0, 0, 1 }, tail[4] = { 0, 1, 0, 1 };
	struct client_ref client = { .peer = { .sin6_family = AF_INET6 }, .asked = test_addr("172.16.0.1") };
	uint8_t message[300];
	size_t len = sizeof head, before = proxy->lookups;
	memcpy(message, head, sizeof head);
	for (const char *label = name; *label; label += strcspn(label, ".") + (label[strcspn(label, ".")] != 0)) {
		message[len++] = (uint8_t)strcspn(label, ".");
		memcpy(message + len, label, strcspn(label, "."));
		len += strcspn(label, ".");
	}
	message[len++] = 0;
	memcpy(message + len, tail, sizeof tail);
	proxy_query(proxy, message, len + sizeof tail, &client);
	*told = (struct dns_tell){ 0 };
	recv(supervisor, told, sizeof *told, MSG_DONTWAIT);
	return proxy->lookups > before;
}

Test(dns_bounds_worker, a_name_over_the_bound_asks_no_server_and_is_told)
{
	struct dns_counted counted;
	struct dns_tell told;
	start("allow@*.a.test:tcp:443,allow@*.b.test:tcp:443");
	cr_expect(goes_on("one.a.test", &told));
	cr_expect(goes_on("two.a.test", &told));
	cr_expect(goes_on("three.a.test", &told));
	cr_expect_not(goes_on("four.a.test", &told));
	cr_expect_eq(told.kind, DNS_TELL_OVER);
	cr_expect_eq(told.bound, POLICY_DNS_NAMES);
	cr_expect_str_eq(told.name, "four.a.test");
	cr_expect(goes_on("four.b.test", &told), "below another domain");
	cr_expect_not(goes_on("one.a.test", &told), "it joins the question under way,");
	cr_expect_eq(told.kind, 0, "which does not count");
	proxy->now_ms += 60000;
	cr_expect(goes_on("four.a.test", &told), "a minute later");
	dns_counters_read(proxy->config.counters, &counted);
	cr_expect_eq(counted.limited[POLICY_DNS_NAMES], 1);
	cr_expect_eq(counted.limited[POLICY_DNS_RATE], 0);
	stop();
}

Test(dns_bounds_worker, a_long_label_is_denied_as_a_rule_denies)
{
	struct dns_counted counted;
	struct dns_tell told;
	start("allow@*.a.test:tcp:443");
	cr_expect_not(goes_on("aaaaaaaaaaa.a.test", &told));
	cr_expect_eq(told.kind, DNS_TELL_QUERY, "the supervisor finds out why");
	cr_expect(goes_on("aaaaaaaaaa.a.test", &told));
	dns_counters_read(proxy->config.counters, &counted);
	cr_expect_eq(counted.limited[POLICY_DNS_LABEL], 1);
	stop();
}

Test(dns_bounds_worker, an_audit_lets_pass_and_tells)
{
	struct dns_tell told;
	start("allow@*.a.test:tcp:443");
	proxy->config.spared = made.policy;
	goes_on("one.a.test", &told);
	goes_on("two.a.test", &told);
	goes_on("three.a.test", &told);
	cr_expect(goes_on("four.a.test", &told));
	cr_expect_eq(told.kind, DNS_TELL_OVER);
	stop();
}

Test(dns_bounds_worker, without_bounds_there_is_nothing)
{
	struct dns_tell told;
	start("allow@*.a.test:tcp:443");
	made.policy->dns_names.size = 0;
	cr_expect_eq(over_use_policy(proxy), 0);
	cr_expect_null(proxy->bounds);
	for (unsigned i = 0; i < 50; i++) {
		char name[32];
		snprintf(name, sizeof name, "n%u.a.test", i);
		cr_expect(goes_on(name, &told));
	}
	stop();
}
