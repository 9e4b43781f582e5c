/* Domain names: from what a person, a flow or a DNS message holds to one canonical text, and matching by
 * whole labels. Rules are strict, queries are not: whatever a guest asks for is subject to the rules. */
#include "base/name.h"

#include <idn2.h>
#include <libpsl.h>
#include <stdlib.h>
#include <string.h>

enum { LABEL_MAX = 63, NAME_MAX_OCTETS = 253, WIRE_MAX = 255 };

static bool is_ascii(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text >= 0x80)
			return false;
	return true;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Internationalised text as A-labels (IDNA2008 over UTS 46), ASCII as it is; NULL where it is no name */
static const char *to_ascii(struct arena *arena, const char *text)
{
	char *converted = NULL;

	if (is_ascii(text))
		return text;
	int error = idn2_to_ascii_8z(text, &converted, IDN2_NONTRANSITIONAL);
	if (error == IDN2_MALLOC)
		arena_must(NULL);
	if (error != IDN2_OK)
		return NULL;
	const char *copy = arena_strdup(arena, converted);
	idn2_free(converted);
	return copy;
}

/* One label of a rule's name; NULL where it is fine, else why not */
static const char *label_fault(const char *label, size_t len)
{
	if (!len)
		return "a label is empty";
	if (len > LABEL_MAX)
		return "a label is longer than 63 octets";
	if (label[0] == '-')
		return "a label begins with a hyphen";
	for (size_t i = 0; i < len; i++) {
		char c = label[i];
		if (c == '\\')
			return "a rule's names have no escapes";
		if (c == '*')
			return "`*` stands alone, as the first label of a suffix";
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
			return "a name consists of letters, digits, `-`, `_` and dots";
	}
	return NULL;
}

static const char *name_fault(const char *name)
{
	if (!*name)
		return "the name is empty";
	if (strlen(name) > NAME_MAX_OCTETS)
		return "the name is longer than 253 octets";
	for (const char *label = name;; label++) {
		size_t len = strcspn(label, ".");
		const char *fault = label_fault(label, len);
		if (fault)
			return fault;
		label += len;
		if (!*label)
			break;
	}
	return name_looks_like_address(name) ? "it looks like an address and is none" : NULL;
}

const char *name_from_rule(struct arena *arena, const char *text, const char **why)
{
	*why = "the name is longer than 253 octets";
	if (strlen(text) >= NAME_TEXT_MAX)
		return NULL;
	text = to_ascii(arena, text);
	*why = "it is no internationalised name";
	if (!text)
		return NULL;
	text += strspn(text, ".");
	size_t len = strlen(text);
	while (len && text[len - 1] == '.')
		len--;
	char *name = arena_strndup(arena, text, len);
	for (char *c = name; *c; c++)
		*c = lower(*c);
	*why = name_fault(name);
	return *why ? NULL : name;
}

bool name_looks_like_address(const char *text)
{
	size_t end = strlen(text);

	while (end && text[end - 1] == '.')
		end--;
	size_t start = end;
	while (start && text[start - 1] != '.')
		start--;
	const char *last = text + start;
	size_t len = end - start;
	if (len >= 2 && last[0] == '0' && (last[1] == 'x' || last[1] == 'X'))
		return true;
	return len && strspn(last, "0123456789") >= len;
}

/* ---- queries ---- */

/* Writes one octet of a label in canonical form; returns where the next goes */
static char *put_octet(char *out, uint8_t octet)
{
	if (octet > 0x20 && octet < 0x7f && octet != '.' && octet != '\\') {
		*out = lower((char)octet);
		return out + 1;
	}
	*out++ = '\\';
	*out++ = (char)('0' + octet / 100);
	*out++ = (char)('0' + octet / 10 % 10);
	*out++ = (char)('0' + octet % 10);
	return out;
}

bool name_from_wire(const uint8_t *wire, size_t len, char out[static NAME_TEXT_MAX])
{
	const char *start = out;
	size_t at = 0;

	while (at < len && at < WIRE_MAX) {
		size_t label = wire[at++];
		if (!label) {
			*out = 0;
			return at == len;
		}
		if (label > LABEL_MAX || label > len - at || at + label >= WIRE_MAX)
			break;
		if (out != start)
			*out++ = '.';
		for (size_t end = at + label; at < end; at++)
			out = put_octet(out, wire[at]);
	}
	return false;
}

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

/* One octet of presentation form (RFC 1035 5.1: \DDD, \X); NULL where the escape is none */
static const char *take_octet(const char *text, uint8_t *octet)
{
	if (*text != '\\') {
		*octet = (uint8_t)*text;
		return text + 1;
	}
	if (digit(text[1]) && digit(text[2]) && digit(text[3])) {
		int value = (text[1] - '0') * 100 + (text[2] - '0') * 10 + (text[3] - '0');
		*octet = (uint8_t)value;
		return value > 255 ? NULL : text + 4;
	}
	*octet = (uint8_t)text[1];
	return !text[1] || digit(text[1]) ? NULL : text + 2;
}

/* Presentation form to wire labels; the length, or 0 where it is no name */
static size_t wire_from_text(const char *text, uint8_t wire[static WIRE_MAX + 1])
{
	size_t len = 0;

	if (!strcmp(text, "."))
		text++;
	while (*text) {
		size_t start = len++;
		while (*text && *text != '.') {
			uint8_t octet;
			if (len >= WIRE_MAX || !(text = take_octet(text, &octet)))
				return 0;
			wire[len++] = octet;
		}
		size_t label = len - start - 1;
		if (!label || label > LABEL_MAX || len >= WIRE_MAX)
			return 0;
		wire[start] = (uint8_t)label;
		text += *text == '.';
	}
	wire[len++] = 0;
	return len;
}

const char *name_from_query(struct arena *arena, const char *text)
{
	uint8_t wire[WIRE_MAX + 1];
	char name[NAME_TEXT_MAX];

	if (!*text || strlen(text) >= NAME_TEXT_MAX || !(text = to_ascii(arena, text)))
		return NULL;
	size_t len = wire_from_text(text, wire);
	if (!len || !name_from_wire(wire, len, name))
		return NULL;
	return arena_strdup(arena, name);
}

/* ---- matching ---- */

bool name_equal(const char *a, const char *b)
{
	return !strcmp(a, b);
}

bool name_has_suffix(const char *name, const char *suffix)
{
	size_t len = strlen(name), tail = strlen(suffix);

	if (len < tail || strcmp(name + len - tail, suffix) != 0)
		return false;
	/* an octet that is a dot is \046 in canonical text, so a dot always ends a label */
	return len == tail || name[len - tail - 1] == '.';
}

size_t name_longest_label(const char *name)
{
	size_t longest = 0, octets = 0;

	for (size_t i = 0; name[i]; i++) {
		/* a backslash is always followed by three digits */
		i += name[i] == '\\' && strnlen(name + i, 4) == 4 ? 3 : 0;
		octets = name[i] == '.' ? 0 : octets + 1;
		longest = octets > longest ? octets : longest;
	}
	return longest;
}

bool name_is_public_suffix(const char *name)
{
	const psl_ctx_t *list = psl_builtin();

	return list && psl_is_public_suffix2(list, name, PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE);
}
