/* Options, files, includes, groups and imports: from an argument vector to a policy or its errors. */
#include "emit/emit.h"
#include "policy/options.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/msb-test-options.XXXXXX";
static struct arena *arena;

static void setup(void)
{
	arena = arena_new();
	cr_assert(mkdtemp(directory));
	cr_assert_eq(chdir(directory), 0);
}

static void teardown(void)
{
	char command[64];
	snprintf(command, sizeof command, "rm -rf %s", directory);
	cr_expect_eq(system(command), 0);
	arena_free(arena);
}
TestSuite(options, .init = setup, .fini = teardown);

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");
	cr_assert(file);
	fputs(text, file);
	fclose(file);
}

/* Resolves `file` (may be NULL) with options; findings in *diags */
static struct policy *resolve(const char *file, struct diags **diags, const char *const *args)
{
	struct policy_options options = { .arena = arena };
	for (; *args; args += 2)
		for (const struct option *option = policy_long_options; option->name; option++)
			if (!strcmp(option->name, args[0]))
				options_take(&options, option->val, args[1]);
	*diags = diags_new(arena, sources_new(arena));
	return options_resolve(&options, file, *diags);
}
#define ARGS(...) ((const char *const[]){ __VA_ARGS__, NULL, NULL })

static void expect_ids(const char *file, const char *wanted, const char *const *args)
{
	struct diags *diags;
	const char *ids = "";
	resolve(file, &diags, args);
	for (size_t i = 0; i < diags->list.count; i++)
		ids = arena_printf(arena, "%s%s%s", ids, i ? " " : "", diags_sorted(diags)[i]->id);
	cr_expect_str_eq(ids, wanted);
}

static void expect_text_ids(const char *text, const char *wanted)
{
	write_file("p.msb", text);
	expect_ids("p.msb", wanted, ARGS("today", "2026-11-24"));
}

static const char *rules_of(const char *file, const char *const *args)
{
	struct diags *diags;
	const struct policy *policy = resolve(file, &diags, args);
	const char *text = policy_action_name(policy->egress.action);
	cr_expect_eq(diags->errors, 0, "%s", diags->list.count ? diags->list.items[0].message : "");
	for (size_t i = 0; i < policy->rules.count; i++)
		text = arena_printf(arena, "%s %s", text, policy_rule_format(arena, &policy->rules.items[i]));
	return text;
}

Test(options, order_of_rules)
{
	write_file("base.msb", "deny@b.example\nprofile host\n");
	write_file("p.msb", "deny@a.example\ninclude \"base.msb\"\ndeny@c.example\nprofile public\n");
	cr_expect_str_eq(rules_of("p.msb", ARGS("net-rule", "deny@x.example,deny@y.example")),
			 "deny deny@x.example deny@y.example deny@a.example deny@b.example deny@c.example allow@dns "
			 "allow@public allow@host");
	write_file("q.msb", "deny@a.example\n");
	cr_expect_str_eq(rules_of("q.msb", ARGS(NULL)), "deny deny@a.example allow@dns allow@public");
	write_file("r.msb", "default ingress deny\ndeny@a.example\n");
	cr_expect_str_eq(rules_of("r.msb", ARGS(NULL)), "deny deny@a.example allow@dns allow@public");
	write_file("s.msb", "allow@a.example\ndefault egress deny\n");
	cr_expect_str_eq(rules_of("s.msb", ARGS(NULL)), "deny allow@a.example");
}

Test(options, groups)
{
	write_file("p.msb", "default egress deny\nallow@outer:tcp:443\ngroup outer = inner, 10.0.0.0/8\n"
			    "group inner = x.example\nallow@{outer,y.example}\n");
	cr_expect_str_eq(rules_of("p.msb", ARGS("net-rule", "deny@inner")),
			 "deny deny@inner allow@outer:tcp:443 allow@{x.example,10.0.0.0/8,y.example}");
	expect_text_ids("group a = b\ngroup b = a\n", "group-cycle");
	expect_text_ids("group public = x.example\n", "bad-group-name");
	expect_text_ids("group x.y = x.example\n", "bad-group-name");
	expect_text_ids("group a = x.example\ngroup a = x.example\n", "");
	expect_text_ids("group a = x.example\ngroup a = y.example\n", "conflict");
	expect_text_ids("group servers = x.example\nallow@server\n", "ambiguous-bare");
	struct diags *diags;
	write_file("p.msb", "group hosts2 = x.example\nallow@hosts3\n"); /* nearer than the keyword host */
	resolve("p.msb", &diags, ARGS(NULL));
	cr_assert_eq(diags->list.count, 1);
	cr_expect_str_eq(diags->list.items[0].label, "did you mean `hosts2`?");
}

