/* Sources: bounds of what is read, places, and the comments lint listens to. */
#include "base/source.h"
#include "base/escape.h"
#include "base/source_overlay.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct arena *arena;
static struct sources *sources;
static char root[64];

static void setup(void)
{
	arena = arena_new();
	sources = sources_new(arena);
	strcpy(root, "/tmp/msb-source.XXXXXX");
	cr_assert(mkdtemp(root));
}

static void teardown(void)
{
	const char *command = arena_printf(arena, "rm -rf '%s'", root);
	cr_assert_eq(system(command), 0);
	arena_free(arena);
}

static const char *path_of(const char *name)
{
	return arena_printf(arena, "%s/%s", root, name);
}

static void write_file(const char *name, const char *text, size_t len)
{
	FILE *file = fopen(path_of(name), "w");
	cr_assert(file);
	cr_assert_eq(fwrite(text, 1, len, file), len);
	fclose(file);
}

TestSuite(source, .init = setup, .fini = teardown);

static uint32_t add(const char *text)
{
	return sources_add(sources, SOURCE_FILE, "a.msb", text, strlen(text));
}

Test(source, places_count_characters)
{
	uint32_t index = add("first\n\ttäb x\n\nlast");
	struct span span = { index, 12, 13 }; /* the x: behind a tab and a two-byte character */
	struct place place = span_place(sources, span);
	cr_assert_eq(place.line, 2);
	cr_assert_eq(place.column, 6, "column %u", place.column);
	cr_assert_str_eq(span_format(arena, sources, (struct span){ index, 15, 19 }), "a.msb:4:1");
	cr_assert_str_eq(span_format_line(arena, sources, (struct span){ index, 14, 14 }), "a.msb:3");
	cr_assert_null(span_format(arena, sources, SPAN_NONE));
}

Test(source, places_past_the_end_are_the_end)
{
	uint32_t index = add("ab");
	struct place place = span_place(sources, (struct span){ index, 7, 9 });
	cr_assert_eq(place.line, 1);
	cr_assert_eq(place.column, 3);
	cr_assert_str_eq(span_text(arena, sources, (struct span){ index, 1, 9 }), "b");
}

Test(source, arguments_and_flags_have_no_line)
{
	uint32_t arg = sources_add(sources, SOURCE_ARG, "arg:2", "allow@x", 7);
	uint32_t flag = sources_add(sources, SOURCE_FLAG, "--net", "public", 6);
	cr_assert_str_eq(span_format(arena, sources, (struct span){ arg, 6, 7 }), "arg:2:7");
	cr_assert_str_eq(span_format(arena, sources, (struct span){ flag, 0, 6 }), "--net");
}

Test(source, names_are_escaped_where_they_are_shown)
{
	uint32_t index = sources_add(sources, SOURCE_FILE, "a\033[2J\n.msb", "x", 1);
	cr_assert_str_eq(span_format(arena, sources, (struct span){ index, 0, 1 }), "a\\x1b[2J\\x0a.msb:1:1");
}

Test(source, line_without_its_end)
{
	uint32_t index = add("one\r\ntwo\r\n");
	struct span line = span_line(sources, (struct span){ index, 6, 7 });
	cr_assert_str_eq(span_text(arena, sources, line), "two");
}

Test(source, reads_a_file_whole)
{
	uint32_t index;
	write_file("nul.msb", "a\0b\n", 4);
	cr_assert_eq(sources_load(sources, path_of("nul.msb"), NULL, &index), 0);
	cr_assert_eq(sources_get(sources, index)->len, 4);
	cr_assert(sources_get(sources, index)->quotable);
}

Test(source, refuses_what_is_no_regular_file)
{
	uint32_t index;
	cr_assert_eq(mkfifo(path_of("fifo"), 0600), 0);
	cr_assert_eq(sources_load(sources, path_of("fifo"), NULL, &index), -ENOTSUP);
	cr_assert_eq(sources_load(sources, "/dev/zero", NULL, &index), -ENOTSUP);
	cr_assert_eq(sources_load(sources, root, NULL, &index), -EISDIR);
	cr_assert_eq(sources_load(sources, path_of("none"), NULL, &index), -ENOENT);
	cr_assert_eq(sources->count, 0);
}

