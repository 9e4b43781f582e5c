/* Messages between the DNS worker and the supervisor over one SOCK_SEQPACKET pair. A message is one of these structs,
 * whole; the supervisor checks every field, since an attacker may run the worker. */
#pragma once
#include "base/address.h"
#include "core/nameserver.h"
#include "dns/dns_message.h"
#include "policy/policy.h"

enum dns_ask_kind {
	DNS_ASK_BIND = 1, /* answered by a dns_verdict once the kernel's sets hold the addresses */
	DNS_ASK_RESOLVER, /* may a server of the guest's choice be asked? It depends on bindings, which only the supervisor has */
	DNS_ASK_SOCKETS, /* towards servers; answered by a DNS_ORDER_SOCKETS with as many as there can be */
	DNS_TELL_QUERY,  /* a query, denied or where all are told; no answer to this and the next two */
	DNS_TELL_ANSWER,
	DNS_TELL_SERVER, /* one that never answers */
	DNS_TELL_OVER,   /* likewise: a query over a bound on lookups */
	DNS_TELL_POLICY, /* what has become of an order about a policy */
	DNS_ASK_NAME,    /* may queries for it wait for an answer? Answered by DNS_VERDICT_HELD or DNS_VERDICT_UNHELD */
};

struct dns_wire_addr {
	uint8_t family; /* 4 or 6 */
	uint8_t bytes[16];
};

struct dns_ask_bind {
	uint32_t kind, serial;
	uint8_t family; /* of the query: AAAA is 6, whatever the addresses */
	uint8_t count;
	uint8_t renews; /* it was answered, some time ago: the policy's least time has begun then, and is in ttl_ms */
	uint64_t ttl_ms;
	struct dns_wire_addr addrs[DNS_ANSWER_ADDRS];
	char name[NAME_TEXT_MAX]; /* canonical */
};

struct dns_ask_resolver {
	uint32_t kind, serial;
	uint8_t transport; /* enum flow_transport */
	struct dns_wire_addr addr;
};

struct dns_ask_name {
	uint32_t kind, serial;
	uint32_t tries; /* since the last word of it, at least one */
	char name[NAME_TEXT_MAX];
};

struct dns_ask_sockets {
	uint32_t kind;
	uint32_t place; /* enum upstream_place */
	uint32_t udp_count, tcp_count;
};

struct dns_tell {
	uint32_t kind;
	uint8_t transport;
	uint8_t bound;             /* of DNS_TELL_OVER: enum policy_dns_limit, names or rate */
	uint32_t untold;           /* of DNS_TELL_QUERY and _OVER: others before, which were not told */
	struct dns_wire_addr addr; /* of DNS_TELL_ANSWER */
	char name[NAME_TEXT_MAX];
};

struct dns_tell_server {
	uint32_t kind;
	uint32_t error; /* errno; ETIMEDOUT: silence; 0: no answer yet, which may mean nothing */
	uint16_t port;
	struct dns_wire_addr addr;
};

struct dns_tell_policy {
	uint32_t kind;
	uint32_t state; /* enum dns_policy_state */
	uint32_t offer; /* which it is about */
};
/* Of the policy that the worker was offered last; the worker tells the last three */
enum dns_policy_state {
	DNS_POLICY_NONE,
	DNS_POLICY_OFFERED,
	DNS_POLICY_SWITCHING,
	DNS_POLICY_READY,
	DNS_POLICY_REFUSED,
	DNS_POLICY_TAKEN
};

enum dns_verdict_kind { DNS_VERDICT_OK, DNS_VERDICT_FULL, DNS_VERDICT_REFUSED, DNS_VERDICT_HELD, DNS_VERDICT_UNHELD };
struct dns_verdict {
	uint32_t serial;
	uint32_t kind;
};

/* What the supervisor tells before a verdict or after; told apart from one by its length */
enum dns_order_kind {
	DNS_ORDER_SOCKETS = 1, /* of one place, after DNS_ASK_SOCKETS: descriptors come with it, UDP ones first */
	DNS_ORDER_SERVERS,     /* are to be asked instead of those before */
	DNS_ORDER_POLICY,      /* a bundle comes with it, to be made a policy of: a sealed memfd of `size` bytes */
	DNS_ORDER_SWITCH,      /* that policy is in force: from now on it judges */
	DNS_ORDER_FORGET,      /* it never will be */
};
struct dns_order {
	uint32_t kind;
	uint32_t place, udp_count, tcp_count; /* of DNS_ORDER_SOCKETS */
	uint64_t size;                        /* of DNS_ORDER_POLICY, */
	uint32_t offer;                       /* as is its number */
	uint32_t server_count;
	struct nameserver servers[NAMESERVERS_MAX];
};

/* Unanswered asks at most: so the supervisor's answers always fit the socket */
#define DNS_ASKS_MAX 32

static inline struct dns_wire_addr dns_wire_addr(struct addr addr)
{
	struct dns_wire_addr wire = { .family = (uint8_t)addr.family };
	addr_to_bytes(addr, wire.bytes);
	return wire;
}
