/* The ruleset IR and its printers: spelling, comments whatever a name holds, names the runtime shares, and the
 * layouts a reviewer reads. */
#include "emit/emit.h"
#include "policy/options.h"
#include "lower/sandbox_net.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct made {
	struct arena *arena;
	struct policy *policy;
	struct lower_options options;
	struct ruleset *ruleset;
};

static struct addr parse(const char *text)
{
	struct addr addr = { ADDR_V4, 0 };

	cr_assert(addr_parse(text, &addr), "%s", text);
	return addr;
}

/* A policy file of that name and text, lowered */
static struct made make(const char *name, const char *text)
{
	struct made made = { .arena = arena_new() };
	struct diags *diags = diags_new(made.arena, sources_new(made.arena));
	struct policy_options options = { .arena = made.arena };
	char dir[] = "/tmp/msb-unit.XXXXXX";

	cr_assert(mkdtemp(dir));
	char *path = arena_printf(made.arena, "%s/%s", dir, name);
	FILE *file = fopen(path, "w");
	cr_assert(file && fputs(text, file) >= 0 && !fclose(file));
	made.policy = options_resolve(&options, path, diags);
	unlink(path);
	rmdir(dir);
	cr_assert_eq(diags->errors, 0, "%s", diags->list.count ? diags->list.items[0].message : "");
	made.options.gateway = (struct addr_gateway){ true, true, parse("172.16.0.1"), parse("fd42:6d73:62::1") };
	made.ruleset = lower_policy(made.arena, made.policy, &made.options);
	return made;
}

static const char *nft(const struct made *made)
{
	return emit_nft(made->arena, made->policy, made->ruleset, &made->options);
}

static void contains(const char *text, const char *part)
{
	cr_expect(strstr(text, part), "no\n%s\nin\n%s", part, text);
}

static void lacks(const char *text, const char *part)
{
	cr_expect_not(strstr(text, part), "%s\nin\n%s", part, text);
}

static const char agent[] = "# A coding agent: clone, install Python packages, nothing else.\n"
			    "default egress deny\n"
			    "group vcs  = github.com, raw.githubusercontent.com\n"
			    "group pypi = pypi.org, *.pythonhosted.org\n"
			    "\n"
			    "deny@meta               because \"no cloud credentials\"\n"
			    "allow@vcs:tcp:{22,443}  because \"clone and release assets\"  until 2027-06-30\n"
			    "allow@pypi:tcp:443\n";