Test(source, refuses_too_large_a_file)
{
	uint32_t index;
	write_file("big", "", 0);
	cr_assert_eq(truncate(path_of("big"), (64 << 20) + 1), 0);
	cr_assert_eq(sources_load(sources, path_of("big"), NULL, &index), -EFBIG);
	cr_assert_eq(truncate(path_of("big"), (1 << 20) + 1), 0);
	cr_assert_eq(sources_load_include(sources, root, "big", "big", &index), -EFBIG);
	cr_assert_eq(truncate(path_of("big"), 1 << 20), 0);
	cr_assert_eq(sources_load_include(sources, root, "big", "big", &index), 0);
}

/* include-leak: nothing outside the tree is opened, whatever way the path takes */
Test(source, includes_stay_beneath_their_root)
{
	uint32_t index;
	const char *const escapes[] = { "/etc/hostname",      "../x",  "link", "away/hostname",
					"/proc/self/environ", "magic", "loop" };
	cr_assert_eq(mkdir(path_of("inside"), 0700), 0);
	write_file("inside/b.msb", "allow@dns\n", 10);
	cr_assert_eq(symlink("/etc/hostname", path_of("link")), 0);
	cr_assert_eq(symlink("/etc", path_of("away")), 0);
	cr_assert_eq(symlink("/proc/self/fd/0", path_of("magic")), 0);
	cr_assert_eq(symlink("loop", path_of("loop")), 0);
	cr_assert_eq(symlink("inside/b.msb", path_of("fine")), 0);
	for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++)
		cr_assert_eq(sources_load_include(sources, root, escapes[i], "x", &index), -EXDEV, "%s", escapes[i]);
	cr_assert_eq(mkfifo(path_of("fifo"), 0600), 0);
	cr_assert_eq(sources_load_include(sources, root, "fifo", "x", &index), -ENOTSUP);
	cr_assert_eq(sources->count, 0);
	cr_assert_eq(sources_load_include(sources, root, "inside/b.msb", "x", &index), 0);
	cr_assert_eq(sources_load_include(sources, root, "inside/../fine", "x", &index), 0);
}

Test(source, an_open_text_stands_for_its_file_where_that_could_be_read)
{
	uint32_t index = 0;
	write_file("base.msb", "file", 4);
	cr_assert_eq(symlink("base.msb", path_of("link.msb")), 0);
	struct source_overlay items[] = { { path_of("base.msb"), "text", 4 }, { path_of("new.msb"), "new", 3 } };
	struct source_overlays overlays = { items, 2, false };
	sources->overlays = &overlays;
	cr_assert_eq(sources_load(sources, path_of("base.msb"), NULL, &index), 0);
	cr_assert_str_eq(sources_get(sources, index)->text, "text");
	cr_assert_eq(sources_load_include(sources, root, "link.msb", "link.msb", &index), 0);
	cr_assert_str_eq(sources_get(sources, index)->text, "text");
	cr_assert_eq(sources_load_include(sources, root, "new.msb", "new.msb", &index), 0);
	cr_assert_str_eq(sources_get(sources, index)->text, "new");
	cr_assert_eq(mkdir(path_of("below"), 0755), 0);
	cr_assert_eq(sources_load_include(sources, path_of("below"), "../new.msb", "x", &index), -EXDEV);
	cr_assert_eq(sources_load_include(sources, path_of("below"), "../base.msb", "x", &index), -EXDEV);
	overlays.alone = true;
	write_file("other.msb", "file", 4);
	cr_assert_eq(sources_load(sources, path_of("other.msb"), NULL, &index), -ENOENT);
	cr_assert_eq(sources_load_include(sources, root, "other.msb", "x", &index), -ENOENT);
	cr_assert_eq(sources_load_include(sources, root, "../x", "x", &index), -EXDEV);
}

