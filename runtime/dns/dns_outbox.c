/* Answers to datagrams: they wait until the batch of queries is through, or the turn of the loop, and go out by one call, each
 * from the address that was asked. */
#include "dns/dns_proxy.h"
#include "core/socket.h"

#include <string.h>

#define BATCH 64
#define REPLY_BYTES (16u << 10)

static struct {
	int fd;
	size_t count, used;
	struct mmsghdr messages[BATCH];
	struct iovec data[BATCH];
	struct sockaddr_in6 peers[BATCH];
	struct addr from; /* whose control data is the last, */
	size_t sources;   /* of so many */
	_Alignas(struct cmsghdr) char control[BATCH][SOCKET_SOURCE_ROOM];
	uint8_t bytes[REPLY_BYTES];
} out;

void outbox_flush(void)
{
	for (size_t at = 0; at < out.count;) {
		int sent = sendmmsg(out.fd, out.messages + at, (unsigned)(out.count - at), MSG_DONTWAIT | MSG_NOSIGNAL);
		/* an answer that does not go out is one lost on the way: the guest asks again */
		at += sent > 0 ? (size_t)sent : 1;
	}
	out.count = out.used = out.sources = 0;
}

uint8_t *outbox_room(int fd)
{
	if (out.count > 0 && (out.fd != fd || out.count == BATCH || out.used + DNS_UDP_MAX > REPLY_BYTES))
		outbox_flush();
	out.fd = fd;
	return out.bytes + out.used;
}

void outbox_add(const struct sockaddr_in6 *peer, struct addr asked, size_t len)
{
	struct msghdr *header = &out.messages[out.count].msg_hdr;
	out.peers[out.count] = *peer;
	out.data[out.count] = (struct iovec){ out.bytes + out.used, len };
	if (out.sources == 0 || !addr_equal(out.from, asked)) {
		out.from = asked;
		memset(out.control[out.sources++], 0, SOCKET_SOURCE_ROOM);
	}
	*header = (struct msghdr){ .msg_name = &out.peers[out.count],
				   .msg_namelen = peer->sin6_family == AF_INET ? sizeof(struct sockaddr_in) :
										 sizeof(struct sockaddr_in6),
				   .msg_iov = &out.data[out.count],
				   .msg_iovlen = 1,
				   .msg_control = out.control[out.sources - 1],
				   .msg_controllen = SOCKET_SOURCE_ROOM };
	socket_set_source(header, asked);
	out.used += len;
	out.count++;
}

void outbox_reply(struct proxy *proxy, const struct client_ref *client, const uint8_t *data, size_t len)
{
	if (len > DNS_UDP_MAX)
		return;
	memcpy(outbox_room(client->peer.sin6_family == AF_INET ? proxy->udp4 : proxy->udp6), data, len);
	outbox_add(&client->peer, client->asked, len);
}