Test(ruleset, values)
{
	struct arena *arena = arena_new();
	struct addr_prefix v4 = { parse("10.1.2.3"), 8 }, all = { parse("0.0.0.0"), 0 },
			   one = { parse("fe80::1"), 128 };
	const struct {
		enum rs_type type;
		struct rs_value value;
		const char *text;
	} cases[] = {
		{ RS_TYPE_IPV4, rs_prefix(v4), "10.0.0.0/8" },
		{ RS_TYPE_IPV4, rs_prefix(all), "0.0.0.0/0" },
		{ RS_TYPE_IPV6, rs_prefix(one), "fe80::1" },
		{ RS_TYPE_IPV4, rs_range(0x0a000001, 0x0a000004), "10.0.0.1-10.0.0.4" },
		{ RS_TYPE_PORT, rs_range(22, 25), "22-25" },
		{ RS_TYPE_PROTO, rs_number(58), "icmpv6" },
		{ RS_TYPE_PROTO, rs_number(132), "132" },
		{ RS_TYPE_ETHER, rs_number(0x026dac100002), "02:6d:ac:10:00:02" },
		{ RS_TYPE_MARK, rs_number(0x1f), "0x0000001f" },
		{ RS_TYPE_BYTE, rs_number(0x5), "0x05" },
		{ RS_TYPE_CT_STATE, rs_number(6), "established,related" },
		{ RS_TYPE_IFNAME, rs_name("br0"), "\"br0\"" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		cr_expect_str_eq(rs_value_format(arena, cases[i].type, &cases[i].value), cases[i].text);
	arena_free(arena);
}

Test(ruleset, every_field_has_its_row)
{
	for (int i = 0; i < RS_FIELD_COUNT; i++) {
		const struct rs_field_info *field = rs_field_info((enum rs_field)i);
		unsigned size = rs_type_info(field->type)->size;
		cr_expect(field->nft && field->type != RS_TYPE_NONE && field->size, "field %d", i);
		cr_expect(!size || size == field->size, "%s: %u bytes, its type has %u", field->nft, field->size, size);
	}
}

Test(ruleset, sets_of_addresses_are_prefixes_where_they_can)
{
	struct arena *arena = arena_new();
	struct ruleset *ruleset = ruleset_new(arena);
	struct rs_table *table = rs_table_add(ruleset, RS_INET, "t");
	struct rs_set *set = rs_set_add(ruleset, table, "s", RS_TYPE_IPV4);
	const struct addr_range ranges[] = {
		{ 0, 0x00ffffff }, { 0x0a000000, 0x0a0000ff }, { 0x0b000001, 0x0b000002 }, { 0xe0000000, 0xffffffff }
	};
	struct addr_set addrs = addr_set_from_ranges(arena, ADDR_V4, ranges, 4);

	set->interval = true;
	rs_set_add_addrs(ruleset, set, &addrs);
	cr_expect_str_eq(ruleset_format(arena, ruleset), "table inet t\n"
							 "\tset s type ipv4_addr interval\n"
							 "\t\telement 0.0.0.0/8\n"
							 "\t\telement 10.0.0.0/24\n"
							 "\t\telement 11.0.0.1-11.0.0.2\n"
							 "\t\telement 224.0.0.0/3\n");
	arena_free(arena);
}

/* The chain a reviewer starts at, as the model of it says */
Test(ruleset, egress_chain_reads_like_the_policy)
{
	struct made made = make("agent.msb", agent);
	const char *text = nft(&made);

	contains(text, "# agent.msb at -O0 by msb-policyc " MSB_VERSION ": edit agent.msb, not this\n"
		       "# 3 rules, default egress deny, default ingress allow; gateway 172.16.0.1, fd42:6d73:62::1\n"
		       "# start reading at chain egress\n"
		       "# TCP waits for its server name at the name relay");
	contains(
		text,
		"\tchain egress {\n"
		"\t\tip daddr @meta4 counter jump refuse comment \"agent.msb:6 deny@meta\"\n"
		"\t\tip6 daddr @meta6 counter jump refuse comment \"agent.msb:6 deny@meta\"\n"
		"\t\tip daddr @rule2_v4 tcp dport { 22, 443 } counter meta mark set 0x6d736205 comment \"agent.msb:7 allow@vcs:tcp:{22,443}\"\n"
		"\t\tip6 daddr @rule2_v6 tcp dport { 22, 443 } counter meta mark set 0x6d736205 comment \"agent.msb:7 allow@vcs:tcp:{22,443}\"\n"
		"\t\tip daddr @rule3_v4 tcp dport 443 counter meta mark set 0x6d736205 comment \"agent.msb:8 allow@pypi:tcp:443\"\n"
		"\t\tip6 daddr @rule3_v6 tcp dport 443 counter meta mark set 0x6d736205 comment \"agent.msb:8 allow@pypi:tcp:443\"\n"
		"\t\tcounter jump undecided\n"
		"\t}\n"
		"\t# no rule decides\n"
		"\tchain undecided {\n"
		"\t\tmeta mark { 0x6d736205, 0x6d736208 } goto defer comment \"an allow of a bound name is before: the server name decides\"\n"
		"\t\tcounter goto refuse comment \"agent.msb:2 default egress deny\"\n"
		"\t}\n");
	contains(text, "\t\tcomment \"github.com, raw.githubusercontent.com\"\n");
	lacks(text, "/tmp/"); /* wherever the policy lies, the text is the same */
	arena_free(made.arena);
}

/* What is there for server names is there where one can decide, and nowhere else. */
Test(ruleset, nothing_of_server_names_where_none_decides)
{
	static const char *const without[] = { "default egress deny\nallow@public:tcp:443\n",
					       "default egress allow\ndeny@ads.example:udp\n",
					       "default egress deny\nallow:ingress@x.example:tcp\n" };
	static const char *const with[] = { "default egress deny\nallow@x.example:tcp:443\n",
					    "default egress allow\ndeny@ads.example\n" };
	static const char *const parts[] = { "chain names", "chain divert", "chain defer", "ct mark 0x6d736207",
					     "tproxy ip to :2" };

	for (size_t i = 0; i < sizeof without / sizeof *without; i++) {
		struct made made = make("p.msb", without[i]);
		for (size_t k = 0; k < sizeof parts / sizeof *parts; k++)
			lacks(nft(&made), parts[k]);
		arena_free(made.arena);
	}
	for (size_t i = 0; i < sizeof with / sizeof *with; i++) {
		struct made made = make("p.msb", with[i]);
		for (size_t k = 0; k < sizeof parts / sizeof *parts; k++)
			contains(nft(&made), parts[k]);
		made.policy->server_names = false;
		made.ruleset = lower_policy(made.arena, made.policy, &made.options);
		for (size_t k = 0; k < sizeof parts / sizeof *parts; k++)
			lacks(nft(&made), parts[k]);
		arena_free(made.arena);
	}
}

Test(ruleset, dns_allowlist_layout)
{
	struct made made = make("agent.msb", agent);

	cr_expect_str_eq(
		emit_dns(made.arena, made.policy),
		"# Names that agent.msb lets the guest look up: read downwards, the first line that fits answers.\n"
		"# `*.x` is x and every name below it. A denied name is answered NXDOMAIN and never leaves this host.\n"
		"allow  github.com                 agent.msb:7  allow@vcs:tcp:{22,443}\n"
		"allow  raw.githubusercontent.com  agent.msb:7  allow@vcs:tcp:{22,443}\n"
		"allow  pypi.org                   agent.msb:8  allow@pypi:tcp:443\n"
		"allow  *.pythonhosted.org         agent.msb:8  allow@pypi:tcp:443\n"
		"deny   any other name             agent.msb:2  default egress deny\n"
		"# Rebind protection: an answer with a private, metadata or other reserved address is NXDOMAIN.\n"
		"# Nameservers: the host's resolv.conf. Timeout 5s.\n");
	arena_free(made.arena);
}

Test(ruleset, dns_allowlist_ends_where_every_name_is_decided)
{
	struct made made =
		make("d.msb", "default egress allow\ndeny@ads.example\nallow@dns:udp\ndeny@host\nallow@x.example\n");
	const char *text = emit_dns(made.arena, made.policy);

	contains(text, "deny   ads.example             d.msb:2  deny@ads.example\n"
		       "allow  any other name, by UDP  d.msb:3  allow@dns:udp\n"
		       "deny   any other name          d.msb:4  deny@host\n"
		       "#");
	lacks(text, "x.example  "); /* never reached */
	arena_free(made.arena);
}

/* Whatever a file's name and a rule hold, a comment stays one quoted word of at most 127 characters. */
Test(ruleset, comments_are_cut_and_cleaned)
{
	struct made made =
		make("a\"b\\;\n\x1b[31m\xe2\x80\xae.msb",
		     "deny@meta\nallow@{a.example.com,b.example.com,c.example.com,"
		     "d.example.com,e.example.com,f.example.com,g.example.com,h.example.com,i.example.com}:tcp:443\n");

	for (size_t t = 0; t < made.ruleset->tables.count; t++) {
		const struct rs_table *table = &made.ruleset->tables.items[t];
		for (size_t i = 0; i < table->chains.count; i++)
			for (size_t j = 0; j < table->chains.items[i].rules.count; j++) {
				const char *comment = table->chains.items[i].rules.items[j].comment;
				if (!comment)
					continue;
				cr_expect_leq(strlen(comment), 127, "%s", comment);
				for (const char *c = comment; *c; c++)
					cr_expect(*c >= ' ' && *c < 127 && *c != '"' && *c != '\\', "byte %d in %s", *c,
						  comment);
			}
	}
	arena_free(made.arena);
}

Test(ruleset, binding_sets)
{
	struct made made =
		make("b.msb", "default egress deny\nallow@public\nallow@example.com\nallow@example.org:icmpv4\n"
			      "allow:ingress@example.net\nallow@example.com:icmpv4\n");

	cr_expect_null(lower_binding_set(made.arena, made.policy, 0, ADDR_V4), "no name");
	cr_expect_str_eq(lower_binding_set(made.arena, made.policy, 1, ADDR_V4), "rule2_v4");
	cr_expect_str_eq(lower_binding_set(made.arena, made.policy, 1, ADDR_V6), "rule2_v6");
	cr_expect_str_eq(lower_binding_set(made.arena, made.policy, 2, ADDR_V4), "rule3_v4");
	cr_expect_null(lower_binding_set(made.arena, made.policy, 2, ADDR_V6), "icmpv4 is never IPv6");
	cr_expect_null(lower_binding_set(made.arena, made.policy, 3, ADDR_V4), "ingress");
	arena_free(made.arena);
}

Test(ruleset, a_family_without_gateway_has_no_rules)
{
	struct made made = make("f.msb", "default egress allow\ndeny@[2001:db8::/32]\nallow@example.com\n");

	made.options.gateway.has6 = false;
	made.ruleset = lower_policy(made.arena, made.policy, &made.options);
	const char *text = nft(&made);
	lacks(text, "2001:db8");
	lacks(text, "rule2_v6");
	contains(text, "iifname \"br0\" meta nfproto ipv6 counter drop comment \"no gateway of this family\"");
	arena_free(made.arena);
}

Test(ruleset, guest_addresses)
{
	struct addr_gateway both = { true, true, parse("172.16.0.1"), parse("fd42:6d73:62::1") };
	struct addr_gateway six = { false, true, { ADDR_V4, 0 }, parse("fd42::a:b0c0:1") };
	const uint8_t mac4[] = { 2, 0x6d, 172, 16, 0, 2 }, mac6[] = { 2, 0x6d, 0xb0, 0xc0, 0, 2 };
	uint8_t mac[6];

	cr_expect(addr_equal(lower_guest_addr(both.v4), parse("172.16.0.2")));
	lower_guest_mac(&both, mac);
	cr_expect_arr_eq(mac, mac4, 6);
	lower_guest_mac(&six, mac);
	cr_expect_arr_eq(mac, mac6, 6);
}

Test(ruleset, silent_refusals)
{
	struct made made = make("s.msb", "default egress deny\n");

	contains(nft(&made), "reject with tcp reset");
	made.options.silent = true;
	made.ruleset = lower_policy(made.arena, made.policy, &made.options);
	lacks(nft(&made), "reject");
	arena_free(made.arena);
}

/* Passes take sets and rules away by making their list shorter. */
Test(ruleset, what_is_added_to_a_shortened_list_is_empty)
{
	struct arena *arena = arena_new();
	struct ruleset *ruleset = ruleset_new(arena);
	struct rs_table *table = rs_table_add(ruleset, RS_INET, "t");
	struct rs_set *set = rs_set_add(ruleset, table, "gone", RS_TYPE_IPV4);
	struct addr_set all = addr_set_all(arena, ADDR_V4);

	rs_set_add_addrs(ruleset, set, &all);
	set->interval = true;
	table->sets.count = 0;
	set = rs_set_add(ruleset, table, "new", RS_TYPE_PORT);
	cr_expect_eq(set->elements.count, 0);
	cr_expect_not(set->interval);
	struct rs_chain *chain = rs_chain_add(ruleset, table, "c");
	rs_verdict(ruleset, rs_rule_add(ruleset, chain, "gone"), RS_DROP, NULL);
	chain->rules.count = 0;
	cr_expect_eq(rs_rule_add(ruleset, chain, NULL)->exprs.count, 0);
	arena_free(arena);
}