Test(source, a_link_out_of_its_directory_is_read_but_not_quoted)
{
	uint32_t index;
	cr_assert_eq(symlink("/etc/passwd", path_of("policy.msb")), 0);
	cr_assert_eq(sources_load(sources, path_of("policy.msb"), NULL, &index), 0);
	cr_assert_not(sources_get(sources, index)->quotable);
}

Test(source, path_beneath_a_root)
{
	cr_assert_eq(mkdir(path_of("a"), 0700), 0);
	cr_assert_eq(mkdir(path_of("a/b"), 0700), 0);
	cr_assert_eq(mkdir(path_of("ab"), 0700), 0);
	cr_assert_str_eq(source_path_beneath(arena, root, path_of("a/b")), "a/b");
	cr_assert_str_eq(source_path_beneath(arena, root, root), "");
	cr_assert_null(source_path_beneath(arena, path_of("a"), path_of("ab")));
	cr_assert_null(source_path_beneath(arena, path_of("a"), root));
	cr_assert_str_eq(source_path_beneath(arena, "/", "/tmp"), "tmp");
}

Test(source, lint_listens_to_comments_with_a_reason)
{
	uint32_t index = add("# lint: ignore no-dns by address only\n"
			     "allow@public\n"
			     "allow@dns  # lint: ignore no-dns why not\n"
			     "allow@host\n"
			     "# lint: ignore no-dns\n"
			     "allow@meta because \"x # lint: ignore no-dns no comment\"\n"
			     "allow@x#lint: ignore no-dns no comment\n");
	const bool wanted[] = { true, true, true, false, false, false, false };
	struct span comment;
	const struct source *source = sources_get(sources, index);
	for (uint32_t line = 0; line < 7; line++) {
		struct span span = { index, source->lines[line], source->lines[line] + 5 };
		cr_assert_eq(source_lint_ignored(sources, span, "no-dns", &comment), wanted[line], "line %u", line + 1);
		cr_assert_not(source_lint_ignored(sources, span, "no-effect", &comment));
	}
	cr_assert_not(source_lint_ignored(sources, SPAN_NONE, "no-dns", &comment));
}

Test(source, escaping_leaves_no_control_character)
{
	const char hostile[] = "a\033[31m\n::error::\xe2\x80\xae`|<b>\xff\"\\%";
	const char *const escaped[] = {
		escape_text(arena, hostile),          escape_nft_comment(arena, hostile),
		escape_github_data(arena, hostile),   escape_github_property(arena, hostile),
		escape_markdown_code(arena, hostile), escape_markdown_text(arena, hostile),
		escape_xml(arena, hostile),           escape_tap(arena, hostile),
	};
	for (size_t i = 0; i < sizeof escaped / sizeof *escaped; i++)
		for (const char *at = escaped[i]; *at; at++)
			cr_assert(*at >= ' ' && *at < 0x7f, "format %zu: %s", i, escaped[i]);
	cr_assert_str_eq(escape_github_property(arena, "a:b,c%d"), "a%3Ab%2Cc%25d");
	cr_assert_str_eq(escape_markdown_code(arena, "a`b"), "`` a`b ``");
	cr_assert_str_eq(escape_xml(arena, "<a & 'b'>"), "&lt;a &amp; &apos;b&apos;&gt;");
}

Test(source, nft_comments_fit)
{
	char long_text[400];
	memset(long_text, 'x', sizeof long_text - 1);
	long_text[sizeof long_text - 1] = '\0';
	const char *cut = escape_nft_comment(arena, long_text);
	cr_assert_eq(strlen(cut), 127);
	cr_assert_str_eq(cut + 125, "..");
	cr_assert_str_eq(escape_nft_comment(arena, "a\"b\\c\n"), "a?b?c?");
}
