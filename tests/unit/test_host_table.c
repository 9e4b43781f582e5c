/* The table in the host's namespace, as rules: what each sandbox adds there, and nothing about other links than its own. */
#include "net/host_table.h"
#include "lower/sandbox_net.h"
#include "net/flow_grants.h"

#include <criterion/criterion.h>
#include <string.h>

static const char *rules(struct arena *arena, bool has6, const struct nameserver *servers, size_t count)
{
	struct host_limits limits = { .tcp = 1, .udp = 2, .other = 3, .questions = 4, .share = 5, .all = 1000 };
	struct host_table wanted = {
		.limits = &limits,
		.link = "msb7",
		.index = 7,
		.gateway = { .has4 = true, .has6 = has6 },
		.servers = servers,
		.server_count = count,
		.mark = host_table_mark(7),
	};

	addr_parse("172.16.0.1", &wanted.gateway.v4);
	addr_parse("fd42:6d73:62::1", &wanted.gateway.v6);
	return ruleset_format(arena, host_table_rules(arena, &wanted));
}

Test(host_table, owned_and_named_for_its_link)
{
	struct arena *arena = arena_new();
	struct host_limits limits = { 0 };
	struct host_table wanted = { .link = "msb7", .gateway.has4 = true, .limits = &limits };

	addr_parse("172.16.0.1", &wanted.gateway.v4);
	const struct ruleset *ruleset = host_table_rules(arena, &wanted);
	cr_assert_eq(ruleset->tables.count, 1);
	cr_assert(ruleset->tables.items[0].owner);
	cr_assert_str_eq(ruleset->tables.items[0].name, "msb7");
	for (size_t i = 0; i < ruleset->tables.items[0].chains.count; i++)
		cr_assert_eq(ruleset->tables.items[0].chains.items[i].policy, RS_ACCEPT);
	arena_free(arena);
}

Test(host_table, what_it_says)
{
	struct arena *arena = arena_new();
	const char *text = rules(arena, true, NULL, 0);
	static const char *const wanted[] = {
		"-310",       "fib daddr type", "172.16.0.0/30",        "fd42:6d73:62::/64",
		"masquerade", "jump strangers", "nothing new comes in", "nothing to the host"
	};

	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
		cr_assert(strstr(text, wanted[i]), "no `%s` in:\n%s", wanted[i], text);
	cr_assert(!strstr(text, "inactive family"));
	cr_assert(strstr(rules(arena, false, NULL, 0), "inactive family"));
	arena_free(arena);
}

Test(host_table, its_link_is_known_by_the_index)
{
	struct arena *arena = arena_new();
	const char *text = rules(arena, true, NULL, 0);

	cr_assert(strstr(text, "iif == 7") && strstr(text, "oif == 7") && strstr(text, "oif != 7"), "%s", text);
	cr_assert(!strstr(text, "\"msb7\""), "%s", text);
	arena_free(arena);
}

/* One link that sandboxes switched on, for the families they did */
static const char *strangers(struct arena *arena, bool router6)
{
	struct forward_link links[] = {
		{ .index = 2, .name = "eth0", .family = { { .switched = true }, { .switched = true } } },
		{ .index = 3, .name = "eth1", .family = { { .needed = true, .on = true }, { .switched = true } } },
	};
	struct forward_plan plan = { .router6 = router6, .links = { .items = links, .count = 2 } };

	return ruleset_format(arena, host_table_strangers(arena, "msb7", &plan));
}

static size_t count(const char *text, const char *what)
{
	size_t found = 0;

	for (; (text = strstr(text, what)); text++)
		found++;
	return found;
}

Test(host_table, strangers_are_barred_where_sandboxes_switched)
{
	struct arena *arena = arena_new();
	const char *text = strangers(arena, false);

	cr_assert_eq(count(text, "the host is no router"), 3, "%s", text);
	cr_assert_eq(count(text, "iif == 2"), 2, "%s", text);
	cr_assert_eq(count(text, "iif == 3"), 1, "%s", text);
	text = strangers(arena, true);
	cr_assert_eq(count(text, "the host is no router"), 1, "on a router for IPv6:\n%s", text);
	arena_free(arena);
}

