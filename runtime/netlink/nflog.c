/* nfnetlink_log: the kernel copies the first bytes of a packet, whose contents the guest chose. */
#include "netlink/nflog.h"
#include "lower/sandbox_net.h"
#include "policy/policy_facts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <stdio.h>
#include <string.h>

#define EXTENSIONS_MAX 8
#define LATER_PACKETS 100
#define LATER 1 /* hundredths of a second */
/* Where a group that nobody has is looked for */
#define FREE_FIRST 20000
#define FREE_COUNT 40000
#define FREE_STEP 271 /* away from the next sandbox's */
#define FREE_TRIES 64

static struct nlmsghdr *config_message(char *buffer, uint16_t group)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	message->nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	struct nfgenmsg *header = mnl_nlmsg_put_extra_header(message, sizeof *header);
	header->nfgen_family = AF_UNSPEC;
	header->version = NFNETLINK_V0;
	header->res_id = htons(group);
	return message;
}

/* Packets come at once, or when there are as many as LATER_PACKETS, at the latest after LATER. */
static int bind_group(struct nl *nl, uint16_t group, bool later)
{
	char buffer[256];
	struct nlmsghdr *message = config_message(buffer, group);
	struct nfulnl_msg_config_cmd bind = { .command = NFULNL_CFG_CMD_BIND };
	mnl_attr_put(message, NFULA_CFG_CMD, sizeof bind, &bind);
	int error = nl_do(nl, message);
	if (error < 0)
		return error;
	message = config_message(buffer, group);
	struct nfulnl_msg_config_mode mode = { .copy_mode = NFULNL_COPY_PACKET,
					       .copy_range = htonl(LOWER_LOG_SNAPLEN) };
	mnl_attr_put(message, NFULA_CFG_MODE, sizeof mode, &mode);
	mnl_attr_put_u32(message, NFULA_CFG_QTHRESH, htonl(later ? LATER_PACKETS : 1));
	mnl_attr_put_u32(message, NFULA_CFG_TIMEOUT, htonl(LATER));
	return nl_do(nl, message);
}

struct nl *nflog_open(void)
{
	struct nl *nl = nl_open(NETLINK_NETFILTER);
	int error = nl ? bind_group(nl, LOWER_LOG_GROUP, false) : -errno;
	if (error == 0)
		error = bind_group(nl, LOWER_ALLOW_LOG_GROUP, false);
	if (error == 0)
		return nl;
	nl_close(nl);
	errno = -error;
	return NULL;
}

static struct nl *open_one(uint16_t group, bool later)
{
	struct nl *nl = nl_open(NETLINK_NETFILTER);
	int error = nl ? bind_group(nl, group, later) : -errno;

	if (error == 0)
		return nl;
	nl_close(nl);
	errno = -error;
	return NULL;
}

struct nl *nflog_open_group(uint16_t group)
{
	return open_one(group, false);
}

struct nl *nflog_open_later(uint16_t group)
{
	return open_one(group, true);
}

/* Groups are few, and a host's own programs listen to low ones. EPERM: another socket has it. */
struct nl *nflog_open_free(uint32_t start, uint16_t *group)
{
	struct nl *nl = nl_open(NETLINK_NETFILTER);
	int error = nl ? -EBUSY : -errno;

	for (uint32_t i = 0; (error == -EBUSY || error == -EPERM) && nl && i < FREE_TRIES; i++) {
		*group = (uint16_t)(FREE_FIRST + (start + i * FREE_STEP) % FREE_COUNT);
		error = bind_group(nl, *group, false);
	}
	if (error == 0)
		return nl;
	nl_close(nl);
	errno = -error;
	return NULL;
}

/* ---- headers ---- */

static void transport(uint8_t protocol, const uint8_t *header, size_t len, bool first_fragment,
		      struct nflog_packet *out)
{
	out->proto = policy_proto_of_ip(protocol);
	out->has_port = (out->proto == PROTO_TCP || out->proto == PROTO_UDP) && first_fragment && len >= 4;
	out->source_port = out->has_port ? (uint16_t)(header[0] << 8 | header[1]) : 0;
	out->port = out->has_port ? (uint16_t)(header[2] << 8 | header[3]) : 0;
}