Test(options, settings)
{
	expect_text_ids("default egress deny\ndefault any deny\n", "");
	expect_text_ids("default egress deny\ndefault any allow\n", "conflict");
	expect_text_ids("default egress deny\nprofile public\n", "conflict");
	expect_text_ids("default ingress deny\nprofile public\n", "");
	expect_text_ids("default outward deny\ndefault egress refuse\n", "bad-direction bad-action");
	expect_text_ids("profile pubic\n", "unknown-profile");
	expect_text_ids("profile all, none\n", "terminal-conflict");
	expect_text_ids("dns timeout 3s\ndns timeout 3000ms\n", "");
	expect_text_ids("dns timeout 3s\ndns timeout 4s\n", "conflict");
	expect_text_ids("dns timeout 3\n", "bad-duration");
	expect_text_ids("dns rebind-protection maybe\n", "bad-setting");
	expect_text_ids("dns nameserver 1.1.1.1, a:b:c\n", "bad-nameserver");
	expect_text_ids("limit egress bandwidth 1M/1s burst 512K\nlimit ingress ops 1000\n", "");
	expect_text_ids("limit egress bandwidth fast\n", "bad-limit");
	expect_text_ids("publish 8080:80\npublish 8080:80\n", "");
	expect_text_ids("publish 8080:80\npublish 8080:81\n", "conflict");
}

Test(options, attributes)
{
	expect_text_ids("allow@x.example until 2026-11-24 log because \"why\"\n", "");
	expect_text_ids("allow@x.example until 2026-11-23\n", "expired");
	expect_text_ids("allow@x.example until 2026-02-30\n", "bad-date");
	write_file("p.msb", "allow@x.example until 2026-06-30\n");
	struct diags *diags;
	resolve("p.msb", &diags, ARGS("today", "2026-11-24"));
	cr_assert_eq(diags->list.count, 1);
	cr_expect_str_eq(diags->list.items[0].message, "expired 147 days ago");
	expect_ids("p.msb", "", ARGS(NULL)); /* without a date nothing is judged */
}

Test(options, three_errors_are_three)
{
	expect_text_ids("allow@pubic\nallow@x.example:tcp:70000\nallow@2606:4700::1111:tcp:443\n",
			"ambiguous-bare bad-ports trailing");
}

Test(options, includes)
{
	cr_assert_eq(mkdir("sub", 0755), 0);
	write_file("p.msb", "include \"sub/a.msb\"\n");
	write_file("sub/a.msb", "include \"b.msb\"\ninclude \"../c.msb\"\n");
	write_file("sub/b.msb", "deny@b.example\n");
	write_file("c.msb", "deny@c.example\n");
	cr_expect_str_eq(rules_of("p.msb", ARGS(NULL)), "deny deny@b.example deny@c.example allow@dns allow@public");
	write_file("c.msb", "include \"sub/../p.msb\"\n");
	expect_ids("p.msb", "include-cycle", ARGS(NULL));
	expect_text_ids("include \"p.msb\"\n", "include-cycle");
	expect_text_ids("include \"../p.msb\"\n", "include-outside");
	expect_text_ids("include \"/etc/passwd\"\n", "include-outside");
	expect_text_ids("include \"none.msb\"\n", "bad-include");
	cr_assert_eq(mkfifo("fifo", 0600), 0);
	expect_text_ids("include \"fifo\"\n", "bad-include");
	cr_assert_eq(symlink("/etc/passwd", "link"), 0);
	expect_text_ids("include \"link\"\n", "include-outside");
	cr_assert_eq(symlink("p.msb", "self"), 0);
	expect_text_ids("include \"self\"\n", "include-cycle");
	for (int i = 0; i < 20; i++)
		write_file(arena_printf(arena, "%d.msb", i), arena_printf(arena, "include \"%d.msb\"\n", i + 1));
	expect_text_ids("include \"0.msb\"\n", "include-depth");
	write_file("bad.msb", "allow@pubic\n");
	write_file("p.msb", "include \"bad.msb\"\n");
	struct diags *diags;
	resolve("p.msb", &diags, ARGS(NULL));
	cr_assert_eq(diags->list.count, 1);
	cr_expect_str_eq(span_format(arena, diags->sources, diags->list.items[0].span), "bad.msb:1:7");
}

