/* Listing, counting and deleting conntrack's entries. A listing goes on over several reads, so what it finds is kept until its end. */
#include "netlink/conntrack.h"
#include "netlink/conntrack_message.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <string.h>

#define ROUNDS 4            /* a packet that is on its way makes an entry behind our back */
#define TUPLE_MAX 256       /* bytes: two addresses, protocol, ports, zone */
#define FILTER_BY_SOURCE 1u /* CTA_FILTER_F_CTA_IP_SRC of the kernel */

/* What an entry is deleted by */
struct entry {
	uint8_t family;
	bool has_id, has_zone;
	uint16_t zone; /* both in network order, as they came */
	uint32_t id;
	uint16_t tuple_len;
	uint8_t *tuple; /* the attribute's payload */
};

struct listing {
	struct arena *arena;
	const struct addr *sources; /* of one family */
	size_t source_count;
	LIST_OF(struct entry) entries;
	struct conntrack_flows *flows; /* where they are only counted */
};

/* ---- listing ---- */

static bool source_of(const struct nlattr *tuple, struct addr *out)
{
	struct conntrack_attributes parts = conntrack_attributes_in(tuple);
	struct conntrack_attributes ip = conntrack_attributes_in(parts.of[CTA_TUPLE_IP]);

	return conntrack_address(ip.of[CTA_IP_V4_SRC], ip.of[CTA_IP_V6_SRC], out);
}

static bool wanted(const struct listing *listing, const struct nlattr *tuple)
{
	struct addr source;

	if (mnl_attr_get_payload_len(tuple) > TUPLE_MAX || !source_of(tuple, &source))
		return false;
	for (size_t i = 0; i < listing->source_count; i++)
		if (addr_equal(source, listing->sources[i]))
			return true;
	return false;
}

static int list_entry(const struct nlmsghdr *message, void *context)
{
	struct listing *listing = context;

	if (message->nlmsg_type != (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW))
		return 0;
	const struct nfgenmsg *header = mnl_nlmsg_get_payload(message);
	struct conntrack_attributes found = conntrack_attributes_of(message);
	const struct nlattr *tuple = found.of[CTA_TUPLE_ORIG];
	if (!tuple || !wanted(listing, tuple))
		return 0;
	struct entry *entry = arena_push(listing->arena, &listing->entries);
	entry->family = header->nfgen_family;
	entry->tuple_len = mnl_attr_get_payload_len(tuple);
	entry->tuple = arena_alloc(listing->arena, entry->tuple_len);
	memcpy(entry->tuple, mnl_attr_get_payload(tuple), entry->tuple_len);
	entry->has_id = found.of[CTA_ID] != NULL;
	if (entry->has_id)
		entry->id = mnl_attr_get_u32(found.of[CTA_ID]);
	entry->has_zone = found.of[CTA_ZONE] != NULL;
	if (entry->has_zone)
		entry->zone = mnl_attr_get_u16(found.of[CTA_ZONE]);
	return 0;
}

/* Of IPv4, kernels since 5.8 list only what fits the filter, which is quicker where there are many; older ones list all. The
 * same filter for IPv6 lists all but what fits (seen on 6.18), so it is not asked for. */
static void put_filter(struct nlmsghdr *header, struct addr source)
{
	uint8_t bytes[16];

	addr_to_bytes(source, bytes);
	struct nlattr *tuple = mnl_attr_nest_start(header, CTA_TUPLE_ORIG);
	struct nlattr *ip = mnl_attr_nest_start(header, CTA_TUPLE_IP);
	mnl_attr_put(header, CTA_IP_V4_SRC, 4, bytes);
	mnl_attr_nest_end(header, ip);
	mnl_attr_nest_end(header, tuple);
	struct nlattr *filter = mnl_attr_nest_start(header, CTA_FILTER);
	mnl_attr_put_u32(header, CTA_FILTER_ORIG_FLAGS, FILTER_BY_SOURCE);
	mnl_attr_put_u32(header, CTA_FILTER_REPLY_FLAGS, 0);
	mnl_attr_nest_end(header, filter);
}

static int list(struct nl *nl, struct listing *listing, int (*each)(const struct nlmsghdr *, void *))
{
	bool v4 = listing->sources->family == ADDR_V4;
	struct conntrack_message message;

	conntrack_message_start(&message, IPCTNL_MSG_CT_GET, NLM_F_DUMP, v4 ? AF_INET : AF_INET6);
	if (v4)
		put_filter(message.header, *listing->sources);
	return nl_query(nl, message.header, each, listing);
}

