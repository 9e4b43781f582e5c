/* From the kernel's log of what it refused for want of a route to a frame on the guest's link: past the ruleset, which would not
 * know the flow, since it never came to be. */
#include "sandbox/late_refusals.h"
#include "base/arena.h"
#include "net/icmp_error.h"
#include "net/unrouted.h"
#include "netlink/nflog.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct late_refusals {
	struct nl *log;
	int link; /* a packet socket that receives nothing */
	struct icmp_ends ends;
};

static int open_link(uint32_t index)
{
	struct sockaddr_ll link = { .sll_family = AF_PACKET, .sll_ifindex = (int)index };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&link, sizeof link)) {
		close(fd);
		return -1;
	}
	return fd;
}

struct late_refusals *late_refusals_open(uint32_t link, const struct icmp_ends *ends)
{
	struct nl *log = nflog_open_later(UNROUTED_LOG_GROUP);
	int fd = log ? open_link(link) : -1;

	if (fd < 0) {
		nl_close(log);
		return NULL;
	}
	struct late_refusals *refusals = arena_must(calloc(1, sizeof *refusals));
	*refusals = (struct late_refusals){ .log = log, .link = fd, .ends = *ends };
	return refusals;
}

void late_refusals_close(struct late_refusals *refusals)
{
	if (!refusals)
		return;
	nl_close(refusals->log);
	close(refusals->link);
	free(refusals);
}

int late_refusals_fd(const struct late_refusals *refusals)
{
	return nl_fd(refusals->log);
}

/* One that is lost is as it was without. */
void late_refusals_serve(struct late_refusals *refusals)
{
	uint8_t frame[ICMP_FRAME_MAX];
	const uint8_t *packet;
	size_t len;
	int error;

	while ((error = nflog_next_bytes(refusals->log, &packet, &len)) == 0 || error == -ENOBUFS) {
		size_t size = error == 0 ? icmp_no_route(&refusals->ends, packet, len, frame) : 0;
		if (size)
			send(refusals->link, frame, size, MSG_DONTWAIT);
	}
}
