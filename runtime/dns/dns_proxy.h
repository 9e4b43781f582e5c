/* Inside the DNS worker: what its parts share. One process, one thread, one epoll loop.
 *
 * A *client* query waits on a *lookup*; equal questions share one, so that many equal queries cannot be in flight
 * at once (which would make guessing an answer's id easier) and a flood costs one exchange. A lookup moves
 *
 *   RESOLVER -> UDP -> TCP -> BIND -> done
 *
 * forwards only. It skips RESOLVER unless the guest chose the server, TCP unless the answer was truncated, folded the
 * case of letters, or the guest's own resolver was asked over TCP; BIND unless the question is A or AAAA. It never goes
 * from BIND back to a server, and no answer to a client is written before BIND is over.
 *
 * clients, query, lookup and upstream call each other in a circle, since one event goes all the way: a client's message
 * becomes a query, that a lookup, that an exchange with upstream; its answer goes back to the lookup and to the clients. */
#pragma once
#include "core/timers.h"
#include "dns/dns.h"
#include "dns/dns_protocol.h"

#include <netinet/in.h>
#include <stdio.h>

#define PROXY_MAX_LOOKUPS 4096
#define PROXY_MAX_WAITERS 8192
#define PROXY_MAX_CLIENTS 128    /* TCP connections of the guest's */
#define PROXY_CLIENT_PIPELINE 64 /* unanswered queries on one, before its next is read */
#define PROXY_CLIENT_IDLE_MS 10000
#define UPSTREAM_UDP_SOCKETS 192 /* a place; a lookup has one for itself while there are */
#define UPSTREAM_UDP_SHARE 32    /* lookups on one socket, once there are no more */
#define UPSTREAM_TCP_SOCKETS 32  /* a place */

/* Where a socket lives and what it speaks; sockets of one place are alike */
enum upstream_place { PLACE_VM4, PLACE_VM6, PLACE_HOST4, PLACE_HOST6, PLACE_COUNT };

/* Descriptors made by the supervisor; -1 and 0 where there are none */
struct proxy_sockets {
	int control;
	int udp4, udp6, tcp4, tcp6; /* listeners, transparent */
	int udp[PLACE_COUNT][UPSTREAM_UDP_SOCKETS];
	int tcp[PLACE_COUNT][UPSTREAM_TCP_SOCKETS];
	size_t udp_count[PLACE_COUNT], tcp_count[PLACE_COUNT];
};

struct proxy_config {
	const struct policy *policy;
	struct addr_gateway gateway;
	struct nameserver servers[NAMESERVERS_MAX];
	size_t server_count;
};

/* ---- where an answer goes ---- */
struct client_ref {
	bool tcp;
	uint32_t slot, generation; /* of a TCP connection */
	struct sockaddr_in6 peer;  /* of a UDP client; a sockaddr_in where its family says so */
	struct addr asked;         /* the address it sent to, which answers it */
};

struct waiter {
	struct waiter *next;
	struct dns_query query;
	struct client_ref client;
};

/* ---- upstream ---- */
struct server_ref {
	struct addr addr;
	uint16_t port;
	enum upstream_place place;
};

enum lookup_state { LOOKUP_RESOLVER, LOOKUP_UDP, LOOKUP_TCP_QUEUED, LOOKUP_TCP, LOOKUP_ASK_QUEUED, LOOKUP_BIND };
/* What answers the waiters after BIND */
enum lookup_result { RESULT_ANSWER, RESULT_EMPTY, RESULT_ALIAS };

struct lookup_key {
	struct dns_question question; /* folded */
	bool direct;                  /* asked of `resolver`, over `transport`, which the guest chose */
	enum flow_transport transport;
	struct addr resolver;
};

struct lookup {
	struct lookup *next;    /* in its bucket */
	struct lookup *queued;  /* the next that waits for a TCP socket, or to ask the supervisor */
	struct lookup *sharing; /* the next on the same UDP socket */
	struct lookup_key key;
	enum lookup_state state;
	struct waiter *waiters;
	struct timer timer;
	bool resent;   /* half of the timeout has passed once */
	size_t server; /* index, unless direct */
	struct dns_question asked;
	uint16_t id;
	struct udp_slot *udp;
	struct tcp_slot *tcp;
	enum lookup_result result;
	ldns_pkt *answer;  /* of RESULT_ANSWER */
	uint32_t age;      /* seconds, of an answer from the cache */
	struct addr alias; /* of RESULT_ALIAS */
	struct dns_addresses addresses;
	uint64_t ttl_ms;
	uint32_t serial;
};

struct udp_slot {
	int fd;
	enum upstream_place place;
	struct server_ref server; /* connected to, while lookups > 0 */
	struct lookup *first;
	size_t lookups;
	struct udp_slot *next_free;
};

struct tcp_slot {
	int fd;
	enum upstream_place place;
	struct lookup *lookup; /* NULL: free */
	uint32_t generation;
	uint8_t out[2 + DNS_UPSTREAM_MAX];
	size_t out_len, sent;
	uint8_t length[2];
	uint8_t *in;
	size_t in_len, got; /* got counts the two octets of the length too */
	struct tcp_slot *next_free;
};

struct client; /* dns_clients.c */
struct cache;  /* dns_cache.c */

