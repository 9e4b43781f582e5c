/* The worker's messages. Serials that are given back wait for the next ask, so that the end of a flow wakes nobody. */
#include "names/names_worker.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* As many as one message has room for */
static void take_given_back(struct names_loop *loop, struct names_ask *ask)
{
	while (loop->given_back_count > 0 && ask->given_back_count < NAMES_GIVEN_BACK_MAX)
		ask->given_back[ask->given_back_count++] = loop->given_back[--loop->given_back_count];
}

static bool send_ask(struct names_loop *loop, struct names_ask *ask)
{
	size_t waiting = loop->given_back_count;

	take_given_back(loop, ask);
	if (send(loop->control, ask, sizeof *ask, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof *ask)
		return true;
	loop->given_back_count = waiting; /* they are still there */
	loop->lost |= errno != EAGAIN;
	return false;
}

bool names_tell(struct names_loop *loop, struct names_held *flow, enum names_saw saw, const struct hello *hello,
		uint64_t token)
{
	struct names_ask ask = { .kind = NAMES_ASK, .serial = flow->serial, .token = token, .saw = saw };

	if (hello) {
		ask.ech = hello->ech;
		ask.has_name = hello->has_name;
		ask.name_len = hello->name_len;
		memcpy(ask.name, hello->name, hello->name_len);
	}
	bool told = send_ask(loop, &ask);
	loop->asked += told && saw == NAMES_SAW_START;
	return told;
}

void names_tell_full(struct names_loop *loop)
{
	struct names_ask ask = { .kind = NAMES_FULL };

	if (!loop->full)
		loop->full = send_ask(loop, &ask);
}

/* An honest supervisor does not hand out more than there is room for. */
void names_give_back(struct names_loop *loop, struct names_held *flow)
{
	struct names_ask ask = { .kind = NAMES_GIVE_BACK };

	if (flow->serial == NAMES_NO_SERIAL)
		return;
	if (loop->given_back_count == loop->given_back_most) {
		loop->lost = true;
		return;
	}
	loop->given_back[loop->given_back_count++] = flow->serial;
	flow->serial = NAMES_NO_SERIAL;
	if (loop->given_back_count >= 2 * NAMES_GIVEN_BACK_MAX)
		send_ask(loop, &ask);
}

void names_give_all_back(struct names_loop *loop)
{
	bool sent = true;

	while (loop->given_back_count > 0 && sent) {
		struct names_ask ask = { .kind = NAMES_GIVE_BACK };
		sent = send_ask(loop, &ask);
	}
}
