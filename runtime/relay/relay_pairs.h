/* Pairs of connected TCP sockets in slots: bytes go both ways between the two (relay_half.h) until both directions have ended,
 * one breaks, nobody uses the pair any more, or it gives way to another. Published ports and host services have them, and the flows
 * that are judged by their server names. */
#pragma once
#include "relay/relay_budget.h"
#include "relay/relay_half.h"

#define RELAY_TCP_IDLE_MS (24 * 3600000) /* as the sandbox's conntrack; RFC 5382, REQ-5 wants 2 h 4 min */
#define RELAY_TCP_SETTLED_MS 1000

struct relay_pair {
	bool used, queued;
	uint8_t budget;
	uint32_t listener; /* the owner's, who may end all of one: 0 at first */
	uint32_t generation;
	struct relay_half halves[2]; /* from the first end to the second, and back */
	struct relay_pair *next_ready;
	struct budget_member member;
};

struct relay_pairs {
	/* the owner's, set before relay_pairs_init() */
	int epoll;
	const uint64_t *now_ms;
	size_t slots;
	struct budget *budgets; /* each its share of the slots */
	size_t budget_count;
	bool keep_used; /* where there is no room, only a pair through which nothing was ever sent gives way */
	/* Called when something has happened to a pair, before its bytes move; it may set limits. false: both ends get RST.
	 * NULL: nothing is looked at. */
	bool (*look)(struct relay_pairs *, struct relay_pair *);
	void (*ended)(struct relay_pairs *, struct relay_pair *); /* the slot is free; NULL: nobody asks */
	/* its own */
	struct relay_pair *items, *ready; /* ready: stopped for fairness, though there are bytes */
	size_t first_free;                /* no slot before this one is */
	struct relay_pipes pipes;
};

/* What an event of the loop is about, in epoll's 64 bits. A slot may be freed and taken anew between an event's being
 * fetched and its turn: the generation, which changes with each use of a slot, tells whose it was. A pair's index is twice
 * its slot's, and one more for the second of its ends. */
enum relay_event_kind { RELAY_EVENT_CONTROL, RELAY_EVENT_LISTENER, RELAY_EVENT_PAIR, RELAY_EVENT_FLOW };
union relay_event {
	struct {
		uint32_t generation; /* of a slot's use; 0 where there is no slot */
		uint16_t index, kind;
	};
	uint64_t u64;
};
static inline uint64_t relay_event(enum relay_event_kind kind, size_t index, uint32_t generation)
{
	return (union relay_event){ { generation, (uint16_t)index, (uint16_t)kind } }.u64;
}

/* Rows of a jail's list: what moving bytes calls */
/* clang-format off */
#define RELAY_PAIR_CALLS                                                                             \
	{ SCMP_SYS(splice), JAIL_ANY, "TCP, without copying" },                                      \
	{ SCMP_SYS(pipe2), JAIL_ANY, "what splice needs between two sockets" },                      \
	{ SCMP_SYS(fcntl), JAIL_PIPE_SIZE, "room in it for what a stream moves in one turn" },       \
	{ SCMP_SYS(ioctl), JAIL_AT_MARK, "whether an urgent byte is next" },                         \
	{ SCMP_SYS(write), JAIL_ANY, "the byte behind it, into the pipe" },                          \
	{ SCMP_SYS(shutdown), JAIL_ANY, "the end of one direction is passed on" }
/* clang-format on */

/* false: no memory */
bool relay_pairs_init(struct relay_pairs *);
/* Takes the descriptors, whatever comes of it. Nothing has moved yet; NULL: there is no room. */
struct relay_pair *relay_pairs_start(struct relay_pairs *, size_t budget, const struct relay_client *, int first,
				     int second);
void relay_pairs_event(struct relay_pairs *, union relay_event, uint32_t events);
/* Looks at the pair and moves what can be moved */
void relay_pairs_move(struct relay_pairs *, struct relay_pair *);
/* It gets another turn when the others had theirs, whatever happens to it */
void relay_pairs_again(struct relay_pairs *, struct relay_pair *);
/* Both ends get RST */
void relay_pairs_break(struct relay_pairs *, struct relay_pair *);
void relay_pairs_expire(struct relay_pairs *);
/* Pairs that were stopped for fairness go on; whether some still are */
bool relay_pairs_ready(struct relay_pairs *);
/* Milliseconds until one has been idle for too long, at most `most` */
int relay_pairs_wait(const struct relay_pairs *, int most);
