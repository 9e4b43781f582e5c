/* Flow expressions: what they mean, and what is said to those that mean nothing. */
#include "policy/flow.h"
#include "policy_of.h"

#include <criterion/criterion.h>
#include <string.h>

struct parse {
	struct arena *arena;
	struct sources *sources;
	struct diags *diags;
	struct flow flow;
	bool ok;
};

static struct parse parse(const char *text)
{
	struct parse made = { .arena = arena_new() };

	made.sources = sources_new(made.arena);
	made.diags = diags_new(made.arena, made.sources);
	made.ok = flow_parse(made.arena, made.sources, text, made.diags, &made.flow);
	cr_expect_eq(made.ok, made.diags->errors == 0, "%s", text);
	return made;
}

static void refused(const char *text, const char *message)
{
	struct parse made = parse(text);
	const char *said = made.diags->list.count ? made.diags->list.items[0].message : "";

	cr_expect(!made.ok, "%s was taken", text);
	cr_expect(strstr(said, message), "%s: wanted '%s', got '%s'", text, message, said);
	arena_free(made.arena);
}

Test(flow, connections)
{
	struct parse made = parse("egress@[::ffff:10.0.0.1]:UDP:53");

	cr_expect(made.ok && made.flow.kind == FLOW_CONNECTION && made.flow.direction == POLICY_EGRESS);
	cr_expect(addr_equal(made.flow.addr, test_addr("10.0.0.1")) && !made.flow.to_name);
	cr_expect(made.flow.proto == PROTO_UDP && made.flow.has_port && made.flow.port == 53);
	arena_free(made.arena);
	made = parse("ingress@GitHub.com.:icmpv4");
	cr_expect(made.ok && made.flow.to_name && !made.flow.has_port && made.flow.direction == POLICY_INGRESS);
	cr_expect_str_eq(made.flow.name, "github.com");
	arena_free(made.arena);
}

Test(flow, queries_and_answers)
{
	struct parse made = parse("dns@_DMARC.evil.com:tcp");

	cr_expect(made.ok && made.flow.kind == FLOW_DNS && made.flow.transport == FLOW_DNS_TCP);
	cr_expect_str_eq(made.flow.name, "_dmarc.evil.com");
	arena_free(made.arena);
	made = parse("dns@.");
	cr_expect(made.ok && !strcmp(made.flow.name, ""));
	arena_free(made.arena);
	made = parse("dns@localhost:udp"); /* as an event tells it */
	cr_expect(made.ok);
	arena_free(made.arena);
	made = parse("dns@domain=localhost");
	cr_expect(made.ok && !strcmp(made.flow.name, "localhost"));
	arena_free(made.arena);
	made = parse("answer@[64:ff9b::a00:1]");
	cr_expect(made.ok && made.flow.kind == FLOW_ANSWER && made.flow.addr.family == ADDR_V6);
	arena_free(made.arena);
}

Test(flow, bindings_and_server_names)
{
	struct parse made =
		parse("egress@1.2.3.4:tcp:443 resolve=a.example=1.2.3.4,[2606::1];A.example.=5.6.7.8 sni=.Example.COM");

	cr_assert(made.ok);
	cr_assert_eq(made.flow.resolve.count, 1);
	cr_expect_eq(made.flow.resolve.items[0].addrs.count, 3);
	cr_expect_str_eq(made.flow.sni, ".Example.COM");
	arena_free(made.arena);
}

Test(flow, says_what_to_write)
{
	refused("github.com:443", "no flow: write egress@github.com:tcp:443");
	refused("https://github.com/x", "no flow: write egress@github.com:tcp:443");
	refused("http://github.com:8080/x?y", "no flow: write egress@github.com:tcp:8080");
	refused("http://github.com", "no flow: write egress@github.com:tcp:80");
	refused("[2606:4700::1111]:853", "no flow: write egress@[2606:4700::1111]:tcp:853");
	refused("2606:4700::1111", "no flow: write egress@[2606:4700::1111]:tcp:443");
	refused("", "no flow");
}

