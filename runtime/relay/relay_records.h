/* What the supervisor knows of the flows that the relay worker has: one record each, from its being handed over until the worker says that it
 * has ended, so that a flow can be listed, judged again and ended. Bounded; a pair for which there is no record is not handed over. */
#pragma once
#include "relay/relay.h"
#include "relay/relay_protocol.h"

#define RELAY_RECORDS_PAIRS (2 * RELAY_SLOTS_MAX) /* as many again as the worker has, whose ends it is still to tell */

enum relay_ending { RELAY_GOES_ON, RELAY_TO_BE_TOLD, RELAY_TOLD };
struct relay_record {
	bool used;
	struct relay_flow flow; /* its serial is of this use, or the last */
	enum relay_ending ending;
	uint64_t asked_ms; /* when it was first to be told; 0: not yet */
};

struct relay_records {
	struct relay_record pairs[RELAY_RECORDS_PAIRS];
	struct relay_record flows[RELAY_SLOTS_MAX]; /* by the worker's slot, which the serial has */
	size_t first_free;                          /* no pair before this one is */
	size_t ending;                              /* are to end, and have not */
};

/* The serial of a pair's new record; 0: there is no room. The flow's is set. */
uint32_t relay_records_add_pair(struct relay_records *, const struct relay_flow *);
/* In the place of what the worker had by that slot before */
void relay_records_add_flow(struct relay_records *, const struct relay_flow *);
struct relay_record *relay_records_find(struct relay_records *, struct relay_serial);
void relay_records_drop(struct relay_records *, struct relay_serial);
/* Whether it is new that it is to end */
bool relay_records_end(struct relay_records *, struct relay_serial);
