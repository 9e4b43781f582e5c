/* A server that answers any query with one address, made of the name, and looks at nothing else: as an upstream, and as a bound on what a resolver can
 * do. usage: dns_responder ADDRESS TTL DELAY_US BATCH */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH_MAX 64
#define RING 4096

static struct {
	struct mmsghdr messages[BATCH_MAX];
	struct iovec data[BATCH_MAX];
	struct sockaddr_in peers[BATCH_MAX];
	uint8_t bytes[BATCH_MAX][600];
} io;

/* Answers that wait for their time, all for the same */
static struct {
	uint64_t due_us;
	struct sockaddr_in peer;
	size_t len;
	uint8_t bytes[600];
} ring[RING];
static unsigned head, tail;

static uint64_t now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* In place; 0: it is no query */
static size_t answer(uint8_t *message, size_t len, uint32_t ttl)
{
	size_t at = 12;
	uint32_t hash = 0;
	while (at < len && message[at])
		at += 1u + message[at];
	for (size_t i = 12; i < at && i < len; i++)
		hash = hash * 31 + (message[i] | 0x20);
	at += 5;
	if (len < 12 || at > len || at > 512)
		return 0;
	const uint8_t record[16] = { 0xc0,
				     12,
				     0,
				     1,
				     0,
				     1,
				     (uint8_t)(ttl >> 24),
				     (uint8_t)(ttl >> 16),
				     (uint8_t)(ttl >> 8),
				     (uint8_t)ttl,
				     0,
				     4,
				     93,
				     184,
				     message[13],
				     message[14] };
	message[2] |= 0x80;
	message[3] = 0x80;
	message[7] = 1;
	message[11] = 0;
	memcpy(message + at, record, sizeof record);
	return at + sizeof record;
}

static void send_due(int fd)
{
	for (uint64_t now = now_us(); tail != head && ring[tail % RING].due_us <= now; tail++)
		sendto(fd, ring[tail % RING].bytes, ring[tail % RING].len, 0,
		       (struct sockaddr *)&ring[tail % RING].peer, sizeof ring[0].peer);
}

static void put_off(size_t i, size_t len, uint64_t due_us)
{
	if (head - tail == RING)
		return;
	ring[head % RING].due_us = due_us;
	ring[head % RING].peer = io.peers[i];
	ring[head % RING].len = len;
	memcpy(ring[head++ % RING].bytes, io.bytes[i], len);
}

/* Until there is a query, or an answer is due */
static void wait_for_either(int fd)
{
	fd_set set;
	struct timeval most = { 3600, 0 };
	FD_ZERO(&set);
	FD_SET(fd, &set);
	if (tail != head) {
		uint64_t now = now_us(), due = ring[tail % RING].due_us;
		most = (struct timeval){ 0, due > now ? (suseconds_t)(due - now) : 0 };
	}
	select(fd + 1, &set, NULL, NULL, &most);
}

static void serve(int fd, uint32_t ttl, uint64_t delay_us, unsigned batch)
{
	unsigned ready = 0;
	for (size_t i = 0; i < batch; i++) {
		io.data[i] = (struct iovec){ io.bytes[i], 512 };
		io.messages[i].msg_hdr = (struct msghdr){ .msg_name = &io.peers[i],
							  .msg_namelen = sizeof io.peers[i],
							  .msg_iov = &io.data[i],
							  .msg_iovlen = 1 };
	}
	if (delay_us > 0)
		wait_for_either(fd);
	int count = recvmmsg(fd, io.messages, batch, delay_us > 0 ? MSG_DONTWAIT : MSG_WAITFORONE, NULL);
	for (int i = 0; i < count; i++) {
		size_t len = answer(io.bytes[i], io.messages[i].msg_len, ttl);
		if (delay_us > 0 && len > 0)
			put_off((size_t)i, len, now_us() + delay_us);
		io.data[i].iov_len = len;
		ready++;
	}
	if (delay_us == 0 && ready > 0)
		sendmmsg(fd, io.messages, ready, 0);
	send_due(fd);
}

int main(int argc, char **argv)
{
	if (argc != 5)
		return 2;
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(53) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), on = 1, room = 1 << 20;
	unsigned batch = (unsigned)atoi(argv[4]);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
	if (inet_pton(AF_INET, argv[1], &at.sin_addr) != 1 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0) {
		perror("dns_responder");
		return 1;
	}
	for (;;)
		serve(fd, (uint32_t)atoi(argv[2]), (uint64_t)atoll(argv[3]), batch < BATCH_MAX ? batch : BATCH_MAX);
}
