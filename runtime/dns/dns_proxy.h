/* Inside the DNS worker: what its parts share. One process, one thread, one epoll loop.
 *
 * A *client* query waits on a *lookup*; equal questions share one, so that many equal queries cannot be in flight
 * at once (which would make guessing an answer's id easier) and a flood costs one exchange. A lookup moves
 *
 *   RESOLVER -> SERVERS -> BIND -> done
 *
 * forwards only. It skips RESOLVER unless the guest chose the server, and BIND unless the question is A or AAAA. It never
 * goes from BIND back to a server, and no answer to a client is written before BIND is over. A cached answer whose addresses
 * are known to be bound needs no lookup: dns_fast gives it at once, and a *renewal*, a lookup at BIND that nobody waits for, has
 * them bound for longer where those who got it may use them for longer than they are.
 *
 * While it is at SERVERS it has *exchanges*, at most one with each server: the next server is asked as soon as one fails,
 * and when the last one asked has let PROXY_HEDGE_MS pass; all may still answer, and the first that knows decides. One
 * exchange is asked
 *
 *   UDP -> TCP (the answer was truncated, or folded the case of letters) -> UDP as TCP fails, in small letters, large
 *
 * and without EDNS once it shows that the server does not know it. *Health* is what is known of the servers: those that do
 * not answer are asked last, and now and then beside the others, by a lookup that nobody waits for.
 *
 * clients, query, lookup, exchange and upstream call each other in a circle, since one event goes all the way: a client's
 * message becomes a query, that a lookup, that exchanges with upstream; the answer goes back to the lookup and to the
 * clients. */
#pragma once
#include "core/timers.h"
#include "dns/dns.h"
#include "dns/dns_bounds.h"
#include "dns/dns_cache.h"
#include "dns/dns_counters.h"
#include "dns/dns_protocol.h"

#include <netinet/in.h>
#include <stdio.h>

#define PROXY_MAX_LOOKUPS 4096
#define PROXY_MAX_WAITERS 8192
#define PROXY_MAX_CLIENTS 128    /* TCP connections of the guest's */
#define PROXY_CLIENT_PIPELINE 64 /* unanswered queries on one, before its next is read */
#define PROXY_CLIENT_IDLE_MS 10000
#define PROXY_HEDGE_MS 600       /* seven servers may be dead before a client's own end, 5 s */
#define UPSTREAM_UDP_SOCKETS 192 /* a place; an exchange has one for itself while there are */
#define UPSTREAM_UDP_SHARE 32    /* exchanges on one socket, once there are no more */
#define UPSTREAM_TCP_SOCKETS 32  /* a place */
/* A query from a fresh port, and a connection, is a flow of the host's conntrack, for two minutes at most: that many at once
 * and then a second, whatever the guest asks. In need a port serves more than one query. */
#define UPSTREAM_FLOWS 512
#define UPSTREAM_FLOWS_A_SECOND 32
#define UPSTREAM_UDP_USES 64

/* Where a socket lives and what it speaks; sockets of one place are alike */
enum upstream_place { PLACE_VM4, PLACE_VM6, PLACE_HOST4, PLACE_HOST6, PLACE_COUNT };

static inline enum upstream_place upstream_place(const struct nameserver *server)
{
	if (server->addr.family == ADDR_V4)
		return server->by_host ? PLACE_HOST4 : PLACE_VM4;
	return server->by_host ? PLACE_HOST6 : PLACE_VM6;
}

/* Descriptors made by the supervisor; -1 where there is none. Those towards servers come when they are asked for. */
struct proxy_sockets {
	int control;
	int udp4, udp6, tcp4, tcp6; /* listeners, transparent */
};

