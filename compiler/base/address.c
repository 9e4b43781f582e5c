/* Addresses as text and bytes, and the classes semantics gives them. Given an address and the sandbox's
 * gateway, says what group it belongs to and whether rebind protection holds it back. */
#include "base/address.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>

static const char *const class_names[] = {
	[ADDR_CLASS_NONE] = "unspecified",      [ADDR_CLASS_PUBLIC] = "public",
	[ADDR_CLASS_PRIVATE] = "private",       [ADDR_CLASS_LOOPBACK] = "loopback",
	[ADDR_CLASS_LINK_LOCAL] = "link-local", [ADDR_CLASS_META] = "meta",
	[ADDR_CLASS_MULTICAST] = "multicast",   [ADDR_CLASS_HOST] = "host",
};
static_assert(sizeof class_names / sizeof *class_names == ADDR_CLASS_COUNT, "a name for each class");

const char *addr_class_name(enum addr_class class)
{
	return class_names[class];
}

bool addr_class_parse(const char *word, enum addr_class *out)
{
	for (int class = ADDR_CLASS_NONE + 1; class < ADDR_CLASS_COUNT; class ++)
		if (!strcmp(word, class_names[class])) {
			*out = (enum addr_class) class;
			return true;
		}
	return false;
}

/* ---- text ---- */

bool addr_parse(const char *text, struct addr *out)
{
	struct in_addr v4;
	struct in6_addr v6;

	/* glibc's inet_pton() takes dotted decimal without leading zeros only, and no zone */
	if (inet_pton(AF_INET, text, &v4) == 1)
		*out = addr_from_v4(v4);
	else if (inet_pton(AF_INET6, text, &v6) == 1)
		*out = addr_from_v6(&v6);
	else
		return false;
	return true;
}

/* Plain decimal: no sign, no leading zero, at most three digits */
static bool parse_len(const char *text, unsigned max, uint8_t *out)
{
	unsigned value = 0;
	size_t digits = strspn(text, "0123456789");

	if (!digits || digits > 3 || text[digits] || (text[0] == '0' && digits > 1))
		return false;
	for (; *text; text++)
		value = value * 10 + (unsigned)(*text - '0');
	if (value > max)
		return false;
	*out = (uint8_t)value;
	return true;
}

bool addr_prefix_parse(const char *text, struct addr_prefix *out)
{
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	char copy[INET6_ADDRSTRLEN + 1];
	struct addr_prefix prefix;

	if (len >= sizeof copy)
		return false;
	memcpy(copy, text, len);
	copy[len] = 0;
	if (!addr_parse(copy, &prefix.addr))
		return false;
	prefix.len = prefix.addr.family == ADDR_V4 ? 32 : 128;
	if (slash && !parse_len(slash + 1, prefix.len, &prefix.len))
		return false;
	*out = prefix;
	return true;
}

char *addr_format(struct addr addr, char buf[static ADDR_TEXT_MAX])
{
	uint8_t bytes[16];

	addr_to_bytes(addr, bytes);
	/* glibc writes IPv4-compatible addresses dotted; RFC 5952 (section 5) leaves that to known prefixes */
	if (addr.family == ADDR_V6 && addr.value >> 32 == 0 && addr.value > 0xffff)
		snprintf(buf, ADDR_TEXT_MAX, "::%x:%x", (unsigned)(addr.value >> 16) & 0xffff,
			 (unsigned)addr.value & 0xffff);
	else
		inet_ntop(addr.family == ADDR_V4 ? AF_INET : AF_INET6, bytes, buf, ADDR_TEXT_MAX);
	return buf;
}

char *addr_format_bracketed(struct addr addr, char buf[static ADDR_TEXT_MAX])
{
	char text[ADDR_TEXT_MAX];

	addr_format(addr, text);
	if (addr.family == ADDR_V4)
		snprintf(buf, ADDR_TEXT_MAX, "%s", text);
	else
		snprintf(buf, ADDR_TEXT_MAX, "[%.*s]", ADDR_TEXT_MAX - 3, text);
	return buf;
}

/* ---- bytes ---- */

void addr_to_bytes(struct addr addr, uint8_t out[static 16])
{
	int count = addr.family == ADDR_V4 ? 4 : 16;

	for (int i = 0; i < count; i++)
		out[i] = (uint8_t)(addr.value >> 8 * (count - 1 - i));
}

struct addr addr_from_v4(struct in_addr v4)
{
	return (struct addr){ ADDR_V4, ntohl(v4.s_addr) };
}

struct addr addr_from_v6(const struct in6_addr *v6)
{
	struct addr addr = { ADDR_V6, 0 };

	for (int i = 0; i < 16; i++)
		addr.value = addr.value << 8 | v6->s6_addr[i];
	return addr;
}

struct addr addr_from_sockaddr(const struct sockaddr *sockaddr)
{
	if (sockaddr->sa_family == AF_INET)
		return addr_from_v4(((const struct sockaddr_in *)sockaddr)->sin_addr);
	return addr_from_v6(&((const struct sockaddr_in6 *)sockaddr)->sin6_addr);
}

socklen_t addr_to_sockaddr(struct addr addr, uint16_t port, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof *out);
	if (addr.family == ADDR_V4) {
		struct sockaddr_in *in = (struct sockaddr_in *)out;
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		in->sin_addr.s_addr = htonl((uint32_t)addr.value);
		return sizeof *in;
	}
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	addr_to_bytes(addr, in6->sin6_addr.s6_addr);
	return sizeof *in6;
}

/* ---- what an address is ---- */

bool addr_equal(struct addr a, struct addr b)
{
	return a.family == b.family && a.value == b.value;
}

bool addr_is_unspecified(struct addr addr)
{
	return addr.value == 0;
}

bool addr_is_mapped(struct addr addr)
{
	return addr.family == ADDR_V6 && addr.value >> 32 == 0xffff;
}

struct addr addr_unmap(struct addr addr)
{
	if (!addr_is_mapped(addr))
		return addr;
	return (struct addr){ ADDR_V4, (uint32_t)addr.value };
}

bool addr_prefix_contains(struct addr_prefix prefix, struct addr addr)
{
	struct addr_range range = addr_prefix_range(prefix);

	return prefix.addr.family == addr.family && range.lo <= addr.value && addr.value <= range.hi;
}
