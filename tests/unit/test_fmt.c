/* The canonical layout, and the difference that --diff shows. */
#include "syntax/fmt.h"
#include "base/line_diff.h"

#include <criterion/criterion.h>
#include <string.h>

static struct arena *arena;
static struct diags *diags;

static void setup(void)
{
	arena = arena_new();
	diags = diags_new(arena, sources_new(arena));
}

static void teardown(void)
{
	arena_free(arena);
}

TestSuite(fmt, .init = setup, .fini = teardown);

static const char *format(const char *text)
{
	return fmt_policy(diags, sources_add(diags->sources, SOURCE_FILE, "f.msb", text, strlen(text)));
}

/* What `text` becomes, and stays. */
static void expect_layout(const char *text, const char *layout)
{
	cr_assert_str_eq(format(text), layout);
	cr_assert_str_eq(format(layout), layout);
	cr_assert_eq(diags->errors, 0);
}

Test(fmt, nothing_stays_nothing)
{
	expect_layout("", "");
	expect_layout("\n \n", "");
	expect_layout("# only this", "# only this\n");
}

Test(fmt, blanks_and_line_ends)
{
	expect_layout("\xef\xbb\xbf\tallow@a.b:tcp   # c \r\n\r\n\r\n  deny@c.d",
		      "allow@a.b:tcp  # c\r\n\r\ndeny@c.d\r\n");
	expect_layout("allow@a.b:tcp   # c \n\r\n\r\n  deny@c.d", "allow@a.b:tcp  # c\n\ndeny@c.d\n");
}

Test(fmt, attributes_have_an_order_and_a_column)
{
	expect_layout("deny@meta log until 2030-01-01 because \"no\"\nallow@a.example:tcp:443 log\nallow@b.example\n",
		      "deny@meta                because \"no\"  until 2030-01-01  log\n"
		      "allow@a.example:tcp:443  log\n"
		      "allow@b.example\n");
}

Test(fmt, a_very_long_rule_pushes_nobody)
{
	const char *name = "allow@a-name-that-is-longer-than-any-column-should-be.example.com:tcp:443";
	const char *text = arena_printf(arena, "deny@meta log\n%s log\n", name);
	expect_layout(text, arena_printf(arena, "deny@meta  log\n%s  log\n", name));
}

Test(fmt, groups_and_expectations_line_up)
{
	expect_layout("group a=x.y,z.y\ngroup bcd = { [::1]/8 }\nexpect deny dns@x sni=b resolve=a\n",
		      "group a   = x.y, z.y\ngroup bcd = [::1]/8\nexpect deny  dns@x resolve=a sni=b\n");
}

Test(fmt, defaults_go_first_with_their_comments)
{
	expect_layout("# header\n\nallow@a.b\n# why\ndefault egress deny # d\nallow@c.d\n\nprofile public\n",
		      "# header\n\n# why\ndefault egress deny  # d\nprofile public\n\nallow@a.b\nallow@c.d\n");
	expect_layout("allow@a.b\ndefault egress deny\n", "default egress deny\n\nallow@a.b\n");
	expect_layout("default egress deny\nallow@a.b\n", "default egress deny\nallow@a.b\n");
}

Test(fmt, comments_stay_with_what_they_are_about)
{
	expect_layout("# file\n\n# a rule\nallow@a.b # tail\n# alone\n\n\n# last",
		      "# file\n\n# a rule\nallow@a.b  # tail\n# alone\n\n# last\n");
}

Test(fmt, long_lists_keep_their_lines)
{
	expect_layout("allow@{ # c\n a.b,c.d # two\n\n, e.f\n # last\n}",
		      "allow@{\n\t# c\n\ta.b, c.d,  # two\n\te.f\n\t# last\n}\n");
}

Test(fmt, a_file_with_errors_has_no_layout)
{
	cr_assert_null(format("allow@{a\n"));
	cr_assert_eq(diags->errors, 1);
}

Test(fmt, difference_of_lines)
{
	cr_assert_str_eq(line_diff(arena, "a", "1\n2\n", "b", "1\n2\n"), "");
	cr_assert_str_eq(line_diff(arena, "a", "1\n2\n3\n", "b", "1\n3\n4\n"),
			 "--- a\n+++ b\n@@ -1,3 +1,3 @@\n 1\n-2\n 3\n+4\n");
	cr_assert_str_eq(line_diff(arena, "a", "", "b", "x\n"), "--- a\n+++ b\n@@ -0,0 +1,1 @@\n+x\n");
}

Test(fmt, distant_changes_are_hunks_of_their_own)
{
	cr_assert_str_eq(line_diff(arena, "a", "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n", "b", "x\n1\n2\n3\n4\n5\n6\n7\n8\ny\n"),
			 "--- a\n+++ b\n@@ -1,4 +1,4 @@\n-0\n+x\n 1\n 2\n 3\n@@ -7,4 +7,4 @@\n 6\n 7\n 8\n-9\n+y\n");
}
