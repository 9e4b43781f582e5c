/* What is to be remembered of flows that have ended, bounded both: which entries were told of and are still there, and what the relay of server names knew of
 * those that it has given up a moment ago. */
#pragma once
#include "flows/flows.h"

#define KNOWN_SLOTS \
	65536 /* a power of two; 250 new connections a second that wait for two minutes each are half of it */
#define KNOWN_NAMED 1024
#define KNOWN_NAME_MAX 256

/* Ids of conntrack's; 0: free */
struct known_ids {
	uint32_t slots[KNOWN_SLOTS];
	size_t count;
};
/* false: there is no room, and it is not remembered */
bool known_ids_add(struct known_ids *, uint32_t id);
bool known_ids_has(const struct known_ids *, uint32_t id);
/* Whether it was there */
bool known_ids_remove(struct known_ids *, uint32_t id);

/* A flow that a server name has admitted; conntrack has its guest's leg */
struct known_named {
	struct addr guest, far;
	uint16_t guest_port, far_port; /* 0, 0: none */
	bool waits, has_sni, ech;
	char sni[KNOWN_NAME_MAX];
	uint64_t began_ms;
};
void known_of_names(const struct names_flow *, struct known_named *out);
/* Whether it is that flow */
bool known_is_leg(const struct known_named *, const struct conntrack_tuple *);
