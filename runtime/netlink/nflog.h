/* Packets that the ruleset logs, as flows. */
#pragma once
#include "policy/policy.h"

struct nflog;
/* In the caller's network namespace: the groups of refused and of logged packets. NULL and errno on failure. */
struct nflog *nflog_open(void);
void nflog_close(struct nflog *); /* NULL is fine */
int nflog_fd(const struct nflog *);

struct nflog_packet {
	uint16_t group;
	struct addr destination;
	enum policy_proto proto;
	bool has_port;
	uint16_t port;
};
/* The next one, without waiting. 0, -EAGAIN where there is none, -ENOBUFS where some were lost before the next. */
int nflog_next(struct nflog *, struct nflog_packet *out);
/* Network and transport header of `len` bytes that a guest may have made; false where there is no whole flow in them */
bool nflog_parse(const uint8_t *packet, size_t len, struct nflog_packet *out);
