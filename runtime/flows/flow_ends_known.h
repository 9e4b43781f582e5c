/* What is to be remembered of flows that have ended, bounded both: which entries were told of and are still there, and what a relay knew of
 * those that it has given up a moment ago. */
#pragma once
#include "flows/flows.h"

#define KNOWN_SLOTS \
	65536 /* a power of two; 250 new connections a second that wait for two minutes each are half of it */
#define KNOWN_RELAYED 1024
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

struct known_relayed {
	enum flows_kind kind; /* FLOWS_PUBLISHED or FLOWS_NAMED */
	uint8_t l4;
	/* The guest's leg as conntrack has it: the port at the guest's side, and the other's. The guest's address tells the family */
	struct addr guest;
	uint16_t guest_port, leg_port;
	struct addr far; /* who asked a published port; whom the guest asked */
	uint16_t far_port;
	bool waits, has_sni, ech;
	char sni[KNOWN_NAME_MAX];
	uint64_t began_ms;
};
void known_of_relay(const struct relay_flow *, struct known_relayed *out);
void known_of_names(const struct names_flow *, struct known_relayed *out);
/* Whether it is that flow */
bool known_is_leg(const struct known_relayed *, const struct conntrack_tuple *);
