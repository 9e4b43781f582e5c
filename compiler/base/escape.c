/* Escaping, one function a format. All formats begin with the terminal's form, so that no control character
 * and no bidirectional mark gets into any of them; each then escapes what is special to itself. */
#include "base/escape.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

#define NFT_COMMENT_MAX 127

/* Plain ASCII, as nearly everything is. */
static bool is_clean(const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)bytes[i] < 0x20 || (unsigned char)bytes[i] >= 0x7f)
			return false;
	return true;
}

const char *escape_terminal(struct arena *arena, const char *bytes, size_t len)
{
	if (is_clean(bytes, len))
		return arena_strndup(arena, bytes, len);
	char *text = arena_alloc(arena, len * 4 + 1), *out = text;
	for (size_t at = 0; at < len;) {
		uint32_t character;
		size_t size = utf8_decode(bytes + at, len - at, &character);
		if (size && utf8_printable(character)) {
			memcpy(out, bytes + at, size);
			out += size;
		} else {
			size = size ? size : 1;
			for (size_t i = 0; i < size; i++)
				out += sprintf(out, "\\x%02x", (unsigned char)bytes[at + i]);
		}
		at += size;
	}
	return text;
}

const char *escape_text(struct arena *arena, const char *text)
{
	return escape_terminal(arena, text, strlen(text));
}

const char *escape_nft_comment(struct arena *arena, const char *bytes)
{
	char *text = arena_alloc(arena, NFT_COMMENT_MAX + 1);
	size_t used = 0;
	for (; *bytes && used < NFT_COMMENT_MAX; bytes++) {
		bool plain = *bytes >= ' ' && *bytes < 0x7f && *bytes != '"' && *bytes != '\\';
		text[used++] = plain ? *bytes : '?';
	}
	if (*bytes)
		memcpy(text + NFT_COMMENT_MAX - 2, "..", 2);
	return text;
}

const char *escape_json(struct arena *arena, const char *text)
{
	size_t len = strlen(text);
	if (utf8_valid_prefix(text, len) == len)
		return arena_strndup(arena, text, len);
	return escape_terminal(arena, text, len);
}

/* `text` in the terminal's form, each character of `special` replaced by its entry of `replacement`. */
static const char *replace_special(struct arena *arena, const char *text, const char *special,
				   const char *const *replacement)
{
	size_t len = 0, longest = 1;
	text = escape_text(arena, text);
	for (size_t i = 0; special[i]; i++)
		if (strlen(replacement[i]) > longest)
			longest = strlen(replacement[i]);
	char *result = arena_alloc(arena, strlen(text) * longest + 1);
	for (; *text; text++) {
		const char *found = strchr(special, *text);
		size_t size = found ? strlen(replacement[found - special]) : 1;
		memcpy(result + len, found ? replacement[found - special] : text, size);
		len += size;
	}
	return result;
}

const char *escape_github_data(struct arena *arena, const char *text)
{
	return replace_special(arena, text, "%", (const char *const[]){ "%25" });
}

const char *escape_github_property(struct arena *arena, const char *text)
{
	return replace_special(arena, text, "%:,", (const char *const[]){ "%25", "%3A", "%2C" });
}

static size_t longest_backtick_run(const char *text)
{
	size_t longest = 0;
	for (; *text; text++) {
		size_t run = strspn(text, "`");
		if (run > longest)
			longest = run;
		if (run)
			text += run - 1;
	}
	return longest;
}

const char *escape_markdown_code(struct arena *arena, const char *text)
{
	/* In a table GitHub takes `|` for a cell's end, in a code span too, unless a backslash precedes it. */
	const char *inside = replace_special(arena, text, "|", (const char *const[]){ "\\|" });
	size_t ticks = longest_backtick_run(inside) + 1;
	char *fence = arena_alloc(arena, ticks + 1);
	memset(fence, '`', ticks);
	const char *pad = ticks > 1 || !*inside ? " " : "";
	return arena_printf(arena, "%s%s%s%s%s", fence, pad, inside, pad, fence);
}

const char *escape_markdown_text(struct arena *arena, const char *text)
{
	return replace_special(arena, text, "\\`*_{}[]<>()#+-.!|~&@:/",
			       (const char *const[]){ "\\\\", "\\`",  "\\*", "\\_",   "\\{",   "\\}",   "\\[",  "\\]",
						      "&lt;", "&gt;", "\\(", "\\)",   "\\#",   "\\+",   "\\-",  "\\.",
						      "\\!",  "\\|",  "\\~", "&amp;", "&#64;", "&#58;", "&#47;" });
}

const char *escape_xml(struct arena *arena, const char *text)
{
	return replace_special(arena, text, "&<>\"'",
			       (const char *const[]){ "&amp;", "&lt;", "&gt;", "&quot;", "&apos;" });
}

const char *escape_tap(struct arena *arena, const char *text)
{
	return replace_special(arena, text, "#", (const char *const[]){ "\\#" });
}
