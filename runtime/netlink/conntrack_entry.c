/* Reading, marking and deleting single entries. What the kernel leaves out of a message of its own (bytes where nothing counts, a start
 * where nothing is stamped) is left out of the entry. */
#include "netlink/conntrack_entry.h"
#include "netlink/conntrack_message.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <string.h>

_Static_assert(CTA_PROTO_MAX <= CTA_MAX && CTA_PROTOINFO_TCP_MAX <= CTA_MAX && CTA_COUNTERS_MAX <= CTA_MAX &&
		       CTA_TIMESTAMP_MAX <= CTA_MAX,
	       "attributes have room");

/* A number of `size` bytes in network order; false: not there, or of another size */
static bool number_of(const struct nlattr *attribute, size_t size, uint64_t *out)
{
	if (!attribute || mnl_attr_get_payload_len(attribute) != size)
		return false;
	const uint8_t *bytes = mnl_attr_get_payload(attribute);
	*out = 0;
	for (size_t i = 0; i < size; i++)
		*out = *out << 8 | bytes[i];
	return true;
}

static uint64_t number_or_0(const struct nlattr *attribute, size_t size)
{
	uint64_t number;

	return number_of(attribute, size, &number) ? number : 0;
}

static void read_icmp(const struct conntrack_attributes *proto, struct conntrack_tuple *out)
{
	bool v4 = proto->of[CTA_PROTO_ICMP_ID] != NULL;
	uint64_t id = number_or_0(proto->of[v4 ? CTA_PROTO_ICMP_ID : CTA_PROTO_ICMPV6_ID], 2);
	uint64_t type = number_or_0(proto->of[v4 ? CTA_PROTO_ICMP_TYPE : CTA_PROTO_ICMPV6_TYPE], 1);
	uint64_t code = number_or_0(proto->of[v4 ? CTA_PROTO_ICMP_CODE : CTA_PROTO_ICMPV6_CODE], 1);

	out->sport = (uint16_t)id;
	out->dport = (uint16_t)(type << 8 | code);
}

static bool is_icmp(uint8_t proto)
{
	return proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;
}

static bool read_tuple(const struct nlattr *nest, struct conntrack_tuple *out)
{
	struct conntrack_attributes parts = conntrack_attributes_in(nest),
				    ip = conntrack_attributes_in(parts.of[CTA_TUPLE_IP]);
	struct conntrack_attributes proto = conntrack_attributes_in(parts.of[CTA_TUPLE_PROTO]);
	uint64_t number;

	*out = (struct conntrack_tuple){ 0 };
	if (!conntrack_address(ip.of[CTA_IP_V4_SRC], ip.of[CTA_IP_V6_SRC], &out->src) ||
	    !conntrack_address(ip.of[CTA_IP_V4_DST], ip.of[CTA_IP_V6_DST], &out->dst) ||
	    out->src.family != out->dst.family || !number_of(proto.of[CTA_PROTO_NUM], 1, &number))
		return false;
	out->proto = (uint8_t)number;
	out->sport = (uint16_t)number_or_0(proto.of[CTA_PROTO_SRC_PORT], 2);
	out->dport = (uint16_t)number_or_0(proto.of[CTA_PROTO_DST_PORT], 2);
	if (is_icmp(out->proto))
		read_icmp(&proto, out);
	return true;
}

static bool read_counters(const struct nlattr *nest, uint64_t *packets, uint64_t *bytes)
{
	struct conntrack_attributes counters = conntrack_attributes_in(nest);

	return number_of(counters.of[CTA_COUNTERS_PACKETS], 8, packets) &&
	       number_of(counters.of[CTA_COUNTERS_BYTES], 8, bytes);
}

static uint8_t tcp_state_of(const struct nlattr *info)
{
	struct conntrack_attributes protocols = conntrack_attributes_in(info),
				    tcp = conntrack_attributes_in(protocols.of[CTA_PROTOINFO_TCP]);

	return (uint8_t)number_or_0(tcp.of[CTA_PROTOINFO_TCP_STATE], 1);
}

static bool is_entry(const struct nlmsghdr *message)
{
	return (message->nlmsg_type == (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW) ||
		message->nlmsg_type == (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE)) &&
	       mnl_nlmsg_get_payload_len(message) >= sizeof(struct nfgenmsg);
}

bool conntrack_entry_read(const struct nlmsghdr *message, struct conntrack_entry *out)
{
	uint64_t id;

	*out = (struct conntrack_entry){ 0 };
	if (!is_entry(message))
		return false;
	struct conntrack_attributes found = conntrack_attributes_of(message);
	if (!found.of[CTA_TUPLE_ORIG] || !read_tuple(found.of[CTA_TUPLE_ORIG], &out->original) ||
	    !found.of[CTA_TUPLE_REPLY] || !read_tuple(found.of[CTA_TUPLE_REPLY], &out->reply))
		return false;
	out->mark = (uint32_t)number_or_0(found.of[CTA_MARK], 4);
	out->status = (uint32_t)number_or_0(found.of[CTA_STATUS], 4);
	out->has_id = number_of(found.of[CTA_ID], 4, &id);
	out->id = out->has_id ? (uint32_t)id : 0;
	out->tcp_state = tcp_state_of(found.of[CTA_PROTOINFO]);
	out->counted = read_counters(found.of[CTA_COUNTERS_ORIG], &out->packets[0], &out->bytes[0]) &&
		       read_counters(found.of[CTA_COUNTERS_REPLY], &out->packets[1], &out->bytes[1]);
	struct conntrack_attributes times = conntrack_attributes_in(found.of[CTA_TIMESTAMP]);
	out->began_ns = number_or_0(times.of[CTA_TIMESTAMP_START], 8);
	out->ended_ns = number_or_0(times.of[CTA_TIMESTAMP_STOP], 8);
	return true;
}

