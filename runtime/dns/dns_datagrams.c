/* The guest's datagrams, read by the batch. Most are short, so the first octets of each lie close together, and the rest is
 * memory that is hardly ever touched. */
#include "core/socket.h"
#include "dns/dns_fast.h"

#include <string.h>

#define BATCH 64
#define BATCHES_A_TURN 4
#define SHORT 256
#define LONG (DNS_QUERY_MAX + 1 - SHORT)

static struct {
	struct mmsghdr messages[BATCH];
	struct iovec data[BATCH][2];
	struct sockaddr_in6 peers[BATCH];
	_Alignas(struct cmsghdr) char control[BATCH][128];
	uint8_t first[BATCH][SHORT], rest[BATCH][LONG];
	uint8_t whole[SHORT + LONG];
} in;

static int receive(int listener)
{
	for (size_t i = 0; i < BATCH; i++) {
		in.data[i][0] = (struct iovec){ in.first[i], SHORT };
		in.data[i][1] = (struct iovec){ in.rest[i], LONG };
		in.messages[i].msg_hdr = (struct msghdr){ .msg_name = &in.peers[i],
							  .msg_namelen = sizeof in.peers[i],
							  .msg_iov = in.data[i],
							  .msg_iovlen = 2,
							  .msg_control = in.control[i],
							  .msg_controllen = sizeof in.control[i] };
	}
	return recvmmsg(listener, in.messages, BATCH, MSG_DONTWAIT, NULL);
}

static const uint8_t *message_of(size_t i)
{
	size_t len = in.messages[i].msg_len;
	if (len <= SHORT)
		return in.first[i];
	memcpy(in.whole, in.first[i], SHORT);
	memcpy(in.whole + SHORT, in.rest[i], len - SHORT);
	return in.whole;
}

static void query(struct proxy *proxy, int listener, size_t i)
{
	struct sockaddr_in6 asked;
	if (!socket_asked(&in.messages[i].msg_hdr, &asked))
		return;
	const uint8_t *message = message_of(i);
	size_t len = in.messages[i].msg_len;
	struct client_ref client = { .tcp = false,
				     .peer = in.peers[i],
				     .asked = addr_from_sockaddr((struct sockaddr *)&asked) };
	size_t reply_len = fast_answer(proxy, message, len, client.asked, outbox_room(listener));
	if (reply_len == 0) {
		proxy_query(proxy, message, len, &client);
		return;
	}
	dns_count_reply(proxy->config.counters, outbox_room(listener), reply_len);
	dns_count_cached(proxy->config.counters);
	outbox_add(&client.peer, client.asked, reply_len);
}

void datagrams_readable(struct proxy *proxy, int listener)
{
	int count = BATCH;
	for (int batch = 0; batch < BATCHES_A_TURN && count == BATCH; batch++) {
		count = receive(listener);
		for (int i = 0; i < count; i++)
			query(proxy, listener, (size_t)i);
		outbox_flush();
	}
}
