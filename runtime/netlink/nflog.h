/* Packets that the ruleset logs, as flows. */
#pragma once
#include "netlink/netlink.h"
#include "policy/policy.h"

/* A socket in the caller's network namespace, bound to the groups of refused and of logged packets. NULL and errno on
 * failure. */
struct nl *nflog_open(void);

struct nflog_packet {
	uint16_t group;
	struct addr destination;
	enum policy_proto proto;
	bool has_port;
	uint16_t source_port, port;
};
/* The next one, without waiting. 0, -EAGAIN where there is none, -ENOBUFS where some were lost before the next. */
int nflog_next(struct nl *, struct nflog_packet *out);
/* Network and transport header of `len` bytes that a guest may have made; false where they are cut short. Exported for
 * fuzzing */
bool nflog_parse(const uint8_t *packet, size_t len, struct nflog_packet *out);
