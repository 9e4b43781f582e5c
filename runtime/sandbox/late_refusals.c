/* From the kernel's log of what it refused for want of a route to a frame on the guest's link: past the ruleset, which would not
 * know the flow, since it never came to be. */
#include "sandbox/late_refusals.h"
#include "base/arena.h"
#include "core/clock.h"
#include "core/leave_fds.h"
#include "core/socket.h"
#include "net/icmp_error.h"
#include "net/unrouted.h"
#include "netlink/nflog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Milliseconds from one time to the next: whoever holds the socket may wait for a processor. The first comes with the log. */
static const uint16_t pauses_ms[] = { 40, 200 };
#define TIMES (sizeof pauses_ms / sizeof *pauses_ms)
#define REMEMBERED 128 /* the latest */

struct refusal {
	uint64_t due_ms;
	unsigned times;
	size_t size; /* 0: none */
	uint8_t frame[ICMP_FRAME_MAX];
};

struct late_refusals {
	struct nl *log;
	int link; /* a packet socket that receives nothing */
	struct icmp_ends ends;
	struct refusal refusals[REMEMBERED];
	size_t next; /* to be written */
	bool busy;   /* some are to be told again */
};

struct late_refusals *late_refusals_open(uint32_t link, const struct icmp_ends *ends)
{
	struct nl *log = nflog_open_later(UNROUTED_LOG_GROUP);
	int fd = log ? socket_link(link) : -1;

	if (fd < 0) {
		nl_close(log);
		return NULL;
	}
	struct late_refusals *refusals = arena_must(calloc(1, sizeof *refusals));
	refusals->log = log;
	refusals->link = fd;
	refusals->ends = *ends;
	return refusals;
}

void late_refusals_close(struct late_refusals *refusals)
{
	if (!refusals)
		return;
	nl_close(refusals->log);
	leave_fds(&refusals->link, 1);
	free(refusals);
}

int late_refusals_fd(const struct late_refusals *refusals)
{
	return nl_fd(refusals->log);
}

/* Tells it, and says when to do so again; a refusal that is told for the last time is forgotten. */
static void tell(const struct late_refusals *refusals, struct refusal *refusal, uint64_t now)
{
	send(refusals->link, refusal->frame, refusal->size, MSG_DONTWAIT);
	if (refusal->times == TIMES)
		refusal->size = 0;
	else
		refusal->due_ms = now + pauses_ms[refusal->times++];
}

/* One that is lost, or gives way to another, is as it was without. */
void late_refusals_serve(struct late_refusals *refusals)
{
	uint64_t now = clock_ms();
	const uint8_t *packet;
	size_t len;
	int error;

	while ((error = nflog_next_bytes(refusals->log, &packet, &len)) == 0 || error == -ENOBUFS) {
		struct refusal *refusal = &refusals->refusals[refusals->next];
		if (error < 0)
			continue;
		refusal->times = 0;
		refusal->size = icmp_no_route(&refusals->ends, packet, len, refusal->frame);
		if (!refusal->size)
			continue;
		tell(refusals, refusal, now);
		refusals->next = (refusals->next + 1) % REMEMBERED;
		refusals->busy = true;
	}
}

int late_refusals_repeat(struct late_refusals *refusals)
{
	uint64_t now = clock_ms(), first = UINT64_MAX;

	if (!refusals || !refusals->busy)
		return -1;
	for (size_t i = 0; i < REMEMBERED; i++) {
		struct refusal *refusal = &refusals->refusals[i];
		if (refusal->size && refusal->due_ms <= now)
			tell(refusals, refusal, now);
		if (refusal->size && refusal->due_ms < first)
			first = refusal->due_ms;
	}
	refusals->busy = first != UINT64_MAX;
	return refusals->busy ? (int)(first - now) : -1;
}