struct proxy_config {
	const struct policy *policy;
	struct addr_gateway gateway;
	struct nameserver servers[NAMESERVERS_MAX];
	size_t server_count;
	struct dns_counters *counters; /* or NULL */
	const struct policy *spared;   /* of an audit (eval/audit.h); NULL: none */
	bool tells_all;                /* queries that pass are told to the supervisor, too */
	bool asks;                     /* names that no rule decides wait: dns_asking.h */
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
	uint64_t since_ms;
};

/* ---- upstream ---- */
struct server_ref {
	struct addr addr;
	uint16_t port;
	uint32_t link; /* of a link-local address: the host's index */
	enum upstream_place place;
};

/* What is known of one */
struct server {
	struct nameserver at;
	bool answered;    /* ever */
	unsigned overdue; /* exchanges in a row that let PROXY_HEDGE_MS pass */
	bool dead;
	uint64_t probe_ms; /* of a dead one: when it is asked beside the others */
	bool edns;         /* its answers have had it: it is not to blame for a query lost */
	bool plain;        /* it is asked without EDNS, */
	bool lower;        /* in small letters only, */
	bool no_tcp;       /* over UDP alone */
	bool told;         /* the supervisor that it is dead, */
	bool hinted;       /* that it may be */
};

/* One question to one server */
#define SERVER_OF_GUEST SIZE_MAX /* the resolver that the guest chose */
#define SERVER_NONE (SIZE_MAX - 1)
enum exchange_state { EXCHANGE_UDP_QUEUED, EXCHANGE_UDP, EXCHANGE_TCP_QUEUED, EXCHANGE_TCP };
struct exchange {
	struct lookup *lookup;
	struct exchange *next;    /* of the same lookup */
	struct exchange *queued;  /* the next that waits for a socket */
	struct exchange *sharing; /* the next on the same UDP socket */
	size_t server;            /* index, or SERVER_OF_GUEST */
	enum exchange_state state;
	struct timer timer;
	unsigned quarters; /* of the timeout, that are left */
	bool overdue;
	bool plain, lower, no_tcp; /* as the server's */
	uint16_t id;
	struct dns_question asked;
	struct udp_slot *udp;
	struct tcp_slot *tcp;
};

enum lookup_state { LOOKUP_RESOLVER, LOOKUP_SERVERS, LOOKUP_ASK_QUEUED, LOOKUP_BIND };
/* What answers the waiters after BIND */
enum lookup_result { RESULT_ANSWER, RESULT_EMPTY, RESULT_ALIAS };

struct lookup_key {
	struct dns_question question; /* folded */
	bool direct;                  /* asked of `resolver`, over `transport`, which the guest chose */
	enum flow_transport transport;
	struct addr resolver;
};

struct lookup {
	struct lookup *next;   /* in its bucket */
	struct lookup *queued; /* the next that waits to ask the supervisor */
	struct lookup_key key;
	enum lookup_state state;
	bool probe; /* whether a dead server answers again is all that it is to find out */
	struct waiter *waiters;
	struct exchange *exchanges;
	uint32_t tried;        /* servers, a bit each */
	struct timer timer;    /* the next server is asked */
	unsigned failed_rcode; /* of the last server that could not tell */
	struct dns_note failed;
	enum lookup_result result;
	ldns_pkt *answer;  /* of RESULT_ANSWER */
	uint32_t age;      /* seconds, of an answer from the cache */
	struct addr alias; /* of RESULT_ALIAS */
	struct dns_addresses addresses;
	uint64_t ttl_ms;
	uint64_t version;       /* of the cached answer that is bound; 0: it is not cached */
	uint64_t held_until_ms; /* once it is */
	bool renewal;           /* nobody waits: that answer was given, and shall hold for longer */
	uint32_t serial;
	uint32_t policy; /* whose verdict on the name let it begin: proxy->policies then */
};

struct udp_slot {
	int fd;
	enum upstream_place place;
	struct server_ref server; /* connected to, while exchanges > 0 or `kept` */
	struct exchange *first;
	size_t exchanges;
	unsigned uses; /* queries from this port */
	bool kept;     /* free, and still connected */
	struct udp_slot *next_free;
};

