/* Findings: what is printed of them, in what order, and "did you mean". */
#include "diag/diag.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static struct arena *arena;
static struct diags *diags;
static uint32_t source;

static void setup(void)
{
	static const char text[] = "default egress deny\n"
				   "allow@pubic:tcp:443\n"
				   "deny@b\303\274cher.example\ttcp # \033[31m\n";
	arena = arena_new();
	diags = diags_new(arena, sources_new(arena));
	source = sources_add(diags->sources, SOURCE_FILE, "a.msb", text, strlen(text));
}

static void teardown(void)
{
	arena_free(arena);
}

TestSuite(diag, .init = setup, .fini = teardown);

static const char *printed(void (*print)(const struct diags *, FILE *))
{
	char *buffer;
	size_t len;
	FILE *out = open_memstream(&buffer, &len);
	print(diags, out);
	fclose(out);
	const char *text = arena_strdup(arena, buffer);
	free(buffer);
	return text;
}

static void print_plain(const struct diags *all, FILE *out)
{
	diags_print_text(all, out, false);
}

static struct span at(uint32_t start, uint32_t end)
{
	return (struct span){ source, start, end };
}

Test(diag, text_is_gcc_form_with_carets)
{
	struct diag *diag = diag_error(diags, "ambiguous-bare", at(26, 31), "no such target: `%s`", "pubic");
	diag->label = "did you mean `public`?";
	cr_assert_str_eq(printed(print_plain), "a.msb:2:7: error: no such target: `pubic` [ambiguous-bare]\n"
					       "   2 | allow@pubic:tcp:443\n"
					       "     |       ^^^^^ did you mean `public`?\n");
}

Test(diag, example_second_place_and_help)
{
	struct diag *diag = diag_warning(diags, "no-dns", at(20, 39), "no name resolves");
	diag->example = "dns@example.com";
	diag->example_verdict = "is denied by this default";
	diag->help = "add a line `allow@dns`";
	diag_relate(diags, diag, at(0, 19), "by this %s", "default");
	cr_assert_str_eq(printed(print_plain),
			 "a.msb:2:1: warning: no name resolves [no-dns]\n"
			 "   2 | allow@pubic:tcp:443\n"
			 "     | ^^^^^^^^^^^^^^^^^^^ e.g. dns@example.com is denied by this default\n"
			 "a.msb:1:1: note: by this default\n"
			 "   1 | default egress deny\n"
			 "     | ^^^^^^^^^^^^^^^^^^^\n"
			 "  help: add a line `allow@dns`\n");
}

Test(diag, carets_count_characters_and_a_tab_is_one)
{
	diag_error(diags, "x", at(61, 64), "y"); /* "tcp", behind a two-byte character and a tab */
	cr_assert_str_eq(printed(print_plain), "a.msb:3:21: error: y [x]\n"
					       "   3 | deny@b\303\274cher.example tcp # \\x1b[31m\n"
					       "     |                     ^^^\n");
}

Test(diag, findings_are_in_the_order_of_their_places)
{
	diag_error(diags, "third", at(40, 41), "c");
	diag_error(diags, "first", SPAN_NONE, "a");
	diag_error(diags, "second", at(3, 4), "b");
	diag_error(diags, "fourth", at(40, 44), "d");
	const struct diag **sorted = diags_sorted(diags);
	cr_assert_str_eq(sorted[0]->id, "first");
	cr_assert_str_eq(sorted[1]->id, "second");
	cr_assert_str_eq(sorted[2]->id, "third");
	cr_assert_str_eq(sorted[3]->id, "fourth");
}

Test(diag, what_is_past_the_limit_is_counted)
{
	diags->limit = 2;
	for (int i = 0; i < 5; i++)
		diag_warning(diags, "w", at(0, 1), "warning")->help = "h";
	diag_error(diags, "e", at(1, 2), "error");
	cr_assert_eq(diags->list.count, 2);
	cr_assert_str_eq(diags_counts(diags), "1 error, 5 warnings");
	cr_assert(strstr(printed(print_plain), "error: error [e]"), "an error is not hidden by warnings");
	cr_assert(strstr(printed(print_plain), "and 4 more"));
}

