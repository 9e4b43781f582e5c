/* Builds and sends. */
#include "batch.h"

#include <err.h>
#include <errno.h>
#include <sys/socket.h>
#include <time.h>

void batch_add(struct batch *batch, const struct packet_ends *ends, const struct packet_flow *flow)
{
	static uint32_t ident; /* of the whole run: a lone fragment waits for the rest of its packet */
	uint8_t whole[PACKET_MAX];
	uint8_t(*out)[PACKET_MAX] = batch->frames + batch->count;
	size_t *lens = batch->lens + batch->count;
	bool reversed = flow->form == PACKET_FRAGMENTS_REVERSED;

	if (flow->form == PACKET_WHOLE) {
		lens[0] = packet_build(out[0], ends, flow);
		batch->count++;
		return;
	}
	size_t len = packet_build(whole, ends, flow);
	ident++;
	lens[0] = packet_fragment(whole, len, reversed || flow->form == PACKET_LAST_FRAGMENT, ident, out[0]);
	batch->count++;
	if (flow->form == PACKET_LAST_FRAGMENT)
		return;
	lens[1] = packet_fragment(whole, len, !reversed, ident, out[1]);
	batch->count++;
}

void batch_send(int fd, struct batch *batch)
{
	struct iovec parts[BATCH_MAX];
	struct mmsghdr messages[BATCH_MAX];
	const struct timespec pause = { 0, 100 * 1000 };
	unsigned done = 0;

	memset(messages, 0, batch->count * sizeof *messages);
	for (unsigned i = 0; i < batch->count; i++) {
		parts[i] = (struct iovec){ batch->frames[i], batch->lens[i] };
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	while (done < batch->count) {
		int sent = sendmmsg(fd, messages + done, batch->count - done, 0);
		if (sent < 0 && errno != ENOBUFS && errno != EAGAIN)
			err(3, "sendmmsg");
		if (sent < 0) /* the backlog is full */
			nanosleep(&pause, NULL);
		else
			done += (unsigned)sent;
	}
	batch->count = 0;
}
