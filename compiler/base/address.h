/* Addresses, prefixes, inclusive ranges and the seven address classes.
 * An address is a number in host order, so that ranges compare and subtract as numbers do. */
#pragma once
#include "base/arena.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

__extension__ typedef unsigned __int128 u128;

enum addr_family { ADDR_V4 = 4, ADDR_V6 = 6 };

struct addr {
	enum addr_family family;
	u128 value; /* an IPv4 address in the low 32 bits */
};

struct addr_prefix {
	struct addr addr; /* host bits as written: 10.1.2.3/8 keeps 10.1.2.3 */
	uint8_t len;      /* 0..32 or 0..128 */
};

/* lo <= hi, both of the set's family, both inside it */
struct addr_range {
	u128 lo, hi;
};

/* Sorted, disjoint, with a gap between neighbours: two sets are equal when their items are. */
struct addr_set {
	enum addr_family family;
	struct addr_range *items;
	size_t count, cap;
};

/* NAT64 prefixes of a network's own (RFC 6052), beside the well-known 64:ff9b::/96: disjoint, masked, of the lengths
 * 32, 40, 48, 56, 64, 96. The last `found` of them the network's resolver told (RFC 7050), nobody vouches for them: an
 * address in such a one is denied by what it carries, and never allowed by it. */
#define ADDR_NAT64_MAX 8
struct addr_nat64 {
	struct addr_prefix items[ADDR_NAT64_MAX];
	size_t count, found;
	bool well_known; /* the user named that one, too, which changes nothing but that no others need to be found out */
};
/* Adds a prefix that the user vouches for. NULL where it is in, or was; else why it cannot be one */
const char *addr_nat64_add(struct addr_nat64 *, struct addr_prefix);
/* Adds one that was found out, which must lie in what is public without it; NULL where it is in */
const char *addr_nat64_find(struct addr_nat64 *, struct addr_prefix);

/* The sandbox's gateway: its addresses are class host. Each family may be absent (has4, has6 false). The network
 * behind it may translate IPv6 to IPv4. */
/* A guest in a network that others made, as of a container engine: the gateway is that network's, on the other side of the packet
 * filter, and the guest has the addresses that it was given there. Lists are its owner's, and live as long as it. */
struct addr_pod {
	struct addr guest4, guest6;   /* where the gateway has the family */
	const struct addr *nodes;     /* the node's addresses: with the gateway what `host` names */
	const struct addr *resolvers; /* what the guest's resolv.conf names: asking them is asking the DNS proxy */
	size_t node_count, resolver_count;
};

struct addr_gateway {
	bool has4, has6;
	struct addr v4, v6;
	const struct addr_pod *pod; /* NULL: the guest's address is the one after the gateway's */
	struct addr_nat64 nat64;
	bool has_guest_mac; /* else it derives from the guest's address */
	uint8_t guest_mac[6];
};
/* Whether the address is one of the gateway's; gateway may be NULL */
bool addr_gateway_has(const struct addr_gateway *, struct addr);
/* Whether the address is the gateway's, or one that the guest was told to ask for names */
bool addr_gateway_resolves(const struct addr_gateway *, struct addr);
void addr_gateway_set(struct addr_gateway *, struct addr); /* the one of the address's family */
/* "V4,V6", either alone, "none". NULL, or why it is refused, *out unchanged */
const char *addr_gateway_parse(const char *text, struct addr_gateway *out);
#define ADDR_GATEWAY_DEFAULT "172.16.0.1,fd42:6d73:62::1" /* the first of the default pools */

/* Disjoint: an address has the first class of semantics that fits, or none (the unspecified ones). */
enum addr_class {
	ADDR_CLASS_NONE,
	ADDR_CLASS_PUBLIC,
	ADDR_CLASS_PRIVATE,
	ADDR_CLASS_LOOPBACK,
	ADDR_CLASS_LINK_LOCAL,
	ADDR_CLASS_META,
	ADDR_CLASS_MULTICAST,
	ADDR_CLASS_HOST,
	ADDR_CLASS_COUNT
};

/* "public", "link-local", …; "unspecified" for none */
const char *addr_class_name(enum addr_class);
/* false, *out unchanged, where `word` names no class ("unspecified" names none) */
bool addr_class_parse(const char *word, enum addr_class *out);

/* Text. Strict dotted decimal and RFC 4291 text, no zone, no leading zero in IPv4, no brackets. */
bool addr_parse(const char *text, struct addr *out);
bool addr_prefix_parse(const char *text, struct addr_prefix *out); /* "/len" may be absent: a single address */
#define ADDR_TEXT_MAX 64
/* RFC 5952 for IPv6, no brackets; returns buf */
char *addr_format(struct addr, char buf[static ADDR_TEXT_MAX]);
/* The address as a flow or a rule writes it: IPv6 in brackets */
char *addr_format_bracketed(struct addr, char buf[static ADDR_TEXT_MAX]);

bool addr_equal(struct addr, struct addr);
bool addr_is_unspecified(struct addr);
/* ::ffff:a.b.c.d becomes a.b.c.d; all else stays */
struct addr addr_unmap(struct addr);
bool addr_is_mapped(struct addr);