struct proxy {
	struct proxy_config config;
	struct eval_context context;
	struct arena *arena; /* holds texts of rules and places */
	int epoll, control, udp4, udp6, tcp4, tcp6;
	uint64_t now_ms;
	struct timers half_timeouts, idle_clients;
	struct lookup *buckets[PROXY_MAX_LOOKUPS];
	uint64_t seed;
	size_t lookups, waiters;
	struct lookup *ask_head, **ask_tail; /* wait to ask the supervisor */
	size_t asks;                         /* of it, unanswered */
	uint32_t serial;
	struct lookup *asked[DNS_ASKS_MAX];
	struct udp_slot *udp_slots[PLACE_COUNT], *udp_free[PLACE_COUNT];
	size_t udp_count[PLACE_COUNT];
	struct tcp_slot *tcp_slots[PLACE_COUNT], *tcp_free[PLACE_COUNT];
	size_t tcp_count[PLACE_COUNT];
	struct lookup *tcp_head[PLACE_COUNT], **tcp_tail[PLACE_COUNT]; /* wait for a socket */
	struct client *clients, *dirty_clients;
	struct reasons *reasons;
	struct cache *cache;
	uint8_t random[4096];
	size_t random_left;
};

/* dns_proxy.c: the loop. Takes the sockets over, whatever comes of it. NULL where memory or epoll is short. */
struct proxy *proxy_new(const struct proxy_config *, const struct proxy_sockets *);
void proxy_free(struct proxy *); /* the worker itself just exits: for a failed start, and fuzzing */
/* One turn: waits for events at most `most_ms` (-1: as long as it takes) and handles them. 0, or -errno when the control
 * socket is closed. */
int proxy_turn(struct proxy *, int most_ms);

/* dns_random.c */
void proxy_random(struct proxy *, void *out, size_t len);

/* dns_query.c: a guest's message, from a client; replies, or starts or joins a lookup. false: it is dropped, no answer
 * will come. */
bool proxy_query(struct proxy *, const uint8_t *message, size_t len, const struct client_ref *);

/* What an event of the loop is about, in epoll's 64 bits. A slot may be freed and taken anew between an event's being
 * fetched and its turn: the generation, which changes with each use of a slot, tells whose it was. */
union proxy_event {
	struct {
		uint32_t generation; /* of a connection */
		uint16_t index;      /* of a slot; of a listener 4 or 6 */
		uint8_t place;       /* enum upstream_place, of upstream's slots */
		uint8_t kind;
	};
	uint64_t u64;
};
enum proxy_event_kind {
	EVENT_CONTROL,
	EVENT_UDP_CLIENTS,
	EVENT_TCP_LISTENER,
	EVENT_CLIENT,
	EVENT_UPSTREAM_UDP,
	EVENT_UPSTREAM_TCP
};
static inline uint64_t proxy_event(enum proxy_event_kind kind, enum upstream_place place, size_t index,
				   uint32_t generation)
{
	return (union proxy_event){ { generation, (uint16_t)index, (uint8_t)place, (uint8_t)kind } }.u64;
}

/* dns_clients.c: the guest's side */
bool clients_init(struct proxy *);
void clients_free(struct proxy *);
void clients_udp_readable(struct proxy *, int listener);
void clients_accept(struct proxy *, int listener);
void clients_event(struct proxy *, union proxy_event, uint32_t events);
void clients_expire(struct proxy *);
/* An answer, whole; to a client that is gone it goes nowhere. len 0: there is none, only the query is over. */
void clients_reply(struct proxy *, const struct client_ref *, const uint8_t *message, size_t len);
/* Sends what was replied over TCP; once a turn of the loop, after everything else */
void clients_flush(struct proxy *);

/* dns_lookup.c: questions under way */
void lookup_free(struct proxy *, struct lookup *);
/* Joins the lookup of the same question or starts one; replies SERVFAIL where the bounds are reached */
void lookup_ask(struct proxy *, const struct lookup_key *, const struct dns_query *, const struct client_ref *);
/* One that needs no server: binds what it is given, then answers `result` */
void lookup_bind(struct proxy *, enum lookup_result, struct addr alias, const struct dns_query *,
		 const struct client_ref *);
/* From upstream: a message that matched, `folded` where all but the case of letters did */
void lookup_answered(struct proxy *, struct lookup *, const uint8_t *message, size_t len, bool folded);
/* From upstream: the server cannot be reached, or did not answer in time */
void lookup_failed(struct proxy *, struct lookup *);
void lookup_expire(struct proxy *);
/* From the supervisor. -EPROTO where it makes no sense. */
int lookup_verdict(struct proxy *, const struct dns_verdict *);
/* Asks the supervisor what waits to be asked, as far as it may */
void lookup_ask_queued(struct proxy *);

/* dns_upstream.c: sockets towards servers */
bool upstream_init(struct proxy *, const struct proxy_sockets *);
void upstream_free(struct proxy *);
/* Sends the question; 0 or -errno where the server cannot be reached or no socket is left */
int upstream_udp(struct proxy *, struct lookup *);
void upstream_udp_resend(struct proxy *, struct lookup *);
/* Sends it over TCP, now or when a socket is free */
int upstream_tcp(struct proxy *, struct lookup *);
/* Takes the lookup off its socket, if it has one */
void upstream_release(struct proxy *, struct lookup *);
void upstream_udp_event(struct proxy *, union proxy_event);
void upstream_tcp_event(struct proxy *, union proxy_event, uint32_t events);

/* dns_cache.c: answers kept for their TTL */
struct cache *cache_new(uint64_t seed);
void cache_free(struct cache *);
void cache_put(struct cache *, const struct lookup_key *, const ldns_pkt *, uint32_t lifetime, uint64_t now_ms);
/* NULL: not there. *age in seconds; *left_ms what is left of its life */
ldns_pkt *cache_get(struct cache *, const struct lookup_key *, uint64_t now_ms, uint32_t *age, uint64_t *left_ms);
bool lookup_key_equal(const struct lookup_key *, const struct lookup_key *);
uint64_t lookup_key_hash(const struct lookup_key *, uint64_t seed);
