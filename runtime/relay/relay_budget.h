/* How many flows of one kind there may be at once, and which one gives way where there are as many: the longest idle of
 * whoever holds most. So nobody holds all, and whoever holds little loses nothing. */
#pragma once
#include "base/address.h"
#include "core/timers.h"

#include <netinet/in.h>
#include <stdbool.h>

#define RELAY_UID_UNKNOWN UINT32_MAX
/* Whom a flow is counted against */
struct relay_client {
	uint32_t listener;
	uint32_t uid;     /* where the peer is a socket of this host's, whose address says little */
	struct addr addr; /* of IPv6 the /64: a host has as many addresses of one as it likes */
};
struct relay_client relay_client_of(uint32_t listener, uint32_t uid, const struct sockaddr_in6 *peer);

struct budget_holder;
struct budget_member {
	struct timer idle;
	struct budget_holder *holder; /* NULL: counted nowhere */
	bool silent;                  /* nothing was ever sent either way: nothing is lost with it */
};
struct budget {
	struct timers idle;  /* of all members, the longest idle first; ends what nobody has used for the time given */
	uint64_t settled_ms; /* a member that was active since gives way only if it is silent */
	size_t count, most;
	struct budget_holder *holders; /* `most` */
};

/* false: no memory */
bool budget_init(struct budget *, size_t most, uint64_t idle_ms, uint64_t settled_ms);
void budget_free(struct budget *);
/* Which member has to end before one of this client's can join; NULL where count == most: none does, there is no room */
struct budget_member *budget_victim(struct budget *, const struct relay_client *, uint64_t now_ms);
/* There is room: count < most */
void budget_join(struct budget *, struct budget_member *, const struct relay_client *, bool silent, uint64_t now_ms);
/* It was active */
void budget_touch(struct budget *, struct budget_member *, uint64_t now_ms);
void budget_leave(struct budget *, struct budget_member *);