/* Where IPv6 carries IPv4: NAT64 64:ff9b::/96 and the network's own, 6to4 2002::/16 (RFC 3056), SIIT
 * ::ffff:0:0:0/96 (RFC 2765), IPv4-compatible ::/96 without :: and ::1 (RFC 4291). nat64 may be NULL: none of its own. */
struct addr_carried {
	struct addr v4;
	/* How many of its leading bits count: 32; less where bits 64 to 71, which RFC 6052 wants zero, are not, for then
	 * what is behind them is no IPv4 address's */
	uint8_t known;
	bool found; /* by a prefix that was found out */
};
/* What an address carries, mapped ones (::ffff:0:0/96) too; false, *out unchanged, where that is nothing */
bool addr_carries(struct addr, const struct addr_nat64 *, struct addr_carried *out);
/* The same where all of an IPv4 address is known */
bool addr_embedded_v4(struct addr, const struct addr_nat64 *, struct addr *out);
bool addr_prefix_takes_carried(struct addr_prefix v4, const struct addr_carried *);
/* In one of the network's own prefixes with bits 64 to 71 set: no address of RFC 6052's, though translators that do not
 * look may take it for one. Refused whatever the rules say. */
bool addr_is_malformed(struct addr, const struct addr_nat64 *);
/* The prefixes that carry an IPv4 prefix, mapped aside; returns how many */
#define ADDR_EMBEDDINGS_MAX (4 + ADDR_NAT64_MAX)
size_t addr_embedding_prefixes(struct addr_prefix v4, const struct addr_nat64 *,
			       struct addr_prefix out[static ADDR_EMBEDDINGS_MAX]);

enum addr_class addr_classify(struct addr, const struct addr_gateway *); /* gateway may be NULL */
/* Whether a rule on the group takes the address in: by its class; where a prefix that was found out has to do with that,
 * an allow only what is public with the prefix and without it, a deny what is of the group either way */
bool addr_group_takes(enum addr_class group, bool deny, struct addr, const struct addr_gateway *);
/* RFC 6890 and kin: what rebind protection holds back, embedded IPv4 by the IPv4 list; meta and host too */
bool addr_is_reserved(struct addr, const struct addr_gateway *);

/* Network order, and back */
void addr_to_bytes(struct addr, uint8_t out[static 16]); /* 4 or 16 bytes are written */
struct addr addr_from_v4(struct in_addr);
struct addr addr_from_v6(const struct in6_addr *);       /* not unmapped */
struct addr addr_from_sockaddr(const struct sockaddr *); /* AF_INET or AF_INET6 only */
socklen_t addr_to_sockaddr(struct addr, uint16_t port, struct sockaddr_storage *out);

/* Prefix arithmetic: the range a prefix covers once masked */
struct addr_range addr_prefix_range(struct addr_prefix);
bool addr_prefix_contains(struct addr_prefix, struct addr); /* families must agree */

/* Sets. Results belong to the arena; arguments stay as they are. */
struct addr_set addr_set_empty(enum addr_family);
struct addr_set addr_set_all(struct arena *, enum addr_family);
void addr_set_add(struct arena *, struct addr_set *, struct addr_range); /* keeps order and gaps */
/* Many at once, in any order, overlapping: O(n log n) */
struct addr_set addr_set_from_ranges(struct arena *, enum addr_family, const struct addr_range *, size_t count);
struct addr_set addr_set_union(struct arena *, const struct addr_set *, const struct addr_set *);
struct addr_set addr_set_intersect(struct arena *, const struct addr_set *, const struct addr_set *);
struct addr_set addr_set_subtract(struct arena *, const struct addr_set *, const struct addr_set *);
bool addr_set_contains(const struct addr_set *, u128 value); /* binary search; exported for tests only */
bool addr_set_equal(const struct addr_set *, const struct addr_set *);

/* Every address of `family` that has this class, as addr_classify() says (mapped addresses are no IPv6
 * addresses here: ::ffff:0:0/96 is in no class's IPv6 set). gateway may be NULL. */
struct addr_set addr_class_set(struct arena *, enum addr_class, enum addr_family, const struct addr_gateway *);
/* Every address of `family` that addr_group_takes() */
struct addr_set addr_group_set(struct arena *, enum addr_class group, bool deny, enum addr_family,
			       const struct addr_gateway *);
/* The IPv6 addresses that carry an IPv4 address of `v4` (mapped aside): what a deny on it takes in too. */
struct addr_set addr_embedding_set(struct arena *, const struct addr_set *v4, const struct addr_nat64 *);
struct addr_set addr_embedding_of(struct arena *, struct addr_prefix v4, const struct addr_nat64 *);
/* Every address of `family` that addr_is_reserved() holds back; mapped ones aside. gateway may be NULL. */
struct addr_set addr_reserved_set(struct arena *, enum addr_family, const struct addr_gateway *);
/* A range as the fewest prefixes, in order; out has room for 254. Returns how many. */
size_t addr_range_prefixes(enum addr_family, struct addr_range, struct addr_prefix *out);
