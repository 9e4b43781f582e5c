/* Which pairs and flows have ended: noted as they do, told together. An honest supervisor hands out no more than it has records for, so
 * there is room for all. */
#include "relay/relay_records.h"
#include "relay/relay_worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define ENDED_MOST (2 * (RELAY_RECORDS_PAIRS + RELAY_SLOTS_MAX))

bool ended_init(struct relay_loop *loop)
{
	loop->pair_serials = calloc(loop->slots, sizeof *loop->pair_serials);
	loop->ended = calloc(ENDED_MOST, sizeof *loop->ended);
	return loop->pair_serials && loop->ended;
}

void ended_note(struct relay_loop *loop, struct relay_serial serial)
{
	if (loop->ended_count == ENDED_MOST)
		loop->lost = true;
	else
		loop->ended[loop->ended_count++] = serial;
}

/* The latest first: their order means nothing. */
void ended_tell(struct relay_loop *loop)
{
	while (loop->ended_count > 0) {
		struct relay_message told = { .kind = RELAY_ENDED };
		size_t count = loop->ended_count < RELAY_ENDED_MAX ? loop->ended_count : RELAY_ENDED_MAX;
		told.ended_count = (uint8_t)count;
		memcpy(told.ended, loop->ended + loop->ended_count - count, count * sizeof *told.ended);
		if (send(loop->control, &told, sizeof told, MSG_DONTWAIT | MSG_NOSIGNAL) != sizeof told) {
			loop->lost |= errno != EAGAIN && errno != EINTR;
			return;
		}
		loop->ended_count -= count;
	}
}