Test(options, an_allowed_root_widens_includes)
{
	cr_assert_eq(mkdir("sub", 0755), 0);
	write_file("sub/p.msb", "include \"../b.msb\"\n");
	write_file("b.msb", "allow@pubic\n");
	expect_ids("sub/p.msb", "include-outside", ARGS(NULL));
	expect_ids("sub/p.msb", "ambiguous-bare", ARGS("include-root", "."));
	struct diags *diags;
	resolve("sub/p.msb", &diags, ARGS("allow-include", "."));
	cr_assert_eq(diags->list.count, 1);
	cr_expect_str_eq(span_format(arena, diags->sources, diags->list.items[0].span), "b.msb:1:7");
}

Test(options, what_is_compiled_does_not_say_where)
{
	write_file("p.msb", "deny@meta\ninclude \"b.msb\"\n");
	write_file("b.msb", "allow@x.example\n");
	struct diags *diags;
	const char *here = policy_format(arena, resolve("p.msb", &diags, ARGS(NULL)));
	const char *there =
		policy_format(arena, resolve(arena_printf(arena, "%s/p.msb", directory), &diags, ARGS(NULL)));
	cr_expect_str_eq(here, there);
}

Test(options, includes_do_not_multiply)
{
	write_file("p.msb", "include \"0.msb\"\n");
	for (int i = 0; i < 14; i++)
		write_file(arena_printf(arena, "%d.msb", i),
			   arena_printf(arena, "include \"%d.msb\"\ninclude \"%d.msb\"\n", i + 1, i + 1));
	write_file("14.msb", "deny@x.example\n");
	expect_ids("p.msb", "too-complex", ARGS(NULL));
}

Test(options, conflicts_of_flags)
{
	write_file("p.msb", "default egress deny\n");
	expect_ids("p.msb", "conflict", ARGS("net", "public"));
	expect_ids("p.msb", "conflict", ARGS("net-default-ingress", "deny"));
	expect_ids("p.msb", "conflict", ARGS("no-net", NULL));
	expect_ids("p.msb", "", ARGS("net-rule", "deny@x.example", "dns-nameserver", "1.1.1.1"));
	expect_ids(NULL, "not-yet", ARGS("tls-intercept", NULL));
	expect_ids(NULL, "usage", ARGS("net-egress-ops-burst", "5"));
	expect_ids(NULL, "usage", ARGS("deployment-profile", "shared"));
	expect_ids("absent.msb", OPTIONS_UNREADABLE, ARGS(NULL));
}

Test(options, multi_tenant)
{
	expect_ids(NULL, "multi-tenant multi-tenant multi-tenant multi-tenant",
		   ARGS("deployment-profile", "multi-tenant", "port", "8080:80", "dns-nameserver", "1.1.1.1",
			"no-dns-rebind-protection", NULL, "net-ipv4-pool", "10.0.0.0/8"));
	expect_ids(NULL, "", ARGS("deployment-profile", "multi-tenant"));
}

/* ---- imports ---- */

