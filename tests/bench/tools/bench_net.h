/* A stand of the bench, from the side that sends and counts: one guest, the way it takes, and where that ends. */
#pragma once
#include "../../e2e/tools/oracle_net.h"
#include "tests/lib/packet.h"

struct stand {
	const char *name;
	int guest;             /* packet socket on its eth0 */
	int sink;              /* on sink0 */
	struct nl *counter;    /* nfnetlink where sink0 is */
	struct nl *tracked[2]; /* where conntrack may be: the VM's namespace, the host's */
	struct packet_ends ends;
	struct addr source6;
	uint8_t sink_mac[6], back_mac[6];
	struct addr outside; /* the host's, which it masquerades with; unspecified where the way ends before */
	uint32_t replies;
	unsigned lost;  /* bursts that did not arrive whole */
	uint64_t least; /* packets that arrived of such a one */
};

void stand_open(struct stand *, const char *name);
/* Packets that have entered sink0 so far */
uint64_t stand_arrived(const struct stand *);
/* A packet socket that hears the guest's link; while it is open, packets there cost more. */
int stand_listen(const struct stand *);
/* Whether the reply with this id reaches the guest within that time */
bool stand_answered(int listener, uint32_t id, int within_ms);
/* conntrack forgets all flows */
void stand_forget(const struct stand *);
/* On one processor, ahead of everybody else's work there */
void one_processor_first(void);