static bool parse_v4(const uint8_t *packet, size_t len, struct nflog_packet *out)
{
	size_t header = (packet[0] & 15) * 4u;
	struct in_addr source, destination;
	if (header < 20 || len < header)
		return false;
	memcpy(&source, packet + 12, sizeof source);
	memcpy(&destination, packet + 16, sizeof destination);
	out->source = addr_from_v4(source);
	out->destination = addr_from_v4(destination);
	bool first = ((packet[6] & 0x1f) << 8 | packet[7]) == 0;
	transport(packet[9], packet + header, len - header, first, out);
	return true;
}

/* Past hop-by-hop options, routing, destination options, authentication and fragment headers */
static bool parse_v6(const uint8_t *packet, size_t len, struct nflog_packet *out)
{
	struct in6_addr source, destination;
	if (len < 40)
		return false;
	memcpy(&source, packet + 8, sizeof source);
	memcpy(&destination, packet + 24, sizeof destination);
	out->source = addr_from_v6(&source);
	out->destination = addr_from_v6(&destination);
	uint8_t next = packet[6];
	size_t at = 40;
	bool first = true;
	for (int i = 0; i < EXTENSIONS_MAX; i++) {
		bool fragment = next == IPPROTO_FRAGMENT;
		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS &&
		    next != IPPROTO_AH && !fragment) {
			transport(next, packet + at, len - at, first, out);
			return true;
		}
		if (at + 8 > len)
			return false;
		if (fragment)
			first = ((packet[at + 2] << 8 | packet[at + 3]) & 0xfff8) == 0;
		size_t size = fragment ? 8 : next == IPPROTO_AH ? (packet[at + 1] + 2u) * 4 : (packet[at + 1] + 1u) * 8;
		next = packet[at];
		if (size > len - at)
			return false;
		at += size;
	}
	return false;
}

bool nflog_parse(const uint8_t *packet, size_t len, struct nflog_packet *out)
{
	if (len < 1)
		return false;
	switch (packet[0] >> 4) {
	case 4:
		return len >= 20 && parse_v4(packet, len, out);
	case 6:
		return parse_v6(packet, len, out);
	default:
		return false;
	}
}

struct logged {
	const struct nlattr *payload, *prefix;
};

static int find_parts(const struct nlattr *attribute, void *context)
{
	struct logged *logged = context;

	if (mnl_attr_get_type(attribute) == NFULA_PAYLOAD)
		logged->payload = attribute;
	if (mnl_attr_get_type(attribute) == NFULA_PREFIX && mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0)
		logged->prefix = attribute;
	return MNL_CB_OK;
}

/* The next packet's first bytes; in *out, the group it was logged to and the prefix */
static int next_payload(struct nl *nl, struct nflog_packet *out, const uint8_t **bytes, size_t *len)
{
	for (;;) {
		const struct nlmsghdr *message;
		int error = nl_next(nl, MSG_DONTWAIT, &message);
		if (error < 0)
			return error;
		if (message->nlmsg_type != (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET))
			continue;
		const struct nfgenmsg *header = mnl_nlmsg_get_payload(message);
		struct logged logged = { 0 };
		mnl_attr_parse(message, sizeof *header, find_parts, &logged);
		if (!logged.payload)
			continue;
		out->group = ntohs(header->res_id);
		snprintf(out->prefix, sizeof out->prefix, "%s", logged.prefix ? mnl_attr_get_str(logged.prefix) : "");
		*bytes = mnl_attr_get_payload(logged.payload);
		*len = mnl_attr_get_payload_len(logged.payload);
		return 0;
	}
}

int nflog_next(struct nl *nl, struct nflog_packet *out)
{
	const uint8_t *bytes;
	size_t len;
	int error;

	do
		error = next_payload(nl, out, &bytes, &len);
	while (error == 0 && !nflog_parse(bytes, len, out));
	return error;
}

int nflog_next_bytes(struct nl *nl, const uint8_t **bytes, size_t *len)
{
	struct nflog_packet packet;

	return next_payload(nl, &packet, bytes, len);
}
