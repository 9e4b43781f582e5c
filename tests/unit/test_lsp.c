/* The language server's small parts: places in texts, URIs, the words it knows. */
#include "lsp/positions.h"
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
