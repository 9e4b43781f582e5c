/* Names: what a rule may say, what a query may hold, and matching on label boundaries. */
#include "base/name.h"

#include <criterion/criterion.h>
#include <string.h>

static struct arena *arena;
static void setup(void)
{
	arena = arena_new();
}
static void teardown(void)
{
	arena_free(arena);
}
TestSuite(name, .init = setup, .fini = teardown);

static void expect_rule(const char *text, const char *want)
{
	const char *why = NULL, *got = name_from_rule(arena, text, &why);
	cr_expect(want ? got && !strcmp(got, want) : !got && why, "%s gave %s (%s)", text, got ? got : "none",
		  why ? why : "-");
}

Test(name, rules)
{
	expect_rule("..Example.COM..", "example.com");
	expect_rule("bücher.example", "xn--bcher-kva.example");
	expect_rule("例え.テスト", "xn--r8jz45g.xn--zckzah");
	expect_rule("_dmarc.a--b.foo-.x", "_dmarc.a--b.foo-.x");
	expect_rule("*.example.com", NULL);
	expect_rule("*x.example.com", NULL);
	expect_rule("-foo.example", NULL);
	expect_rule("foo.-bar", NULL);
	expect_rule("a..b", NULL);
	expect_rule("..", NULL);
	expect_rule("", NULL);
	expect_rule("foo bar.example", NULL);
	expect_rule("a\\.b.example", NULL);
	expect_rule("user%example.com", NULL);
	expect_rule("10.0.0.1", NULL);
	expect_rule("x.0x7f", NULL);
	expect_rule("１０.0.0.１", NULL); /* full-width digits become digits */
	char label[80];
	memset(label, 'a', sizeof label);
	label[63] = 0;
	expect_rule(label, label);
	label[63] = 'a';
	label[64] = 0;
	expect_rule(label, NULL);
}

static void expect_query(const char *text, const char *want)
{
	const char *got = name_from_query(arena, text);
	cr_expect(want ? got && !strcmp(got, want) : !got, "%s gave %s", text, got ? got : "none");
}

Test(name, queries)
{
	expect_query(".", "");
	expect_query("WWW.Example.com.", "www.example.com");
	expect_query("a\\.b.example", "a\\046b.example");
	expect_query("\\065.x", "a.x");
	expect_query("\\007\\255.x", "\\007\\255.x");
	expect_query("a b.x", "a\\032b.x");
	expect_query("-lead.x", "-lead.x");
	expect_query("bücher.example", "xn--bcher-kva.example");
	expect_query("a..x", NULL);
	expect_query("\\256.x", NULL);
	expect_query("\\", NULL);
	expect_query("", NULL);
}

Test(name, wire)
{
	char out[NAME_TEXT_MAX];
	uint8_t longest[256];
	cr_expect(name_from_wire((const uint8_t *)"\3WwW\1x\0", 7, out));
	cr_expect_str_eq(out, "www.x");
	cr_expect(name_from_wire((const uint8_t *)"\0", 1, out));
	cr_expect_str_eq(out, "");
	cr_expect_not(name_from_wire((const uint8_t *)"\3www", 4, out), "no root");
	cr_expect_not(name_from_wire((const uint8_t *)"\3ww\0", 4, out), "short label");
	cr_expect_not(name_from_wire((const uint8_t *)"\300\014", 2, out), "compression");
	cr_expect_not(name_from_wire((const uint8_t *)"\1x\0y", 4, out), "trailing bytes");
	cr_expect_not(name_from_wire(NULL, 0, out), "nothing");
	for (size_t i = 0; i < sizeof longest; i += 2) {
		longest[i] = 1;
		longest[i + 1] = 0xff;
	}
	longest[254] = 0;
	cr_expect(name_from_wire(longest, 255, out));
	longest[254] = 1;
	cr_expect_not(name_from_wire(longest, 256, out));
}

Test(name, suffixes)
{
	cr_expect(name_has_suffix("x.y", "x.y"));
	cr_expect(name_has_suffix("a.x.y", "x.y"));
	cr_expect_not(name_has_suffix("ax.y", "x.y"));
	cr_expect_not(name_has_suffix("y", "x.y"));
	cr_expect_not(name_has_suffix("a\\046x.y", "x.y"));
}

Test(name, public_suffixes)
{
	cr_expect(name_is_public_suffix("co.uk"));
	cr_expect(name_is_public_suffix("github.io"));
	cr_expect_not(name_is_public_suffix("example.co.uk"));
	cr_expect_not(name_is_public_suffix("corp.internal"));
}
