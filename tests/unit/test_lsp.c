/* The language server's small parts: places in texts, URIs, the words it knows; and what findings' edits become. */
#include "lsp/lsp_state.h"
#include "lsp/uri.h"
#include "lsp/words.h"

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

TestSuite(lsp, .init = setup, .fini = teardown);

/* One of each length, every line end there is, a byte that is no UTF-8 */
static const char mixed[] = "a\u00e9\u6f22\U0001f642z\r\n\xff|\r\r\n\n";

Test(lsp, every_character_has_a_place_and_back)
{
	for (int encoding = LSP_UTF16; encoding <= LSP_UTF8; encoding++) {
		struct lsp_text *text = lsp_text_new(arena, mixed, sizeof mixed - 1, encoding);

		cr_assert_eq(text->count, 5);
		for (size_t at = 0; at < sizeof mixed; at++) {
			bool inside = ((unsigned char)mixed[at] & 0xc0) == 0x80;
			bool in_end = at && mixed[at] == '\n' && mixed[at - 1] == '\r';
			struct lsp_position position = lsp_text_position(text, at);

			if (!inside && !in_end)
				cr_expect_eq(lsp_text_offset(text, position), at, "encoding %d, byte %zu", encoding,
					     at);
		}
	}
}

Test(lsp, positions_count_in_the_agreed_unit)
{
	size_t z = (size_t)(strchr(mixed, 'z') - mixed);

	cr_assert_eq(lsp_text_position(lsp_text_new(arena, mixed, sizeof mixed - 1, LSP_UTF16), z).character, 5);
	cr_assert_eq(lsp_text_position(lsp_text_new(arena, mixed, sizeof mixed - 1, LSP_UTF8), z).character, 10);
}

Test(lsp, places_outside_are_the_nearest_inside)
{
	struct lsp_text *text = lsp_text_new(arena, mixed, sizeof mixed - 1, LSP_UTF16);

	cr_assert_eq(lsp_text_offset(text, (struct lsp_position){ 0, 99 }), (size_t)(strchr(mixed, '\r') - mixed));
	cr_assert_eq(lsp_text_offset(text, (struct lsp_position){ 99, 0 }), sizeof mixed - 1);
	/* between the two halves of the face */
	cr_assert_eq(lsp_text_offset(text, (struct lsp_position){ 0, 4 }), strlen("a\u00e9\u6f22"));
}

Test(lsp, uris_of_files)
{
	cr_assert_str_eq(uri_path(arena, "file:///a%20b/%C3%A9.msb"), "/a b/\u00e9.msb");
	cr_assert_str_eq(uri_path(arena, "file://localhost/a.msb"), "/a.msb");
	cr_assert_str_eq(uri_of_path(arena, "/a b/\u00e9.msb"), "file:///a%20b/%C3%A9.msb");
	static const char *const others[] = { "untitled:x", "file:x",      "file://elsewhere/x", "file:///a%00b",
					      "file:///%",  "file:///%g1", "file:///a%2",        "" };
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		cr_expect_null(uri_path(arena, others[i]), "%s", others[i]);
}

Test(lsp, every_word_of_the_language_has_a_meaning)
{
	for (enum word_place place = 0; place < WORD_PLACES; place++)
		for (size_t i = 0; word_at(place, i); i++)
			cr_expect(word_meaning(place, word_at(place, i)), "no meaning of `%s` in lsp/words.def",
				  word_at(place, i));
}

/* ---- edits of findings ---- */

static void ignore_answer(void *context, const char *bytes, size_t len)
{
	(void)context;
	(void)bytes;
	(void)len;
}

static void feed(struct lsp *lsp, const char *message)
{
	const char *framed = arena_printf(arena, "Content-Length: %zu\r\n\r\n%s", strlen(message), message);

	cr_assert(lsp_feed(lsp, framed, strlen(framed)));
}

#define EMOJI_POLICY "default egress deny # \\ud83d\\ude42\\r\\nallow@{a.org,b.org} log\\r\\n"