Test(diag, counts_read_as_a_sentence)
{
	cr_assert_str_eq(diags_counts(diags), "no findings");
	diag_add(diags, DIAG_NOTE, "n", SPAN_NONE, "n");
	cr_assert_str_eq(diags_counts(diags), "1 note");
	diag_error(diags, "e", SPAN_NONE, "e");
	diag_error(diags, "e", SPAN_NONE, "e");
	cr_assert_str_eq(diags_counts(diags), "2 errors, 1 note");
}

Test(diag, long_lines_are_shown_around_the_span)
{
	char *text = arena_alloc(arena, 100001);
	memset(text, 'x', 100000);
	uint32_t index = sources_add(diags->sources, SOURCE_FILE, "l.msb", text, 100000);
	diag_error(diags, "e", (struct span){ index, 50000, 50003 }, "m %s", text);
	const char *shown = printed(print_plain);
	cr_assert_lt(strlen(shown), 2000);
	cr_assert(strstr(shown, "^^^"));
	cr_assert_not(strstr(shown, "^^^^"));
}

Test(diag, characters_without_width_do_not_fill_a_line)
{
	char *text = arena_alloc(arena, 100001);
	for (size_t i = 0; i < 100000; i += 2)
		memcpy(text + i, "\xcc\x81", 2); /* combining acute accents */
	uint32_t index = sources_add(diags->sources, SOURCE_FILE, "l.msb", text, 100000);
	diag_error(diags, "e", (struct span){ index, 50000, 50002 }, "m");
	cr_assert_lt(strlen(printed(print_plain)), 10000);
}

Test(diag, an_unquotable_source_is_not_shown)
{
	diags->sources->items[source]->quotable = false;
	struct diag *diag = diag_error(diags, "e", at(0, 7), "secret");
	diag->label = diag->example = diag->help = "secret";
	diag_relate(diags, diag, at(8, 12), "secret");
	cr_assert_str_eq(printed(print_plain),
			 "a.msb:1:1: error: what the file says is not shown: a link leads to it, out "
			 "of its directory [e]\n");
}

Test(diag, json_has_the_keys_of_the_schema)
{
	struct diag *diag = diag_error(diags, "bad-ports", at(36, 39), "\033[2J \xff");
	diag_relate(diags, diag, at(0, 7), "here");
	const char *text = printed(diags_print_json);
	for (const char *byte = text; *byte; byte++)
		cr_assert(*byte == '\n' || (*byte >= ' ' && *byte < 0x7f));
	json_t *document = json_loads(text, 0, NULL), *finding;
	cr_assert(document);
	cr_assert_eq(json_integer_value(json_object_get(document, "version")), 1);
	finding = json_array_get(json_object_get(document, "findings"), 0);
	cr_assert_str_eq(json_string_value(json_object_get(finding, "id")), "bad-ports");
	cr_assert_str_eq(json_string_value(json_object_get(finding, "level")), "error");
	cr_assert_str_eq(json_string_value(json_object_get(finding, "file")), "a.msb");
	cr_assert_eq(json_integer_value(json_object_get(finding, "line")), 2);
	cr_assert_eq(json_integer_value(json_object_get(finding, "column")), 17);
	cr_assert_eq(json_integer_value(json_object_get(finding, "endColumn")), 20);
	cr_assert_eq(json_array_size(json_object_get(finding, "related")), 1);
	json_decref(document);
}

Test(diag, github_commands_cannot_be_injected)
{
	diag_error(diags, "e", at(0, 7), "x\n::set-env name=A::%s", "%0A::b");
	const char *text = printed(diags_print_github);
	cr_assert_str_eq(text, "::error file=a.msb,line=1,col=1,endLine=1,endColumn=8,title=e::"
			       "x\\x0a::set-env name=A::%250A::b\n");
}

Test(diag, nearest_word)
{
	static const char *const words[] = { "egress", "ingress", "any", "dns", NULL };
	cr_assert_str_eq(diag_nearest("iegress", words), "egress");
	cr_assert_str_eq(diag_nearest("in", words), "any", "a distance of 2 is near, the first of two wins");
	cr_assert_str_eq(diag_nearest("dsn", words), "dns");
	cr_assert_null(diag_nearest("EGRESS", words));
	cr_assert_null(diag_nearest("", (const char *const[]){ "egress", NULL }));
	cr_assert_str_eq(diag_nearest("\303\251gress", words), "egress", "a character is one step, whatever its bytes");
	char long_word[5000];
	memset(long_word, 'a', sizeof long_word - 1);
	long_word[sizeof long_word - 1] = '\0';
	cr_assert_null(diag_nearest(long_word, words));
}