/* ---- messages ---- */

static void put_addresses(struct nlmsghdr *header, const struct conntrack_tuple *tuple)
{
	bool v4 = tuple->src.family == ADDR_V4;
	uint8_t bytes[16];

	struct nlattr *ip = mnl_attr_nest_start(header, CTA_TUPLE_IP);
	addr_to_bytes(tuple->src, bytes);
	mnl_attr_put(header, v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, v4 ? 4 : 16, bytes);
	addr_to_bytes(tuple->dst, bytes);
	mnl_attr_put(header, v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, v4 ? 4 : 16, bytes);
	mnl_attr_nest_end(header, ip);
}

static void put_icmp(struct nlmsghdr *header, const struct conntrack_tuple *tuple)
{
	bool v4 = tuple->proto == IPPROTO_ICMP;

	mnl_attr_put_u16(header, v4 ? CTA_PROTO_ICMP_ID : CTA_PROTO_ICMPV6_ID, htons(tuple->sport));
	mnl_attr_put_u8(header, v4 ? CTA_PROTO_ICMP_TYPE : CTA_PROTO_ICMPV6_TYPE, (uint8_t)(tuple->dport >> 8));
	mnl_attr_put_u8(header, v4 ? CTA_PROTO_ICMP_CODE : CTA_PROTO_ICMPV6_CODE, (uint8_t)tuple->dport);
}

static void put_tuple(struct nlmsghdr *header, const struct conntrack_tuple *tuple)
{
	struct nlattr *nest = mnl_attr_nest_start(header, CTA_TUPLE_ORIG);

	put_addresses(header, tuple);
	struct nlattr *proto = mnl_attr_nest_start(header, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(header, CTA_PROTO_NUM, tuple->proto);
	if (is_icmp(tuple->proto)) {
		put_icmp(header, tuple);
	} else {
		mnl_attr_put_u16(header, CTA_PROTO_SRC_PORT, htons(tuple->sport));
		mnl_attr_put_u16(header, CTA_PROTO_DST_PORT, htons(tuple->dport));
	}
	mnl_attr_nest_end(header, proto);
	mnl_attr_nest_end(header, nest);
}

static uint8_t family_of(const struct conntrack_tuple *tuple)
{
	return tuple->src.family == ADDR_V4 ? AF_INET : AF_INET6;
}

/* ---- the table ---- */

struct listing {
	int (*each)(const struct conntrack_entry *, void *);
	void *context;
	uint32_t mark, mask;
};

/* The kernel's filter by mark is not relied on alone. */
static int list_entry(const struct nlmsghdr *message, void *context)
{
	struct listing *listing = context;
	struct conntrack_entry entry;

	if (!conntrack_entry_read(message, &entry) || (entry.mark & listing->mask) != (listing->mark & listing->mask))
		return 0;
	return listing->each(&entry, listing->context);
}

int conntrack_entries(struct nl *nl, uint32_t mark, uint32_t mark_mask,
		      int (*each)(const struct conntrack_entry *, void *), void *context)
{
	struct listing listing = { each, context, mark, mark_mask };
	struct conntrack_message message;

	conntrack_message_start(&message, IPCTNL_MSG_CT_GET, NLM_F_DUMP, AF_UNSPEC);
	if (mark_mask) {
		mnl_attr_put_u32(message.header, CTA_MARK, htonl(mark));
		mnl_attr_put_u32(message.header, CTA_MARK_MASK, htonl(mark_mask));
	}
	return nl_query(nl, message.header, list_entry, &listing);
}

int conntrack_entry_set_mark(struct nl *nl, const struct conntrack_entry *entry, uint32_t mark)
{
	struct conntrack_message message;

	conntrack_message_start(&message, IPCTNL_MSG_CT_NEW, 0, family_of(&entry->original));
	put_tuple(message.header, &entry->original);
	mnl_attr_put_u32(message.header, CTA_MARK, htonl(mark));
	return nl_do(nl, message.header);
}

static int delete_entry(struct nl *nl, const struct conntrack_tuple *tuple, bool has_id, uint32_t id)
{
	struct conntrack_message message;

	conntrack_message_start(&message, IPCTNL_MSG_CT_DELETE, 0, family_of(tuple));
	put_tuple(message.header, tuple);
	if (has_id)
		mnl_attr_put_u32(message.header, CTA_ID, htonl(id));
	return nl_do(nl, message.header);
}

int conntrack_entry_delete(struct nl *nl, const struct conntrack_entry *entry)
{
	return delete_entry(nl, &entry->original, entry->has_id, entry->id);
}

int conntrack_tuple_delete(struct nl *nl, const struct conntrack_tuple *original)
{
	return delete_entry(nl, original, false, 0);
}

static int take_entry(const struct nlmsghdr *message, void *context)
{
	return conntrack_entry_read(message, context) ? 0 : -EBADMSG;
}

int conntrack_entry_get(struct nl *nl, const struct conntrack_tuple *original, struct conntrack_entry *out)
{
	struct conntrack_message message;

	conntrack_message_start(&message, IPCTNL_MSG_CT_GET, 0, family_of(original));
	put_tuple(message.header, original);
	return nl_get(nl, message.header, take_entry, out);
}