Test(host_table, only_nameservers_on_the_host_are_let_through)
{
	struct arena *arena = arena_new();
	struct nameserver servers[] = { { .port = 53, .by_host = true }, { .port = 53 } };

	addr_parse("127.0.0.53", &servers[0].addr);
	addr_parse("9.9.9.9", &servers[1].addr);
	const char *text = rules(arena, true, servers, 2);
	cr_assert(strstr(text, "127.0.0.53"));
	cr_assert(!strstr(text, "9.9.9.9"));
	arena_free(arena);
}

Test(host_table, a_mark_for_each_sandbox)
{
	cr_assert_neq(host_table_mark(7), host_table_mark(8));
	cr_assert_neq(host_table_mark(7), LOWER_DNS_MARK);
	cr_assert_neq(host_table_mark(7), LOWER_UPSTREAM_MARK);
}

static struct host_limits made(uint32_t tcp, uint32_t udp, uint64_t table)
{
	const struct policy policy = { .max_tcp.most = tcp, .max_udp.most = udp, .dns_timeout_ms = 5000 };
	struct host_limits limits = { 0 };

	host_limits_make(&policy, table, &limits);
	return limits;
}

Test(host_table, bounds_are_shares_of_the_hosts_conntrack)
{
	struct host_limits usual = made(4096, 100, 262144), small = made(4096, 0, 1024), tiny = made(4096, 4096, 3),
			   endless = made(0, 100, 0);

	cr_expect_eq(usual.tcp, 4096);
	cr_expect_eq(usual.udp, 100);
	cr_expect_eq(usual.other, 256);
	cr_expect_eq(usual.share, 16384);
	cr_expect_eq(usual.all, 65536, "half of the table, with what can be reserved");
	cr_expect_eq(usual.reservable, 65536);
	cr_expect_eq(usual.question_s, 7);
	cr_expect_eq(small.tcp, 64);
	cr_expect_eq(small.udp, 64, "no bound of one's own is not more than the share");
	cr_expect_eq(small.questions, 64);
	cr_expect_eq(small.all, 256);
	cr_expect_eq(small.reservable, 256);
	cr_expect_eq(tiny.share, 1);
	cr_expect_eq(tiny.all, 1, "no table is too small for a bound");
	cr_expect_eq(endless.tcp, 0);
	cr_expect_eq(endless.udp, 100);
	cr_expect_eq(endless.all, 0);
	cr_expect_eq(host_limits_most(&usual), 4096 + 100 + 256 + 4096);
	cr_expect_eq(host_limits_most(&small), 64, "its share, where that is less");
}

Test(host_table, a_grant_where_it_lasts_from_one_look_to_the_next)
{
	cr_expect(flow_grants_fit(4096, 250));
	cr_expect(!flow_grants_fit(2000, 250));
	cr_expect(!flow_grants_fit(0, 250), "no bound");
	cr_expect(!flow_grants_fit(4096, 0), "no rate: a guest uses it up at once");
}

Test(host_table, granted_flows_are_not_counted_by_the_kernel)
{
	struct arena *arena = arena_new();
	struct host_limits limits = { .tcp = 4096, .udp = 77, .other = 3, .questions = 4, .grant_tcp = true };
	struct host_table wanted = { .limits = &limits, .link = "msb7", .index = 7, .gateway.has4 = true };

	addr_parse("172.16.0.1", &wanted.gateway.v4);
	const char *text = ruleset_format(arena, host_table_rules(arena, &wanted));
	cr_assert_eq(count(text, "ct-count over 4096"), 0, "%s", text);
	cr_assert_eq(count(text, "ct-count over 77"), 1, "%s", text);
	cr_assert_eq(count(text, "burst 4096"), 1, "%s", text);
	cr_assert_eq(count(text, "ip saddr == 172.16.0.2"), 1, "only by the guest's own address:\n%s", text);
	arena_free(arena);
}
