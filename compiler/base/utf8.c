/* UTF-8 decoding, and the ranges that decide what prints. */
#include "base/utf8.h"

size_t utf8_decode(const char *bytes, size_t len, uint32_t *out)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	if (!len)
		return 0;
	unsigned char lead = (unsigned char)bytes[0];
	size_t size = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
	if (!size || size > len)
		return 0;
	uint32_t character = size == 1 ? lead : lead & (0x7fu >> size);
	for (size_t i = 1; i < size; i++) {
		unsigned char next = (unsigned char)bytes[i];
		if ((next & 0xc0) != 0x80)
			return 0;
		character = character << 6 | (next & 0x3f);
	}
	if (character < least[size] || character > 0x10ffff || (character >= 0xd800 && character <= 0xdfff))
		return 0;
	*out = character;
	return size;
}

size_t utf8_count(const char *bytes, size_t len)
{
	size_t count = 0;
	for (size_t at = 0; at < len; count++) {
		uint32_t character;
		size_t size = utf8_decode(bytes + at, len - at, &character);
		at += size ? size : 1;
	}
	return count;
}

size_t utf8_valid_prefix(const char *bytes, size_t len)
{
	size_t at = 0;
	while (at < len) {
		uint32_t character;
		size_t size = utf8_decode(bytes + at, len - at, &character);
		if (!size)
			break;
		at += size;
	}
	return at;
}

struct range {
	uint32_t lo, hi;
};

static bool in_ranges(const struct range *ranges, size_t count, uint32_t character)
{
	for (size_t i = 0; i < count; i++)
		if (character >= ranges[i].lo && character <= ranges[i].hi)
			return true;
	return false;
}

bool utf8_printable(uint32_t character)
{
	static const struct range hidden[] = {
		{ 0x0000, 0x001f },    { 0x007f, 0x009f }, /* controls, C0 and C1 */
		{ 0x00ad, 0x00ad },                        /* soft hyphen */
		{ 0x034f, 0x034f },    { 0x115f, 0x1160 }, /* grapheme joiner, Hangul fillers */
		{ 0x061c, 0x061c },                        /* Arabic letter mark */
		{ 0x180b, 0x180f },                        /* Mongolian selectors */
		{ 0x200b, 0x200f },    { 0x2028, 0x202e }, /* zero width, direction marks, line separators */
		{ 0x2060, 0x206f },                        /* invisible operators, isolates */
		{ 0x3164, 0x3164 },    { 0xffa0, 0xffa0 }, /* fillers */
		{ 0xd800, 0xf8ff },                        /* surrogates, private use */
		{ 0xfe00, 0xfe0f },    { 0xfeff, 0xfeff }, /* variation selectors, byte order mark */
		{ 0xfff0, 0xffff },                        /* specials */
		{ 0xe0000, 0x10ffff },                     /* tags, private planes */
	};
	return !in_ranges(hidden, sizeof hidden / sizeof *hidden, character);
}

unsigned utf8_width(uint32_t character)
{
	static const struct range combining[] = {
		{ 0x0300, 0x036f }, { 0x0483, 0x0489 }, { 0x0591, 0x05bd }, { 0x0610, 0x061a },
		{ 0x064b, 0x065f }, { 0x0e34, 0x0e3a }, { 0x0e47, 0x0e4e }, { 0x1ab0, 0x1aff },
		{ 0x1dc0, 0x1dff }, { 0x20d0, 0x20ff }, { 0x3099, 0x309a }, { 0xfe20, 0xfe2f },
	};
	static const struct range wide[] = {
		{ 0x1100, 0x115f },   { 0x2e80, 0x303e },   { 0x3041, 0xa4cf },   { 0xa960, 0xa97f },
		{ 0xac00, 0xd7a3 },   { 0xf900, 0xfaff },   { 0xfe30, 0xfe6f },   { 0xff00, 0xff60 },
		{ 0xffe0, 0xffe6 },   { 0x1f300, 0x1f64f }, { 0x1f680, 0x1f6ff }, { 0x1f900, 0x1f9ff },
		{ 0x20000, 0x3fffd },
	};
	if (character < 0x300)
		return 1;
	if (in_ranges(combining, sizeof combining / sizeof *combining, character))
		return 0;
	return in_ranges(wide, sizeof wide / sizeof *wide, character) ? 2 : 1;
}