Test(options, json_round_trip)
{
	write_file(
		"p.msb",
		"default egress deny\ndefault ingress deny\ngroup vcs = github.com, 140.82.112.0/20\n"
		"deny@meta because \"no \\ \xc3\xa9 credentials\" log\n"
		"allow@vcs:{tcp,udp}:{22,80-443} until 2027-06-30\nallow@{*.x.example,[2001:db8::/32],domain=nas}\n"
		"allow:ingress@any:tcp:80\ndeny:any@link-local\nallow@{a.example,b.example}\nallow@{c.example,d.example}\n"
		"publish [::1]:53:53/udp\npublish 8080:80\ndns nameserver 1.1.1.1, [2606:4700::1111]:5353, dns.example\n"
		"dns timeout 3s\ndns rebind-protection off\nlimit egress bandwidth 1M/1s burst 512K\nlimit ingress ops 7\n"
		"expect allow egress@github.com:tcp:443 resolve=github.com=140.82.112.3 sni=github.com\n");
	struct diags *diags;
	const char *first = emit_json(arena, resolve("p.msb", &diags, ARGS("net-ipv4-pool", "10.8.0.0/16")));
	cr_assert_eq(diags->errors, 0, "%s", diags->list.count ? diags->list.items[0].message : "");
	write_file("p.json", first);
	const struct policy *again = resolve("p.json", &diags, ARGS(NULL));
	cr_assert_eq(diags->errors, 0, "%s", diags->list.count ? diags->list.items[0].message : "");
	cr_expect_eq(again->rules.count, 7);
	cr_expect_str_eq(emit_json(arena, again), first);
	for (const char *c = first; *c; c++)
		cr_expect((*c >= ' ' && *c < 0x7f) || *c == '\n', "byte %02x", (unsigned char)*c);
}

static void expect_json(const char *text, const char *wanted)
{
	write_file("p.json", text);
	expect_ids("p.json", wanted, ARGS(NULL));
}

Test(options, json)
{
	write_file(
		"p.json",
		"{\"rules\":[{\"action\":\"allow\",\"direction\":\"egress\",\"destination\":{\"group\":\"link_local\"},"
		"\"protocols\":[\"tcp\"],\"ports\":[{\"start\":80,\"end\":80}]}]}");
	cr_expect_str_eq(rules_of("p.json", ARGS("net-rule", "deny@x.example")),
			 "deny deny@x.example allow@link-local:tcp:80");
	expect_json("{", "syntax");
	expect_json("[]", "bad-value");
	expect_json("{\"rule\":[]}", "unknown-key");
	expect_json("{\"default_egress\":\"maybe\"}", "bad-default-action");
	expect_json("{\"default_egress\":\"deny\",\"default_egress\":\"allow\"}", "conflict");
	expect_json(
		"{\"rules\":[{\"action\":\"allow\",\"direction\":\"egress\",\"destination\":{\"group\":\"meta\"}}]}",
		"ambiguous-bare");
	expect_json(
		"{\"rules\":[{\"action\":\"allow\",\"direction\":\"egress\",\"destination\":{\"cidr\":\"10.0.0.0/99\"}},"
		"{\"action\":\"allow\",\"direction\":\"any\",\"destination\":\"any\",\"protocols\":[\"icmpv4\"]},"
		"{\"action\":\"allow\",\"direction\":\"egress\",\"destination\":\"any\",\"ports\":[{\"start\":9,\"end\":8}]}]}",
		"bad-cidr icmp-ingress inverted-range");
	write_file("p.json", "{\n  \"rules\": [\n    {\"action\": \"allow\", \"direction\": \"egress\"}\n  ]\n}\n");
	struct diags *diags;
	resolve("p.json", &diags, ARGS(NULL));
	cr_assert_eq(diags->list.count, 1);
	cr_expect_str_eq(span_format(arena, diags->sources, diags->list.items[0].span), "p.json:3:5");
	char deep[8192];
	memset(deep, '[', sizeof deep - 1);
	deep[sizeof deep - 1] = 0;
	expect_json(deep, "syntax");
}

static void expect_yaml(const char *text, const char *wanted)
{
	write_file("p.yaml", text);
	expect_ids("p.yaml", wanted, ARGS(NULL));
}

