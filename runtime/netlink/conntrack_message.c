/* Sizes are looked at before bytes are: an attribute's is whatever the message says. */
#include "netlink/conntrack_message.h"

#include <linux/netfilter/nfnetlink.h>
#include <netinet/in.h>
#include <string.h>

void conntrack_message_start(struct conntrack_message *message, uint16_t type, uint16_t flags, uint8_t family)
{
	message->header = mnl_nlmsg_put_header(message->bytes);
	message->header->nlmsg_type = (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type);
	message->header->nlmsg_flags = NLM_F_REQUEST | flags;
	struct nfgenmsg *header = mnl_nlmsg_put_extra_header(message->header, sizeof *header);
	header->nfgen_family = family;
	header->version = NFNETLINK_V0;
}

static int take_attribute(const struct nlattr *attribute, void *context)
{
	struct conntrack_attributes *found = context;

	if (mnl_attr_get_type(attribute) <= CTA_MAX)
		found->of[mnl_attr_get_type(attribute)] = attribute;
	return MNL_CB_OK;
}

struct conntrack_attributes conntrack_attributes_of(const struct nlmsghdr *message)
{
	struct conntrack_attributes found = { 0 };

	mnl_attr_parse(message, sizeof(struct nfgenmsg), take_attribute, &found);
	return found;
}

struct conntrack_attributes conntrack_attributes_in(const struct nlattr *nest)
{
	struct conntrack_attributes found = { 0 };

	if (nest)
		mnl_attr_parse_nested(nest, take_attribute, &found);
	return found;
}

bool conntrack_address(const struct nlattr *v4, const struct nlattr *v6, struct addr *out)
{
	struct in6_addr in6;
	struct in_addr in;

	if (v4 && mnl_attr_get_payload_len(v4) == sizeof in) {
		memcpy(&in, mnl_attr_get_payload(v4), sizeof in);
		*out = addr_from_v4(in);
		return true;
	}
	if (v6 && mnl_attr_get_payload_len(v6) == sizeof in6) {
		memcpy(&in6, mnl_attr_get_payload(v6), sizeof in6);
		*out = addr_from_v6(&in6);
		return true;
	}
	return false;
}