/* ---- deleting ---- */

/* The message always has a tuple: without one it would delete all entries. */
static int forget(struct nl *nl, const struct entry *entry)
{
	struct conntrack_message message;

	conntrack_message_start(&message, IPCTNL_MSG_CT_DELETE, 0, entry->family);
	mnl_attr_put(message.header, CTA_TUPLE_ORIG | NLA_F_NESTED, entry->tuple_len, entry->tuple);
	if (entry->has_zone)
		mnl_attr_put_u16(message.header, CTA_ZONE, entry->zone);
	if (entry->has_id)
		mnl_attr_put_u32(message.header, CTA_ID, entry->id);
	int error = nl_do(nl, message.header);
	return error == -ENOENT ? 0 : error; /* it has ended by itself, and another may have its tuple */
}

/* One source of IPv4, or any number of IPv6 */
static int forget_sources(struct nl *nl, const struct addr *sources, size_t count, size_t *deleted)
{
	struct listing listing = { .arena = arena_new(), .sources = sources, .source_count = count };
	int error = -EAGAIN;

	for (int round = 0; error == -EAGAIN && round < ROUNDS; round++) {
		listing.entries.count = 0;
		error = list(nl, &listing, list_entry);
		for (size_t i = 0; error == 0 && i < listing.entries.count; i++)
			error = forget(nl, &listing.entries.items[i]);
		*deleted += error == 0 ? listing.entries.count : 0;
		if (error == 0 && listing.entries.count)
			error = -EAGAIN; /* until none is found */
	}
	arena_free(listing.arena);
	return error;
}

int conntrack_forget(struct nl *nl, const struct addr *sources, size_t count, size_t *deleted)
{
	int first = 0;
	size_t i = 0;

	*deleted = 0;
	for (; i < count && sources[i].family == ADDR_V4; i++) {
		int error = forget_sources(nl, &sources[i], 1, deleted);
		first = first ? first : error;
	}
	int error = i < count ? forget_sources(nl, &sources[i], count - i, deleted) : 0;
	return first ? first : error;
}

/* ---- counting ---- */

static uint8_t byte_of(const struct nlattr *attribute)
{
	return attribute && mnl_attr_get_payload_len(attribute) == 1 ? mnl_attr_get_u8(attribute) : 0;
}

static uint8_t protocol_of(const struct nlattr *tuple)
{
	struct conntrack_attributes parts = conntrack_attributes_in(tuple);
	struct conntrack_attributes proto = conntrack_attributes_in(parts.of[CTA_TUPLE_PROTO]);

	return byte_of(proto.of[CTA_PROTO_NUM]);
}

/* nf_conncount.c, already_closed() */
static bool has_ended(const struct nlattr *info)
{
	struct conntrack_attributes protocols = conntrack_attributes_in(info);
	struct conntrack_attributes tcp = conntrack_attributes_in(protocols.of[CTA_PROTOINFO_TCP]);
	uint8_t state = byte_of(tcp.of[CTA_PROTOINFO_TCP_STATE]);
	return state == TCP_CONNTRACK_TIME_WAIT || state == TCP_CONNTRACK_CLOSE;
}

static int count_entry(const struct nlmsghdr *message, void *context)
{
	struct listing *listing = context;

	if (message->nlmsg_type != (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW))
		return 0;
	struct conntrack_attributes found = conntrack_attributes_of(message);
	const struct nlattr *tuple = found.of[CTA_TUPLE_ORIG];
	if (!tuple || !wanted(listing, tuple))
		return 0;
	uint8_t proto = protocol_of(tuple);
	if (proto == IPPROTO_UDP)
		listing->flows->udp++;
	else if (proto == IPPROTO_TCP && !has_ended(found.of[CTA_PROTOINFO]))
		listing->flows->tcp++;
	return 0;
}

int conntrack_count(struct nl *nl, const struct addr *sources, size_t count, struct conntrack_flows *flows)
{
	int error = 0;

	*flows = (struct conntrack_flows){ 0 };
	for (size_t i = 0; error == 0 && i < count;) {
		size_t together = sources[i].family == ADDR_V4 ? 1 : count - i;
		struct listing listing = { .sources = &sources[i], .source_count = together, .flows = flows };
		error = list(nl, &listing, count_entry);
		i += together;
	}
	return error;
}
