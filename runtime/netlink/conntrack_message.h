/* What is common to ctnetlink's messages: their head, and their attributes by type. */
#pragma once
#include "base/address.h"

#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <stdbool.h>

struct conntrack_message {
	_Alignas(struct nlmsghdr) uint8_t bytes[1024];
	struct nlmsghdr *header;
};

/* type: IPCTNL_MSG_CT_…; flags besides NLM_F_REQUEST */
void conntrack_message_start(struct conntrack_message *, uint16_t type, uint16_t flags, uint8_t family);

/* By their type, up to CTA_MAX, the longest enumeration of those that are read; NULL: not there */
struct conntrack_attributes {
	const struct nlattr *of[CTA_MAX + 1];
};
struct conntrack_attributes conntrack_attributes_of(const struct nlmsghdr *);
/* Of a nest; none where that is NULL */
struct conntrack_attributes conntrack_attributes_in(const struct nlattr *nest);
/* An address by its attribute of either family, each of which may be NULL; false: there is none of the right size */
bool conntrack_address(const struct nlattr *v4, const struct nlattr *v6, struct addr *out);
