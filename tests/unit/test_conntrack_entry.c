/* An entry of conntrack's as the kernel tells it: what is there is read, what is not is left out, what is wrong is no entry. */
#include "netlink/conntrack_entry.h"
#include "netlink/conntrack_message.h"

#include <criterion/criterion.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static struct conntrack_message message;

static void put_tuple(uint16_t type, const char *src, const char *dst, uint8_t proto, uint16_t sport, uint16_t dport)
{
	struct addr from, to;
	uint8_t bytes[16];

	cr_assert(addr_parse(src, &from) && addr_parse(dst, &to));
	struct nlattr *nest = mnl_attr_nest_start(message.header, type);
	struct nlattr *ip = mnl_attr_nest_start(message.header, CTA_TUPLE_IP);
	addr_to_bytes(from, bytes);
	mnl_attr_put(message.header, from.family == ADDR_V4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC,
		     from.family == ADDR_V4 ? 4 : 16, bytes);
	addr_to_bytes(to, bytes);
	mnl_attr_put(message.header, to.family == ADDR_V4 ? CTA_IP_V4_DST : CTA_IP_V6_DST,
		     to.family == ADDR_V4 ? 4 : 16, bytes);
	mnl_attr_nest_end(message.header, ip);
	struct nlattr *of = mnl_attr_nest_start(message.header, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(message.header, CTA_PROTO_NUM, proto);
	mnl_attr_put_u16(message.header, CTA_PROTO_SRC_PORT, htons(sport));
	mnl_attr_put_u16(message.header, CTA_PROTO_DST_PORT, htons(dport));
	mnl_attr_nest_end(message.header, of);
	mnl_attr_nest_end(message.header, nest);
}

static void put_counters(uint16_t type, uint64_t packets, uint64_t bytes)
{
	struct nlattr *nest = mnl_attr_nest_start(message.header, type);

	mnl_attr_put_u64(message.header, CTA_COUNTERS_PACKETS, htobe64(packets));
	mnl_attr_put_u64(message.header, CTA_COUNTERS_BYTES, htobe64(bytes));
	mnl_attr_nest_end(message.header, nest);
}

static void put_tcp_state(uint8_t state)
{
	struct nlattr *info = mnl_attr_nest_start(message.header, CTA_PROTOINFO);
	struct nlattr *tcp = mnl_attr_nest_start(message.header, CTA_PROTOINFO_TCP);

	mnl_attr_put_u8(message.header, CTA_PROTOINFO_TCP_STATE, state);
	mnl_attr_nest_end(message.header, tcp);
	mnl_attr_nest_end(message.header, info);
}

static void start_tcp(void)
{
	conntrack_message_start(&message, IPCTNL_MSG_CT_NEW, 0, AF_INET);
	put_tuple(CTA_TUPLE_ORIG, "172.16.0.2", "93.184.216.34", IPPROTO_TCP, 40000, 443);
	put_tuple(CTA_TUPLE_REPLY, "93.184.216.34", "172.16.0.2", IPPROTO_TCP, 443, 40000);
}

Test(conntrack_entry, all_that_is_told_is_read)
{
	struct conntrack_entry entry;
	struct addr guest;

	start_tcp();
	put_tcp_state(TCP_CONNTRACK_ESTABLISHED);
	put_counters(CTA_COUNTERS_ORIG, 7, 1000);
	put_counters(CTA_COUNTERS_REPLY, 9, 1ull << 40);
	mnl_attr_put_u32(message.header, CTA_MARK, htonl(0x6d736209));
	mnl_attr_put_u32(message.header, CTA_ID, htonl(77));
	struct nlattr *times = mnl_attr_nest_start(message.header, CTA_TIMESTAMP);
	mnl_attr_put_u64(message.header, CTA_TIMESTAMP_START, htobe64(1795909248000000000ull));
	mnl_attr_nest_end(message.header, times);
	cr_assert(conntrack_entry_read(message.header, &entry));
	cr_assert(addr_parse("172.16.0.2", &guest) && addr_equal(entry.original.src, guest) &&
		  addr_equal(entry.reply.dst, guest));
	cr_assert_eq(entry.original.sport, 40000);
	cr_assert_eq(entry.original.dport, 443);
	cr_assert_eq(entry.original.proto, IPPROTO_TCP);
	cr_assert_eq(entry.tcp_state, TCP_CONNTRACK_ESTABLISHED);
	cr_assert(entry.counted && entry.has_id);
	cr_assert_eq(entry.packets[0], 7);
	cr_assert_eq(entry.bytes[1], 1ull << 40);
	cr_assert_eq(entry.mark, 0x6d736209);
	cr_assert_eq(entry.id, 77);
	cr_assert_eq(entry.began_ns, 1795909248000000000ull);
}

Test(conntrack_entry, what_is_not_told_is_left_out)
{
	struct conntrack_entry entry;

	start_tcp();
	put_counters(CTA_COUNTERS_ORIG, 7, 1000);
	cr_assert(conntrack_entry_read(message.header, &entry));
	cr_assert(!entry.counted && !entry.has_id, "one direction's bytes are not the flow's");
	cr_assert_eq(entry.began_ns, 0);
}

Test(conntrack_entry, what_lacks_a_tuple_or_has_two_families_is_none)
{
	struct conntrack_entry entry;

	conntrack_message_start(&message, IPCTNL_MSG_CT_NEW, 0, AF_INET);
	cr_assert_not(conntrack_entry_read(message.header, &entry));
	put_tuple(CTA_TUPLE_ORIG, "172.16.0.2", "93.184.216.34", IPPROTO_TCP, 1, 2);
	cr_assert_not(conntrack_entry_read(message.header, &entry));
	put_tuple(CTA_TUPLE_REPLY, "2001:db8::1", "172.16.0.2", IPPROTO_TCP, 2, 1);
	cr_assert_not(conntrack_entry_read(message.header, &entry));
	start_tcp();
	message.header->nlmsg_type++;
	cr_assert_not(conntrack_entry_read(message.header, &entry), "no entry but a deletion, say");
}

/* In memory of exactly its length, for the sanitizer, but that messages take whole words; the length it says is the one it has, as libmnl
 * sees to */
Test(conntrack_entry, a_message_may_be_cut_anywhere)
{
	struct conntrack_entry entry;

	start_tcp();
	put_tcp_state(TCP_CONNTRACK_ESTABLISHED);
	for (uint32_t len = sizeof(struct nlmsghdr); len < message.header->nlmsg_len; len++) {
		struct nlmsghdr *cut = calloc(1, MNL_ALIGN(len));
		memcpy(cut, message.bytes, len);
		cut->nlmsg_len = len;
		conntrack_entry_read(cut, &entry);
		free(cut);
	}
}
