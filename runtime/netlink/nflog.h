/* Packets that the ruleset logs, as flows. */
#pragma once
#include "netlink/netlink.h"
#include "policy/policy.h"

/* A socket in the caller's network namespace, bound to the groups of refused and of logged packets. NULL and errno on
 * failure. */
struct nl *nflog_open(void);
/* The same for one other group */
struct nl *nflog_open_group(uint16_t group);
/* … whose packets come some 10 ms later, several at once, and are read by nflog_next_bytes() */
struct nl *nflog_open_later(uint16_t group);

/* A socket in the caller's network namespace, bound to a group that nobody else there listens to, tried from a number on that
 * `start` leads to; its number in *group. NULL and errno on failure */
struct nl *nflog_open_free(uint32_t start, uint16_t *group);

#define NFLOG_PREFIX_MAX 16
struct nflog_packet {
	char prefix[NFLOG_PREFIX_MAX]; /* of the rule that logged it, or "" */
	uint16_t group;
	struct addr source, destination;
	enum policy_proto proto;
	bool has_port;
	uint16_t source_port, port;
};
/* The next one, without waiting. 0, -EAGAIN where there is none, -ENOBUFS where some were lost before the next. */
int nflog_next(struct nl *, struct nflog_packet *out);
/* The next one's first bytes, from its IP header on, until the next call; returns as nflog_next() */
int nflog_next_bytes(struct nl *, const uint8_t **bytes, size_t *len);
/* Network and transport header of `len` bytes that a guest may have made; false where they are cut short. Exported for
 * fuzzing */
bool nflog_parse(const uint8_t *packet, size_t len, struct nflog_packet *out);
