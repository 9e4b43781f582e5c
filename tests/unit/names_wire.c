/* Two ends on a loopback of their own, the worker between them, and what TLS clients and servers say. */
#include "names_wire.h"
#include "core/socket.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct names_loop wire_loop;
int wire_supervisor;

/* A loopback of the test's own, where that can be had: whatever the host's packet filter says */
static void own_loopback(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int any;

	if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return;
	any = socket(AF_INET, SOCK_DGRAM, 0);
	cr_assert_eq(ioctl(any, SIOCSIFFLAGS, &lo), 0);
	close(any);
}

void wire_up(void)
{
	int channel[2];

	own_loopback();
	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, channel), 0);
	wire_supervisor = channel[0];
	wire_loop = (struct names_loop){ .epoll = epoll_create1(EPOLL_CLOEXEC), .control = channel[1], .now_ms = 1000 };
	cr_assert(wire_loop.epoll >= 0 && names_flows_init(&wire_loop, WIRE_ROOM));
}

/* ---- the two ends ---- */

void wire_pair(int *theirs, int *ours)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	cr_assert(listener >= 0 && !bind(listener, (struct sockaddr *)&at, len) && !listen(listener, 1));
	cr_assert_eq(getsockname(listener, (struct sockaddr *)&at, &len), 0);
	*theirs = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(connect(*theirs, (struct sockaddr *)&at, len), 0);
	*ours = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	cr_assert(*ours >= 0);
	socket_set(*theirs, SOL_TCP, TCP_NODELAY, 1);
	socket_set_reset(*ours, true);
	close(listener);
}

struct wire_ends wire_start(uint32_t serial, bool server_first)
{
	struct wire_ends ends;
	int client, server;

	wire_pair(&ends.client, &client);
	wire_pair(&ends.server, &server);
	names_flow_start(&wire_loop,
			 &(struct names_message){ .kind = NAMES_PAIR,
						  .serial = serial,
						  .judged = serial != NAMES_NO_SERIAL,
						  .server_first = server_first },
			 client, server);
	return ends;
}

int wire_serve_once(int timeout_ms)
{
	struct epoll_event events[32];
	int count = epoll_wait(wire_loop.epoll, events, 32, timeout_ms);

	for (int i = 0; i < count; i++)
		relay_pairs_event(&wire_loop.pairs, (union relay_event){ .u64 = events[i].data.u64 }, events[i].events);
	relay_pairs_ready(&wire_loop.pairs);
	return count;
}

void wire_serve(void)
{
	while (wire_serve_once(20) > 0)
		;
}

void wire_say(int fd, const void *bytes, size_t len)
{
	cr_assert_eq(send(fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
	wire_serve();
}

ssize_t wire_heard(int fd, void *bytes, size_t most)
{
	ssize_t got = recv(fd, bytes, most, MSG_DONTWAIT);

	return got < 0 && errno == EAGAIN ? 0 : got;
}

void wire_expect_heard(int fd, const void *bytes, size_t len)
{
	static char got[2 * HELLO_MAX];

	cr_assert_eq(wire_heard(fd, got, sizeof got), (ssize_t)len);
	cr_assert_eq(memcmp(got, bytes, len), 0);
}

void wire_expect_silence(int fd)
{
	char byte;

	cr_assert(recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN, "bytes, an end or a reset");
}

void wire_expect_refused(struct wire_ends ends)
{
	char byte;

	wire_serve();
	cr_assert(recv(ends.client, &byte, 1, MSG_DONTWAIT) < 0 && errno == ECONNRESET);
	cr_assert(recv(ends.server, &byte, 1, MSG_DONTWAIT) < 0 && errno == ECONNRESET);
}

/* ---- the supervisor ---- */

bool wire_next_ask(struct names_ask *ask)
{
	return recv(wire_supervisor, ask, sizeof *ask, MSG_DONTWAIT) == sizeof *ask;
}

struct names_ask wire_asked(uint32_t serial, enum names_saw saw, const char *name)
{
	struct names_ask ask;

	cr_assert(wire_next_ask(&ask), "it does not ask");
	cr_assert_eq(ask.kind, NAMES_ASK);
	cr_assert_eq(ask.serial, serial);
	cr_assert_eq(ask.saw, saw);
	cr_assert_eq(ask.has_name, name != NULL);
	cr_assert_eq(ask.name_len, name ? strlen(name) : 0);
	cr_assert(!name || !memcmp(ask.name, name, strlen(name)));
	return ask;
}

void wire_asks_nothing(void)
{
	struct names_ask ask;

	cr_assert(!wire_next_ask(&ask));
}

void wire_answer(const struct names_ask *ask, bool allowed)
{
	names_flow_verdict(&wire_loop, &(struct names_message){ .kind = NAMES_VERDICT,
								.serial = ask->serial,
								.token = ask->token,
								.allowed = allowed });
	wire_serve();
}

bool wire_was_given_back(uint32_t serial)
{
	for (size_t i = 0; i < wire_loop.given_back_count; i++)
		if (wire_loop.given_back[i] == serial)
			return true;
	return false;
}

/* ---- what is sent ---- */

static void put(struct wire_bytes *bytes, size_t value, int size)
{
	while (size-- > 0)
		bytes->at[bytes->len++] = (uint8_t)(value >> 8 * size);
}

struct wire_bytes wire_hello(const char *name, size_t fill)
{
	struct wire_bytes hello = { .len = 0 };
	size_t len = name ? strlen(name) : 0, extensions = (fill ? 4 + fill : 0) + (name ? 9 + len : 0);

	put(&hello, 0x160301, 3);
	put(&hello, 4 + 2 + 32 + 1 + 4 + 2 + 2 + extensions, 2);
	put(&hello, 1, 1);
	put(&hello, 2 + 32 + 1 + 4 + 2 + 2 + extensions, 3);
	put(&hello, 0x0303, 2);
	hello.len += 32;
	put(&hello, 0, 1);
	put(&hello, 0x00021301, 4);
	put(&hello, 0x0100, 2);
	put(&hello, extensions, 2);
	if (fill) {
		put(&hello, 0x0015, 2); /* padding */
		put(&hello, fill, 2);
		hello.len += fill;
	}
	if (name) {
		put(&hello, 0, 2);
		put(&hello, len + 5, 2);
		put(&hello, len + 3, 2);
		put(&hello, 0, 1);
		put(&hello, len, 2);
		memcpy(hello.at + hello.len, name, len);
		hello.len += len;
	}
	return hello;
}

struct wire_bytes wire_server_hello(bool retry)
{
	static const uint8_t random[32] = { 0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
					    0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
					    0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c };
	struct wire_bytes hello = { .len = 0 };

	put(&hello, 0x160303, 3);
	put(&hello, 4 + 2 + 32 + 1 + 2 + 1, 2);
	put(&hello, 2, 1);
	put(&hello, 2 + 32 + 1 + 2 + 1, 3);
	put(&hello, 0x0303, 2);
	memcpy(hello.at + hello.len, random, 32);
	hello.at[hello.len] ^= !retry;
	hello.len += 32;
	put(&hello, 0, 1);
	put(&hello, 0x1301, 2);
	put(&hello, 0, 1);
	return hello;
}