Test(options, yaml)
{
	write_file(
		"p.yaml",
		"policy: public\nallow: [\"api.example\", '*.x.example:tcp:443']\ndeny:\n  - 169.254.169.254\n"
		"ports: [\"8000:8000\"]\ndns: { query_timeout: \"5s\", nameservers: [\"1.1.1.1\"], rebind_protection: true }\n"
		"max_connections: 100\n");
	cr_expect_str_eq(rules_of("p.yaml", ARGS("net-rule", "deny@z.example")),
			 "deny deny@z.example deny@169.254.169.254 allow@api.example allow@*.x.example:tcp:443");
	write_file("p.yaml", "image: alpine\nnetwork:\n  policy: public\n  deny: [10.0.0.0/8]\n");
	cr_expect_str_eq(rules_of("p.yaml", ARGS(NULL)), "deny deny@10.0.0.0/8 allow@dns allow@public");
	write_file("p.yaml", "network: open\n");
	cr_expect_str_eq(rules_of("p.yaml", ARGS(NULL)), "allow");
	write_file("p.yaml", "policy: none\n");
	cr_expect_str_eq(rules_of("p.yaml", ARGS(NULL)), "deny");
	write_file("p.yaml", "# nothing\n");
	cr_expect_str_eq(rules_of("p.yaml", ARGS(NULL)), "deny allow@dns allow@public");
	expect_yaml("policy: [\n", "syntax");
	expect_yaml("policy: closed\n", "bad-value");
	expect_yaml("allow: &a [x.example]\ndeny: *a\n", "yaml-alias");
	expect_yaml("policy: !!str public\n", "yaml-tag");
	expect_yaml("policy: public\npolicy: none\n", "conflict");
	expect_yaml("polcy: public\n", "unknown-key");
	expect_yaml("policy: public\n---\npolicy: none\n", "bad-value");
	expect_yaml("dns: { rebind_protection: off }\n", "bad-value");
	expect_yaml("tls: { enabled: true }\n", "not-yet");
	expect_yaml("allow: [pubic]\nports: [\"80\"]\n", "ambiguous-bare bad-format");
	expect_yaml("[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]\n", "too-complex");
	write_file("p.yaml", "deny:\n  - \"\xc3\xa9\"\n  - pubic\n");
	struct diags *diags;
	resolve("p.yaml", &diags, ARGS(NULL));
	cr_assert_eq(diags->list.count, 2);
	cr_expect_str_eq(span_format_line(arena, diags->sources, diags->list.items[1].span), "p.yaml:3");
}

static void expect_bounds(const char *file, uint32_t tcp, uint32_t udp, const char *const *args)
{
	struct diags *diags;
	const struct policy *policy = resolve(file, &diags, args);

	cr_assert_eq(diags->errors, 0, "%s", diags->list.count ? diags->list.items[0].message : "");
	cr_expect_eq(policy->max_tcp.most, tcp);
	cr_expect_eq(policy->max_udp.most, udp);
}

Test(options, bounds_on_connections)
{
	expect_bounds(NULL, 4096, 4096, ARGS(NULL));
	expect_bounds(NULL, 7, 7, ARGS("max-connections", "7"));
	expect_bounds(NULL, 9, 7, ARGS("max-tcp-connections", "9", "max-connections", "7"));
	expect_bounds(NULL, 4096, 0, ARGS("max-udp-connections", "0"));
	expect_bounds(NULL, 1000000, 4096, ARGS("max-tcp-connections", "1000000"));
	write_file("b.json", "{\"max_connections\":5,\"max_udp_connections\":6}");
	expect_bounds("b.json", 5, 6, ARGS(NULL));
	expect_bounds("b.json", 8, 8, ARGS("max-connections", "8"));
	write_file("b.yaml", "policy: public\nmax_tcp_connections: 5\nmax_connections: 6\n");
	expect_bounds("b.yaml", 5, 6, ARGS(NULL));
	expect_json("{\"max_tcp_connections\":1000001}", "max-connections");
	expect_json("{\"max_udp_connections\":-1}", "bad-value");
	expect_json("{\"deployment_profile\":\"multi-tenant\",\"max_udp_connections\":0}", "multi-tenant");
	expect_yaml("policy: public\nmax_udp_connections: many\n", "bad-number");
	expect_ids("b.json", "multi-tenant", ARGS("deployment-profile", "multi-tenant", "max-connections", "0"));
	expect_ids("b.json", "bad-number", ARGS("max-connection-rate", "fast"));
}