/* The actions of all of the document, as JSON, once `finding` was added to those there are */
static json_t *actions_with(struct lsp *lsp, void (*add)(struct lsp_view *))
{
	struct lsp_request request = { .arena = arena };
	json_t *params, *actions;
	struct lsp_view *view;

	feed(lsp, "{\"id\":1,\"method\":\"initialize\",\"params\":{}}");
	feed(lsp, "{\"method\":\"textDocument/didOpen\",\"params\":{\"textDocument\":{\"uri\":\"file:///a.msb\","
		  "\"text\":\"" EMOJI_POLICY "\"}}}");
	view = lsp_view(lsp, lsp_document(lsp, "file:///a.msb"));
	lsp_view_judge(lsp, view);
	view->diags->list.count = 0;
	add(view);
	params = json_pack("{s:{s:s}, s:{s:{s:i, s:i}, s:{s:i, s:i}}}", "textDocument", "uri", "file:///a.msb", "range",
			   "start", "line", 0, "character", 0, "end", "line", 9, "character", 0);
	request.params = params;
	actions = lsp_code_action(lsp, &request);
	cr_assert_eq(request.error, 0);
	json_decref(params);
	return actions;
}

static uint32_t place_of(const struct lsp_view *view, const char *word)
{
	const char *text = sources_get(view->sources, view->top)->text;

	return (uint32_t)(strstr(text, word) - text);
}

static void add_two_edits(struct lsp_view *view)
{
	uint32_t name = place_of(view, ",b.org"), log = place_of(view, " log");
	struct diag *diag = diag_warning(view->diags, "unreachable-part", (struct span){ view->top, name, name + 6 },
					 "decides nothing");

	diag->help = "allow@{a.org}";
	diag_edit(view->diags, diag, (struct span){ view->top, name, name + 6 }, "");
	diag_edit(view->diags, diag, (struct span){ view->top, log, log + 4 }, "  because \"\u00e9\"");
}

static void add_edit_of_an_option(struct lsp_view *view)
{
	uint32_t flag = sources_add(view->sources, SOURCE_FLAG, "--net", "x", 1), name = place_of(view, "b.org");
	struct diag *diag = diag_error(view->diags, "conflict", (struct span){ view->top, name, name }, "x");

	diag_edit(view->diags, diag, (struct span){ flag, 0, 1 }, "y");
}

static struct lsp *new_server(void)
{
	static struct policy_options policy;
	static const struct lsp_options options = { .policy = &policy, .alone = true };

	return lsp_new(&options, ignore_answer, NULL);
}

Test(lsp, the_edits_of_a_finding_are_one_action)
{
	struct lsp *lsp = new_server();
	json_t *actions = actions_with(lsp, add_two_edits), *mend = json_array_get(actions, 0);
	const json_t *edits =
		json_object_get(json_object_get(json_object_get(mend, "edit"), "changes"), "file:///a.msb");

	cr_assert_eq(json_array_size(actions), 2, "a mend, and to ignore it");
	cr_assert_str_eq(json_string_value(json_object_get(mend, "title")), "unreachable-part: allow@{a.org}");
	cr_assert(json_is_true(json_object_get(mend, "isPreferred")));
	json_t *wanted = json_pack("[{s:{s:{s:i, s:i}, s:{s:i, s:i}}, s:s}, {s:{s:{s:i, s:i}, s:{s:i, s:i}}, s:s}]",
				   "range", "start", "line", 1, "character", 12, "end", "line", 1, "character", 18,
				   "newText", "", "range", "start", "line", 1, "character", 19, "end", "line", 1,
				   "character", 23, "newText", "  because \"\u00e9\"");
	cr_assert(json_equal(edits, wanted), "%s", json_dumps(edits, 0));
	json_decref(wanted);
	json_decref(actions);
	lsp_free(lsp);
}

Test(lsp, what_is_mended_on_the_command_line_is_no_action)
{
	struct lsp *lsp = new_server();
	json_t *actions = actions_with(lsp, add_edit_of_an_option);

	cr_assert_eq(json_array_size(actions), 0);
	json_decref(actions);
	lsp_free(lsp);
}