struct tcp_slot {
	int fd;
	enum upstream_place place;
	struct exchange *exchange; /* NULL: free */
	uint32_t generation;
	uint8_t out[2 + DNS_UPSTREAM_MAX];
	size_t out_len, sent;
	uint8_t length[2];
	uint8_t *in;
	size_t in_len, got; /* got counts the two octets of the length too */
	struct tcp_slot *next_free;
};

/* Sockets of one place: those there are, and what waits for one */
struct exchange_queue {
	struct exchange *head, **tail;
	size_t count;
};
struct pool {
	struct udp_slot *udp_slots, *udp_free;
	struct tcp_slot *tcp_slots, *tcp_free;
	size_t udp_count, tcp_count;
	struct exchange_queue udp_queue, tcp_queue;
	size_t asked_udp, asked_tcp; /* of the supervisor, that have not come yet */
	uint64_t short_until_ms;     /* it could not make them all: it is not asked before */
};

struct client; /* dns_clients.c */

struct proxy {
	struct proxy_config config;
	struct eval_context context;
	bool strips_ech;
	struct arena *arena; /* holds texts of rules and places */
	int epoll, control, udp4, udp6, tcp4, tcp6;
	uint64_t now_ms;
	struct server servers[NAMESERVERS_MAX];
	size_t server_count;
	struct timers quarter_timeouts, hedges, idle_clients;
	struct lookup *buckets[PROXY_MAX_LOOKUPS];
	uint64_t seed;
	size_t lookups, waiters;
	uint32_t untold; /* queries that there was no room to tell of, since the last that was told */
	struct lookup *ask_head, **ask_tail; /* wait to ask the supervisor */
	size_t asks;                         /* of it, unanswered */
	uint32_t serial;
	struct lookup *asked[DNS_ASKS_MAX];
	struct pool pools[PLACE_COUNT];
	uint64_t flow_room, flows_filled_ms; /* in thousandths of a flow, as of that time */
	struct client *clients, *dirty_clients;
	struct asking *asking; /* NULL: nothing is asked */
	struct reasons *reasons;
	struct arena *policy_arena;  /* NULL: the policy is the one the worker began with */
	struct policy *offered;      /* one that may be in force soon; NULL: none */
	struct arena *offered_arena; /* its own */
	uint32_t offer;              /* its number */
	uint32_t policies;           /* taken so far */
	struct cache *cache;
	uint64_t versions; /* of answers in it, given so far */
	size_t renewals;   /* lookups that are no more than that */
	struct timers renewals_due;
	struct dns_bounds *bounds; /* NULL: the policy bounds neither names nor questions */
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

/* dns_over.c: the policy in force has such bounds, or other ones, or none. 0 or -ENOMEM */
int over_use_policy(struct proxy *);
/* Whether the question is over one of them, and which; else it is counted as one that goes to a server */
bool over_takes(struct proxy *, const char *name, uint16_t type, struct eval_verdict, enum policy_dns_limit *which);
/* dns_query.c: a guest's message, from a client; replies, or starts or joins a lookup. false: it is dropped, no answer
 * will come. */
bool proxy_query(struct proxy *, const uint8_t *message, size_t len, const struct client_ref *);
/* What becomes of a query that was read: it is judged by its name (canonical) and answered, or waits */
void proxy_judge(struct proxy *, const struct dns_query *, const char *name, const struct client_ref *);
/* One that waited is denied, as the policy has it; it has been reported */
void proxy_deny(struct proxy *, const struct dns_query *, const char *name, const struct client_ref *);
void proxy_answer_rcode(struct proxy *, const struct dns_query *, unsigned rcode, struct dns_note,
			const struct client_ref *);

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

/* dns_datagrams.c */
void datagrams_readable(struct proxy *, int listener);

/* dns_clients.c: the guest's side */
bool clients_init(struct proxy *);
void clients_free(struct proxy *);
void clients_accept(struct proxy *, int listener);
void clients_event(struct proxy *, union proxy_event, uint32_t events);
void clients_expire(struct proxy *);
/* An answer, whole; to a client that is gone it goes nowhere. len 0: there is none, only the query is over. */
void clients_reply(struct proxy *, const struct client_ref *, const uint8_t *message, size_t len);
/* Sends what was replied; once a turn of the loop, after everything else */
void clients_flush(struct proxy *);

/* dns_outbox.c: answers to datagrams, that wait to be sent together */
/* Room for DNS_UDP_MAX octets of one to be sent by that listener, until the next call of any of these */
uint8_t *outbox_room(int listener);
/* It has an answer of that length now, to `peer`, from `asked` */
void outbox_add(const struct sockaddr_in6 *peer, struct addr asked, size_t len);
/* Both at once */
void outbox_reply(struct proxy *, const struct client_ref *, const uint8_t *message, size_t len);
void outbox_flush(void);

/* dns_hold.c: for how long the addresses of cached answers are bound, as the supervisor has said. A hit may be answered while
 * they are, without asking it again. */
/* For how long those that a guest gets now are to be bound, of an answer that holds for `left_ms` more */
uint64_t hold_ms(const struct proxy *, uint64_t left_ms);
/* Caches what the lookup has been told, under its version */
void hold_keep(struct proxy *, const struct lookup *, const char *name);
/* The supervisor has been asked by it, */
void hold_asked(struct proxy *, const struct lookup *);
/* and has told what it thinks of it: they are bound until then; 0: they are not */
void hold_told(struct proxy *, const struct lookup *, uint64_t until_ms);

/* dns_policy_take.c: another policy while the sandbox runs. All but 0 means that nothing may be served any more. */
int policy_offered(struct proxy *, const struct dns_order *, int fd);
int policy_switched(struct proxy *);
int policy_forgotten(struct proxy *);
/* Whether what the lookup is about to have bound may be so under the policy in force, which may not be the one that let it
 * begin; if not, *verdict is why */
bool policy_still_wants(const struct proxy *, const struct lookup *, struct eval_verdict *verdict);

/* dns_lookup.c: questions under way */
void lookup_free(struct proxy *, struct lookup *);
/* Whether a server would be asked that: neither is it under way nor is its answer known */
bool lookup_leaves(struct proxy *, const struct lookup_key *);
/* Joins the lookup of the same question or starts one; replies SERVFAIL where the bounds are reached */
void lookup_ask(struct proxy *, const struct lookup_key *, const struct dns_query *, const struct client_ref *);
/* One that needs no server: binds what it is given, then answers `result` */
void lookup_bind(struct proxy *, enum lookup_result, struct addr alias, const struct dns_query *,
		 const struct client_ref *);
/* Has the supervisor bind a cached answer's addresses for as long as it needs, at the end of the loop's turn. false: too much is
 * under way */
bool lookup_renew(struct proxy *, struct cached *);
/* From an exchange, which is over: what the server says the name is, the lookup's from then on */
void lookup_told(struct proxy *, struct lookup *, ldns_pkt *answer);
/* … a truncated answer of the guest's own resolver, over UDP */
void lookup_truncated(struct proxy *, struct lookup *);
/* … nothing that helps: another server is asked. rcode and note are for the guest if none does better. */
void lookup_untold(struct proxy *, struct lookup *, unsigned rcode, struct dns_note);
/* … no other server shall be asked, this is for the guest */
void lookup_refuse(struct proxy *, struct lookup *, unsigned rcode, struct dns_note);
/* Asks the next server where the last has let its time pass */
void lookup_expire(struct proxy *);
/* Begins lookups that are at SERVERS anew: `change` is called between their leaving the old servers and asking the new */
void lookup_change_servers(struct proxy *, void (*change)(struct proxy *, const void *context), const void *context);
/* From the supervisor. -EPROTO where it makes no sense. */
int lookup_verdict(struct proxy *, const struct dns_verdict *);
/* Asks the supervisor what waits to be asked, as far as it may */
void lookup_ask_queued(struct proxy *);

/* dns_exchange.c: a question to one server. 0, or -errno with nothing begun: -EAGAIN and -ENOMEM are ours, all else the
 * server's */
int exchange_start(struct proxy *, struct lookup *, size_t server);
void exchange_free(struct proxy *, struct exchange *);
/* From upstream: a message that matched */
void exchange_answered(struct proxy *, struct exchange *, const uint8_t *message, size_t len, enum dns_match);
/* From upstream: the server cannot be reached, or breaks off */
void exchange_failed(struct proxy *, struct exchange *, int error);
void exchange_expire(struct proxy *);

/* dns_health.c: which servers answer. A server is an index or SERVER_OF_GUEST, of which nothing is kept. */
void health_init(struct proxy *, const struct nameserver *, size_t count);
/* Other servers; of those that stay what is known is kept */
void health_change(struct proxy *, const struct nameserver *, size_t count);
/* The one to be asked next, of those not in `tried`; SERVER_NONE: none is left */
size_t health_next(const struct proxy *, uint32_t tried);
/* A dead one that it is time to ask again, SERVER_NONE: none. Not again for a while */
size_t health_probe(struct proxy *);
void health_answered(struct proxy *, size_t server);
/* It let PROXY_HEDGE_MS pass */
void health_overdue(struct proxy *, size_t server);
/* It has let most of the timeout pass */
void health_slow(struct proxy *, size_t server);
/* Another one has told meanwhile what it was asked */
void health_overtaken(struct proxy *, size_t server);
/* It cannot be reached, or (-ETIMEDOUT) let the whole timeout pass */
void health_failed(struct proxy *, size_t server, int error);

/* dns_pool.c: sockets towards servers, which the supervisor makes when one is first missed */
bool pool_init(struct proxy *);
void pool_free(struct proxy *);
/* Whether there will be more of them, so that it makes sense to wait */
bool pool_grows_udp(const struct proxy *, enum upstream_place);
bool pool_grows_tcp(const struct proxy *, enum upstream_place);
void pool_queue(struct exchange_queue *, struct exchange *);
void pool_unqueue(struct exchange_queue *, struct exchange *);
/* Exchanges that wait for a socket wait no more, but those with the guest's own resolvers */
void pool_forget_waiting(struct proxy *);
/* Asks for what is waited for, unless that has been done; once a turn of the loop */
void pool_ask(struct proxy *, enum upstream_place);
/* Whether it is yet to be asked: the control socket was full */
bool pool_must_ask(const struct proxy *, enum upstream_place);
/* They have come, and are the proxy's, whatever is returned. 0 or -errno where they cannot be used: -EPROTO where nobody asked */
int pool_supplied(struct proxy *, const struct dns_order *, const int *fds, size_t count);

/* dns_upstream.c: what is sent by them */
void upstream_init(struct proxy *);
/* Begins what waited until there might be a socket, or a flow more */
void upstream_turn(struct proxy *);
int upstream_wait(const struct proxy *, int most_ms); /* when that is to be called again */
/* Sends the question, now or when there is a socket; 0 or -errno where the server cannot be reached or no socket is left
 * (-EAGAIN) */
int upstream_udp(struct proxy *, struct exchange *);
void upstream_udp_resend(struct proxy *, struct exchange *);
/* Sends it over TCP, now or when a socket is free */
int upstream_tcp(struct proxy *, struct exchange *);
/* Takes the exchange off its socket, if it has one */
void upstream_release(struct proxy *, struct exchange *);
void upstream_udp_event(struct proxy *, union proxy_event, uint32_t events);
void upstream_tcp_event(struct proxy *, union proxy_event, uint32_t events);