Test(flow, refuses)
{
	refused("allow@github.com:tcp:443", "starts no flow");
	refused("egress@github.com:443", "`443` is where the protocol goes");
	refused("egress@github.com", "the protocol is missing");
	refused("egress@github.com:tcp", "the port is missing");
	refused("egress@github.com:tcp:65536", "no port");
	refused("egress@github.com:tcp:080", "no port");
	refused("egress@github.com:tcp:80-90", "no port");
	refused("egress@github.com:quic:443", "no protocol");
	refused("egress@github.com:icmpv4:80", "has no ports");
	refused("egress@256.1.1.1:tcp:80", "no address and no name");
	refused("egress@2606:4700::1111:tcp:443", "an IPv6 address is written in brackets");
	refused("egress@[10.0.0.1]:tcp:80", "no IPv6 address");
	refused("egress@public:tcp:80", "many addresses");
	refused("egress@a..b:tcp:80", "no name");
	refused("dns@x.org:icmpv4", "carries no query");
	refused("dns@x.org:udp:53", "no port");
	refused("answer@x.org", "an answer is an address");
	refused("answer@10.0.0.1:tcp", "nothing follows");
	refused("egress@1.2.3.4:tcp:80:x", "nothing follows");
	refused("egress@1.2.3.4:tcp:80 resolve=x", "NAME=ADDR");
	refused("egress@1.2.3.4:tcp:80 resolve=x=y", "an address follows");
}

/* What a rule takes as a target is many flows, and one to judge is not chosen silently */
Test(flow, refuses_what_is_many)
{
	refused("dns@public", "many names");
	refused("dns@*.evil.com", "many names");
	refused("dns@10.0.0.0/8", "many addresses");
	refused("dns@10.0.0.1", "no name");
	refused("dns@10.0.0.1/x", "no name");
	refused("dns@web", "without a dot");
	refused("dns@dns", "many names");
	refused("egress@*.x.org:tcp:443", "many names");
	refused("egress@suffix=x.org:tcp:443", "many names");
	refused("egress@domain=*.x.org:tcp:443", "many names");
	refused("egress@10.0.0.0/8:tcp:443", "many addresses");
	refused("egress@[fc00::/7]:tcp:443", "many addresses");
	refused("egress@web:tcp:443", "without a dot");
	refused("ingress@private:tcp:443", "many addresses");
	refused("answer@private", "many addresses");
	refused("answer@10.0.0.0/8", "many addresses");
	refused("egress@{a.org,b.org}:tcp:443", "a list is many flows");
	refused("egress@a.org:{tcp,udp}:443", "a list is many flows");
	refused("egress@a.org:tcp:{80,443}", "a list is many flows");
}

Test(flow, refuses_what_it_would_not_look_at)
{
	refused("egress@a.org:tcp:443 resolve=b.org=1.2.3.4", "does not concern `b.org`");
	refused("egress@a.org:tcp:443 resolve=a.org=1.2.3.4;b.org=1.2.3.5", "does not concern `b.org`");
	refused("dns@a.org resolve=a.org=1.2.3.4", "goes with a connection");
	refused("answer@1.2.3.4 sni=a.org", "goes with a TCP connection");
	refused("dns@a.org sni=a.org", "goes with a TCP connection");
	refused("egress@1.2.3.4:icmpv4 sni=a.org", "goes with a TCP connection");
	refused("egress@1.2.3.4:tcp:443 sni=*.x", "no server name");
	refused("egress@1.2.3.4:tcp:443 sni=10.0.0.0/8", "no server name");
	refused("egress@1.2.3.4:tcp:443 sni=public", "no server name");
}

static void offers(const char *text, const char *help)
{
	struct parse made = parse(text);
	const struct diag *diag = &made.diags->list.items[0];

	cr_assert(!made.ok && diag->help, "%s", text);
	cr_expect_str_eq(diag->help, help);
	cr_expect(parse(diag->help).ok, "%s", diag->help);
	arena_free(made.arena);
}

Test(flow, offers_a_member_of_what_is_many)
{
	offers("egress@private:tcp:22", "egress@10.0.0.1:tcp:22");
	offers("egress@meta", "egress@169.254.169.254:tcp:443");
	offers("egress@host:udp:53", "egress@host.microsandbox.internal:udp:53");
	offers("ingress@any:tcp:80", "ingress@93.184.216.34:tcp:80");
	offers("egress@192.168.0.0/16:icmpv4", "egress@192.168.0.0:icmpv4");
	offers("dns@*.evil.com:tcp", "dns@www.evil.com:tcp");
	offers("dns@public", "dns@example.com");
	offers("answer@private", "answer@10.0.0.1");
	offers("egress@web:tcp:443", "egress@domain=web:tcp:443");
}

Test(flow, canonical_text)
{
	struct arena *arena = arena_new();

	cr_expect_str_eq(
		flow_format_connection(arena, POLICY_EGRESS, test_addr("2606:4700::1111"), PROTO_TCP, true, 443),
		"egress@[2606:4700::1111]:tcp:443");
	cr_expect_str_eq(flow_format_connection(arena, POLICY_INGRESS, test_addr("10.0.0.1"), PROTO_ICMPV4, false, 0),
			 "ingress@10.0.0.1:icmpv4");
	arena_free(arena);
}
