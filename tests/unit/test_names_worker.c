/* The name worker without its process: a client, a server and a supervisor, each by its end of a socket. */
#include "core/socket.h"
#include "names/names_worker.h"

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

#define ROOM 16

static struct names_loop loop;
static int supervisor;

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

static void setup(void)
{
	int channel[2];

	own_loopback();
	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, channel), 0);
	supervisor = channel[0];
	loop = (struct names_loop){ .epoll = epoll_create1(EPOLL_CLOEXEC), .control = channel[1], .now_ms = 1000 };
	cr_assert(loop.epoll >= 0 && names_flows_init(&loop, ROOM));
}

TestSuite(names_worker, .init = setup);

/* ---- the two ends ---- */

struct ends {
	int client, server;
};

/* Two ends of a TCP connection on the loopback, as the supervisor makes them: a close of `ours` is a reset */
static void tcp_pair(int *theirs, int *ours)
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

static struct ends start(uint32_t serial, bool server_first)
{
	struct ends ends;
	int client, server;

	tcp_pair(&ends.client, &client);
	tcp_pair(&ends.server, &server);
	names_flow_start(&loop,
			 &(struct names_message){ .kind = NAMES_PAIR,
						  .serial = serial,
						  .judged = serial != NAMES_NO_SERIAL,
						  .server_first = server_first },
			 client, server);
	return ends;
}

/* One batch of events, as the worker's loop has it */
static int serve_once(int timeout_ms)
{
	struct epoll_event events[32];
	int count = epoll_wait(loop.epoll, events, 32, timeout_ms);

	for (int i = 0; i < count; i++)
		relay_pairs_event(&loop.pairs, (union relay_event){ .u64 = events[i].data.u64 }, events[i].events);
	relay_pairs_ready(&loop.pairs);
	return count;
}

static void serve(void)
{
	while (serve_once(20) > 0)
		;
}

static void say(int fd, const void *bytes, size_t len)
{
	cr_assert_eq(send(fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
	serve();
}

/* How many bytes are there to be read; -1: none, it was reset; 0 at the end, too */
static ssize_t heard(int fd, void *bytes, size_t most)
{
	ssize_t got = recv(fd, bytes, most, MSG_DONTWAIT);

	return got < 0 && errno == EAGAIN ? 0 : got;
}

static void expect_heard(int fd, const void *bytes, size_t len)
{
	static char got[2 * HELLO_MAX];

	cr_assert_eq(heard(fd, got, sizeof got), (ssize_t)len);
	cr_assert_eq(memcmp(got, bytes, len), 0);
}

static void expect_silence(int fd)
{
	char byte;

	cr_assert(recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN, "bytes, an end or a reset");
}

/* Nothing was ever sent to the server, and both are gone */
static void expect_refused(struct ends ends)
{
	char byte;

	serve();
	cr_assert(recv(ends.client, &byte, 1, MSG_DONTWAIT) < 0 && errno == ECONNRESET);
	cr_assert(recv(ends.server, &byte, 1, MSG_DONTWAIT) < 0 && errno == ECONNRESET);
}

/* ---- the supervisor ---- */

static bool next_ask(struct names_ask *ask)
{
	return recv(supervisor, ask, sizeof *ask, MSG_DONTWAIT) == sizeof *ask;
}

static struct names_ask asked(uint32_t serial, enum names_saw saw, const char *name)
{
	struct names_ask ask;

	cr_assert(next_ask(&ask), "it does not ask");
	cr_assert_eq(ask.kind, NAMES_ASK);
	cr_assert_eq(ask.serial, serial);
	cr_assert_eq(ask.saw, saw);
	cr_assert_eq(ask.has_name, name != NULL);
	cr_assert_eq(ask.name_len, name ? strlen(name) : 0);
	cr_assert(!name || !memcmp(ask.name, name, strlen(name)));
	return ask;
}

static void asks_nothing(void)
{
	struct names_ask ask;

	cr_assert(!next_ask(&ask));
}

static void answer(const struct names_ask *ask, bool allowed)
{
	names_flow_verdict(
		&loop, &(struct names_message){
			       .kind = NAMES_VERDICT, .serial = ask->serial, .token = ask->token, .allowed = allowed });
	serve();
}

static bool was_given_back(uint32_t serial)
{
	for (size_t i = 0; i < loop.given_back_count; i++)
		if (loop.given_back[i] == serial)
			return true;
	return false;
}

/* ---- what is sent ---- */

struct bytes {
	uint8_t at[HELLO_MAX + 8];
	size_t len;
};

static void put(struct bytes *bytes, size_t value, int size)
{
	while (size-- > 0)
		bytes->at[bytes->len++] = (uint8_t)(value >> 8 * size);
}

/* A ClientHello; `name` NULL: without one; `fill` bytes of another extension in front of the name */
static struct bytes hello_of(const char *name, size_t fill)
{
	struct bytes hello = { .len = 0 };
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

/* A ServerHello: a HelloRetryRequest, or not */
static struct bytes server_hello(bool retry)
{
	static const uint8_t random[32] = { 0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
					    0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
					    0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c };
	struct bytes hello = { .len = 0 };

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

static const uint8_t change_cipher_spec[] = { 20, 3, 3, 0, 1, 1 };

/* ---- tests ---- */

Test(names_worker, the_hello_is_held_asked_about_and_passed_whole)
{
	struct ends ends = start(7, false);
	struct bytes hello = hello_of("good.example", 0);

	serve();
	asks_nothing();
	say(ends.client, hello.at, hello.len);
	struct names_ask ask = asked(7, NAMES_SAW_START, "good.example");
	expect_silence(ends.server);
	answer(&ask, true);
	expect_heard(ends.server, hello.at, hello.len);
	asks_nothing();
}

Test(names_worker, a_hello_that_is_there_before_the_pair_is_asked_about_at_once)
{
	struct ends ends;
	struct bytes hello = hello_of("good.example", 0);
	int client, server;

	tcp_pair(&ends.client, &client);
	tcp_pair(&ends.server, &server);
	cr_assert_eq(send(ends.client, hello.at, hello.len, 0), (ssize_t)hello.len);
	struct pollfd there = { .fd = client, .events = POLLIN };
	cr_assert_eq(poll(&there, 1, 1000), 1);
	names_flow_start(&loop, &(struct names_message){ .kind = NAMES_PAIR, .serial = 3, .judged = true }, client,
			 server);
	asked(3, NAMES_SAW_START, "good.example");
}

/* A pair whose verdict on that name is known, and what the client says of itself; whether that is asked about */
static bool is_asked_about(const char *foreseen, const char *said, struct ends *ends, struct bytes *hello)
{
	struct names_message pair = {
		.kind = NAMES_PAIR, .serial = 7, .judged = true, .foreseen_len = (uint8_t)strlen(foreseen)
	};
	struct names_ask ask;
	int client, server;

	memcpy(pair.foreseen, foreseen, pair.foreseen_len);
	tcp_pair(&ends->client, &client);
	tcp_pair(&ends->server, &server);
	names_flow_start(&loop, &pair, client, server);
	*hello = hello_of(said, 0);
	say(ends->client, hello->at, hello->len);
	return recv(supervisor, &ask, sizeof ask, MSG_DONTWAIT) > 0;
}

Test(names_worker, a_name_that_is_foreseen_passes_without_an_ask_and_nothing_behind_it)
{
	struct bytes hello, answer_of_server = server_hello(false);
	struct ends ends;

	cr_assert(!is_asked_about("good.example", "good.example", &ends, &hello));
	expect_heard(ends.server, hello.at, hello.len);
	say(ends.client, "more", 4);
	expect_silence(ends.server);
	say(ends.server, answer_of_server.at, answer_of_server.len);
	expect_heard(ends.client, answer_of_server.at, answer_of_server.len);
	expect_heard(ends.server, "more", 4);
	cr_assert(!was_given_back(7), "it goes on");
}

Test(names_worker, any_other_name_than_the_foreseen_is_asked_about)
{
	static const char *const others[] = { "evil.example", "GOOD.example", "good.example.", "good.exampl",
					      "a.good.example" };

	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		struct bytes hello;
		struct ends ends;

		cr_expect(is_asked_about("good.example", others[i], &ends, &hello), "%s", others[i]);
		expect_silence(ends.server);
	}
}

Test(names_worker, a_refused_hello_resets_both_and_nothing_has_passed)
{
	struct ends ends = start(7, true);
	struct bytes hello = hello_of("evil.example", 0);

	say(ends.client, hello.at, hello.len);
	struct names_ask ask = asked(7, NAMES_SAW_START, "evil.example");
	answer(&ask, false);
	expect_refused(ends);
	cr_assert_eq(loop.budget.count, 0);
	cr_assert(!was_given_back(7), "the supervisor has it already");
}

Test(names_worker, what_follows_the_hello_waits_for_the_servers_first_record)
{
	struct ends ends = start(7, true);
	struct bytes hello = hello_of("good.example", 0), answer_of_server = server_hello(false);
	size_t len = hello.len;

	memcpy(hello.at + hello.len, "early", 5);
	say(ends.client, hello.at, hello.len + 5);
	struct names_ask ask = asked(7, NAMES_SAW_START, "good.example");
	answer(&ask, true);
	expect_heard(ends.server, hello.at, len);
	say(ends.client, "more", 4);
	expect_silence(ends.server);
	say(ends.server, answer_of_server.at, 20); /* not enough to tell */
	expect_silence(ends.client);
	say(ends.server, answer_of_server.at + 20, answer_of_server.len - 20);
	expect_heard(ends.client, answer_of_server.at, answer_of_server.len);
	expect_heard(ends.server, "earlymore", 9);
	cr_assert(!was_given_back(7), "it goes on");
}

Test(names_worker, no_tls_is_asked_about_without_a_name_and_then_open)
{
	struct ends ends = start(7, true);

	say(ends.client, "G", 1);
	struct names_ask ask = asked(7, NAMES_SAW_START, NULL);
	expect_silence(ends.server);
	answer(&ask, true);
	say(ends.client, "ET /", 4);
	expect_heard(ends.server, "GET /", 5);
	say(ends.server, "200", 3);
	expect_heard(ends.client, "200", 3);
}

Test(names_worker, a_server_that_speaks_first_is_heard_where_it_may)
{
	struct ends may = start(1, true), may_not = start(2, false);

	say(may.server, "220 ready", 9);
	expect_heard(may.client, "220 ready", 9);
	say(may_not.server, "220 ready", 9);
	expect_silence(may_not.client);
	say(may.client, "EHLO", 4);
	struct names_ask ask = asked(1, NAMES_SAW_START, NULL);
	answer(&ask, true);
	expect_heard(may.server, "EHLO", 4);
	say(may_not.client, "EHLO", 4);
	ask = asked(2, NAMES_SAW_START, NULL);
	answer(&ask, true);
	expect_heard(may_not.client, "220 ready", 9);
}

Test(names_worker, a_hello_in_single_bytes_is_one)
{
	struct ends ends = start(7, true);
	struct bytes hello = hello_of("good.example", 0);

	for (size_t i = 0; i < hello.len; i++) {
		asks_nothing();
		cr_assert_eq(send(ends.client, hello.at + i, 1, 0), 1);
		serve_once(1000);
	}
	serve();
	struct names_ask ask = asked(7, NAMES_SAW_START, "good.example");
	expect_silence(ends.server);
	answer(&ask, true);
	expect_heard(ends.server, hello.at, hello.len);
}

Test(names_worker, hellos_up_to_the_bound)
{
	struct ends fits = start(1, true), over = start(2, true);
	struct bytes hello = hello_of("good.example", 0);

	hello = hello_of("good.example", HELLO_MAX - hello.len - 4);
	cr_assert_eq(hello.len, HELLO_MAX);
	say(fits.client, hello.at, hello.len);
	struct names_ask ask = asked(1, NAMES_SAW_START, "good.example");
	answer(&ask, true);
	expect_heard(fits.server, hello.at, hello.len);
	hello = hello_of("good.example", HELLO_MAX - 70);
	cr_assert_gt(hello.len, HELLO_MAX);
	say(over.client, hello.at, hello.len);
	asked(2, NAMES_SAW_MALFORMED, NULL);
	expect_refused(over);
}

Test(names_worker, malformed_hellos_and_ends_within_one)
{
	struct ends malformed = start(1, true), ended = start(2, true);
	struct bytes hello = hello_of("good.example", 0);

	say(ended.client, hello.at, 30);
	asks_nothing();
	cr_assert_eq(shutdown(ended.client, SHUT_WR), 0);
	serve();
	asked(2, NAMES_SAW_MALFORMED, NULL);
	char byte;
	cr_assert_neq(recv(ended.server, &byte, 1, MSG_DONTWAIT), 1);
	hello.at[8]++; /* the message is longer than its record, and the next record is none */
	memcpy(hello.at + hello.len, "plain", 5);
	say(malformed.client, hello.at, hello.len + 5);
	asked(1, NAMES_SAW_MALFORMED, NULL);
	expect_refused(malformed);
	cr_assert_eq(loop.budget.count, 0);
}

Test(names_worker, five_seconds_from_the_first_byte)
{
	struct ends silent = start(1, true), slow = start(2, true);
	struct bytes hello = hello_of("good.example", 0);

	loop.now_ms += 1000000; /* a client may say nothing for as long as it likes */
	names_flows_expire(&loop);
	say(slow.client, hello.at, 1);
	cr_assert_eq(names_flows_wait(&loop), NAMES_HELLO_MS);
	loop.now_ms += NAMES_HELLO_MS - 1;
	say(slow.client, hello.at + 1, 1); /* a byte more gains nothing */
	names_flows_expire(&loop);
	asks_nothing();
	loop.now_ms++;
	names_flows_expire(&loop);
	asked(2, NAMES_SAW_SLOW, NULL);
	expect_refused(slow);
	expect_silence(silent.client);
	cr_assert_eq(loop.budget.count, 1);
}

Test(names_worker, a_client_that_only_listens_is_judged_without_a_name)
{
	struct ends ends = start(7, true);

	cr_assert_eq(shutdown(ends.client, SHUT_WR), 0);
	serve();
	struct names_ask ask = asked(7, NAMES_SAW_START, NULL);
	expect_silence(ends.server);
	answer(&ask, true);
	char byte;
	cr_assert_eq(recv(ends.server, &byte, 1, MSG_DONTWAIT), 0);
	say(ends.server, "banner", 6);
	expect_heard(ends.client, "banner", 6);
	close(ends.server);
	serve();
	cr_assert_eq(loop.budget.count, 0);
}

/* The hello has passed, and the server wants another */
static struct ends retried(const char *name, uint32_t serial)
{
	struct ends ends = start(serial, true);
	struct bytes hello = hello_of(name, 0), retry = server_hello(true);

	say(ends.client, hello.at, hello.len);
	struct names_ask ask = asked(serial, NAMES_SAW_START, name);
	answer(&ask, true);
	expect_heard(ends.server, hello.at, hello.len);
	say(ends.server, retry.at, retry.len);
	expect_heard(ends.client, retry.at, retry.len);
	return ends;
}

Test(names_worker, a_second_hello_says_the_same)
{
	struct ends ends = retried("good.example", 7);
	struct bytes hello = hello_of("good.example", 20);

	say(ends.client, change_cipher_spec, sizeof change_cipher_spec);
	expect_heard(ends.server, change_cipher_spec, sizeof change_cipher_spec);
	say(ends.client, hello.at, hello.len - 1);
	expect_silence(ends.server);
	say(ends.client, hello.at + hello.len - 1, 1);
	expect_heard(ends.server, hello.at, hello.len);
	say(ends.client, "anything", 8);
	expect_heard(ends.server, "anything", 8);
	asks_nothing();
	cr_assert(!was_given_back(7), "it goes on");
}

/* Each record is looked at by itself: a client that sends them without end would have the worker for itself. */
Test(names_worker, many_records_before_a_second_hello_take_turns_with_other_flows)
{
	enum { COUNT = 300, SIZE = sizeof change_cipher_spec };
	struct ends ends = retried("good.example", 7);
	struct bytes evil = hello_of("evil.example", 0);
	static uint8_t records[COUNT * SIZE];
	size_t got = 0;

	for (size_t i = 0; i < COUNT; i++)
		memcpy(records + i * SIZE, change_cipher_spec, SIZE);
	cr_assert_eq(send(ends.client, records, sizeof records, 0), (ssize_t)sizeof records);
	cr_assert_eq(serve_once(1000), 1);
	cr_assert(loop.pairs.ready, "all at once");
	while (loop.pairs.ready)
		relay_pairs_ready(&loop.pairs);
	while (got < sizeof records) {
		struct pollfd there = { .fd = ends.server, .events = POLLIN };
		cr_assert_eq(poll(&there, 1, 2000), 1);
		ssize_t more = recv(ends.server, records, sizeof records, MSG_DONTWAIT);
		cr_assert_gt(more, 0);
		got += (size_t)more;
	}
	say(ends.client, evil.at, evil.len);
	asked(7, NAMES_SAW_RENAMED, "evil.example");
	expect_refused(ends);
}

Test(names_worker, a_second_hello_with_another_name_is_refused)
{
	struct ends ends = retried("good.example", 7);
	struct bytes hello = hello_of("evil.example", 0), all = { .len = 0 };

	memcpy(all.at, change_cipher_spec, sizeof change_cipher_spec);
	memcpy(all.at + sizeof change_cipher_spec, hello.at, hello.len);
	say(ends.client, all.at, sizeof change_cipher_spec + hello.len);
	asked(7, NAMES_SAW_RENAMED, "evil.example");
	char got[64];
	cr_assert_leq(heard(ends.server, got, sizeof got), (ssize_t)sizeof change_cipher_spec);
	cr_assert(recv(ends.client, got, 1, MSG_DONTWAIT) < 0 && errno == ECONNRESET);
	cr_assert(!was_given_back(7));
}

Test(names_worker, a_second_hello_without_a_name_or_that_is_none_is_refused)
{
	struct ends nameless = retried("good.example", 1), plain = retried("good.example", 2),
		    slow = retried("good.example", 3);
	struct bytes hello = hello_of(NULL, 0);

	say(nameless.client, hello.at, hello.len);
	asked(1, NAMES_SAW_RENAMED, NULL);
	expect_refused(nameless);
	say(plain.client, "GET / HTTP/1.1", 14);
	asked(2, NAMES_SAW_MALFORMED, NULL);
	expect_refused(plain);
	say(slow.client, hello.at, 1);
	loop.now_ms += NAMES_HELLO_MS;
	names_flows_expire(&loop);
	asked(3, NAMES_SAW_SLOW, NULL);
	expect_refused(slow);
}

Test(names_worker, an_urgent_byte_in_what_is_judged_is_refused)
{
	struct ends within = start(1, true), first = start(2, true), behind = start(3, true);
	struct bytes hello = hello_of("good.example", 0);

	cr_assert_eq(send(within.client, hello.at, 40, 0), 40);
	cr_assert_eq(send(within.client, "x", 1, MSG_OOB), 1);
	say(within.client, hello.at + 40, hello.len - 40);
	asked(1, NAMES_SAW_MALFORMED, NULL);
	expect_refused(within);
	cr_assert_eq(send(first.client, hello.at, 1, MSG_OOB), 1);
	say(first.client, hello.at + 1, hello.len - 1);
	asked(2, NAMES_SAW_MALFORMED, NULL);
	expect_refused(first);
	/* once it is open, it is passed on as one */
	say(behind.client, "telnet", 6);
	struct names_ask ask = asked(3, NAMES_SAW_START, NULL);
	answer(&ask, true);
	expect_heard(behind.server, "telnet", 6);
	cr_assert_eq(send(behind.client, "!", 1, MSG_OOB), 1);
	serve();
	char byte;
	cr_assert_eq(recv(behind.server, &byte, 1, MSG_OOB | MSG_DONTWAIT), 1);
	cr_assert_eq(byte, '!');
}

Test(names_worker, half_closed_flows_carry_the_other_half)
{
	struct ends ends = start(7, true);
	struct bytes hello = hello_of("good.example", 0), answer_of_server = server_hello(false);
	char byte;

	cr_assert_eq(send(ends.client, hello.at, hello.len, 0), (ssize_t)hello.len);
	cr_assert_eq(shutdown(ends.client, SHUT_WR), 0);
	serve();
	struct names_ask ask = asked(7, NAMES_SAW_START, "good.example");
	answer(&ask, true);
	expect_heard(ends.server, hello.at, hello.len);
	/* at once: a server may wait for it, and behind it no second hello can come */
	cr_assert_eq(recv(ends.server, &byte, 1, MSG_DONTWAIT), 0);
	say(ends.server, answer_of_server.at, answer_of_server.len);
	expect_heard(ends.client, answer_of_server.at, answer_of_server.len);
	say(ends.server, "rest", 4);
	expect_heard(ends.client, "rest", 4);
	cr_assert_eq(shutdown(ends.server, SHUT_WR), 0);
	serve();
	cr_assert_eq(recv(ends.client, &byte, 1, MSG_DONTWAIT), 0);
	cr_assert_eq(loop.budget.count, 0);
}

Test(names_worker, the_end_behind_a_foreseen_hello_passes_with_it)
{
	struct names_message pair = {
		.kind = NAMES_PAIR, .serial = 7, .judged = true, .foreseen_len = 12, .foreseen = "good.example"
	};
	struct bytes hello = hello_of("good.example", 0);
	int client, server, ours, far;
	char byte;

	tcp_pair(&client, &ours);
	tcp_pair(&server, &far);
	names_flow_start(&loop, &pair, ours, far);
	serve(); /* it is connected before the client speaks */
	cr_assert_eq(send(client, hello.at, hello.len, 0), (ssize_t)hello.len);
	cr_assert_eq(shutdown(client, SHUT_WR), 0);
	serve();
	expect_heard(server, hello.at, hello.len);
	cr_assert_eq(recv(server, &byte, 1, MSG_DONTWAIT), 0);
}

/* A client that keeps a connection for later has to see that it is of no use any more. */
Test(names_worker, a_server_that_ends_the_connection_is_seen_to_before_the_client_speaks)
{
	struct ends ends = start(7, false), spoke = start(8, false);
	struct bytes hello = hello_of("good.example", 0);
	char byte;

	cr_assert_eq(shutdown(ends.server, SHUT_WR), 0);
	serve();
	cr_assert_eq(recv(ends.client, &byte, 1, MSG_DONTWAIT), 0);
	say(ends.client, hello.at, hello.len);
	struct names_ask ask = asked(7, NAMES_SAW_START, "good.example");
	expect_silence(ends.server);
	answer(&ask, true);
	expect_heard(ends.server, hello.at, hello.len);
	cr_assert_eq(shutdown(ends.client, SHUT_WR), 0);
	serve();
	/* what it has said is not for a client whose name is not known */
	say(spoke.server, "220 ready", 9);
	cr_assert_eq(shutdown(spoke.server, SHUT_WR), 0);
	serve();
	expect_silence(spoke.client);
	cr_assert_eq(loop.budget.count, 1);
}

/* A connection that waits for room in the listener's queue, and what fills that */
static int connecting(int listener, int fillers[static 8])
{
	struct sockaddr_in at;
	socklen_t len = sizeof at;

	cr_assert_eq(getsockname(listener, (struct sockaddr *)&at, &len), 0);
	for (int i = 0; i < 8; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		struct pollfd connected = { .fd = fd, .events = POLLOUT };
		connect(fd, (struct sockaddr *)&at, len);
		if (poll(&connected, 1, 50) == 0)
			return fd;
		fillers[i] = fd;
	}
	cr_assert_fail("the queue is never full");
	return -1;
}

Test(names_worker, the_end_of_a_client_does_not_give_up_a_connection_that_is_on_its_way)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), fillers[8], client, ours, server = -1;
	char byte;

	cr_assert(listener >= 0 && !bind(listener, (struct sockaddr *)&at, sizeof at) && !listen(listener, 0));
	int far = connecting(listener, fillers);
	tcp_pair(&client, &ours);
	names_flow_start(
		&loop, &(struct names_message){ .kind = NAMES_PAIR, .serial = 7, .judged = true, .server_first = true },
		ours, far);
	cr_assert_eq(shutdown(client, SHUT_WR), 0);
	serve();
	struct names_ask ask = asked(7, NAMES_SAW_START, NULL);
	answer(&ask, true);
	close(accept(listener, NULL, NULL));
	for (int i = 0; i < 200 && server < 0; i++) { /* until the kernel tries once more */
		serve_once(50);
		server = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
		if (server >= 0 && recv(server, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == ECONNRESET)
			server = -1; /* one that filled the queue */
	}
	cr_assert_geq(server, 0, "it was given up");
	cr_assert_eq(send(server, "banner", 6, MSG_NOSIGNAL), 6);
	serve();
	expect_heard(client, "banner", 6);
	serve();
	cr_assert_eq(recv(server, &byte, 1, MSG_DONTWAIT), 0);
}

Test(names_worker, what_is_not_to_be_judged_goes_on_at_once)
{
	struct ends ends = start(NAMES_NO_SERIAL, false);
	struct bytes hello = hello_of("any.example", 0);

	say(ends.client, hello.at, hello.len);
	expect_heard(ends.server, hello.at, hello.len);
	asks_nothing();
	cr_assert_eq(loop.given_back_count, 0);
}

Test(names_worker, a_verdict_for_a_flow_that_has_ended_is_not_the_next_ones)
{
	struct ends first = start(1, true);
	struct bytes hello = hello_of("good.example", 0), evil = hello_of("evil.example", 0);

	say(first.client, hello.at, hello.len);
	struct names_ask ask = asked(1, NAMES_SAW_START, "good.example");
	socket_set_reset(first.client, true);
	close(first.client);
	serve();
	cr_assert_eq(loop.budget.count, 0);
	struct ends second = start(2, true); /* in the same slot */
	say(second.client, evil.at, evil.len);
	struct names_ask evils = asked(2, NAMES_SAW_START, "evil.example");
	cr_assert_eq(evils.given_back_count, 1);
	cr_assert_eq(evils.given_back[0], 1u);
	answer(&ask, true);
	expect_silence(second.server);
	answer(&evils, false);
	expect_refused(second);
}

Test(names_worker, an_event_of_an_ended_flow_is_not_the_next_ones)
{
	struct ends first = start(1, true), second;
	struct epoll_event events[8];

	socket_set_reset(first.client, true);
	close(first.client);
	int count = epoll_wait(loop.epoll, events, 8, 1000); /* one of each end, fetched in one batch */
	cr_assert_eq(count, 2);
	relay_pairs_break(&loop.pairs, &loop.pairs.items[0]);
	second = start(2, true);
	for (int i = 0; i < count; i++)
		relay_pairs_event(&loop.pairs, (union relay_event){ .u64 = events[i].data.u64 }, EPOLLERR);
	cr_assert_eq(loop.budget.count, 1);
	say(second.client, "GET /", 5);
	asked(2, NAMES_SAW_START, NULL);
}

Test(names_worker, a_full_table_refuses_the_newest_unless_somebody_never_spoke)
{
	struct ends used[ROOM];
	struct names_ask ask;

	for (uint32_t i = 0; i < ROOM; i++) {
		used[i] = start(i + 1, true);
		say(used[i].server, "banner", 6);
	}
	struct ends next = start(ROOM + 1, true);
	char byte;
	cr_assert(recv(next.client, &byte, 1, 0) < 0 && errno == ECONNRESET);
	cr_assert(next_ask(&ask) && ask.kind == NAMES_FULL);
	cr_assert(was_given_back(ROOM + 1) || ask.given_back[0] == ROOM + 1);
	next = start(ROOM + 1, true);
	asks_nothing(); /* it is told once */
	socket_set_reset(used[3].client, true);
	close(used[3].client);
	serve();
	struct ends silent = start(ROOM + 2, true);
	expect_silence(silent.client);
	loop.now_ms += RELAY_TCP_SETTLED_MS;
	next = start(ROOM + 3, true);
	expect_silence(next.client);
	cr_assert(recv(silent.client, &byte, 1, 0) < 0 && errno == ECONNRESET);
}

Test(names_worker, without_room_to_ask_nothing_passes)
{
	struct ends ends;
	struct bytes hello = hello_of("good.example", 0);
	struct names_ask ask = { .kind = NAMES_ASK };

	while (send(loop.control, &ask, sizeof ask, MSG_DONTWAIT) > 0)
		;
	ends = start(7, true);
	say(ends.client, hello.at, hello.len);
	expect_refused(ends);
	cr_assert(was_given_back(7));
	cr_assert(!loop.lost);
}

Test(names_worker, serials_are_given_back_by_themselves_where_nobody_asks)
{
	struct names_ask ask;
	size_t count = 0;

	for (uint32_t i = 1; i <= 2 * NAMES_GIVEN_BACK_MAX; i++) {
		struct ends ends = start(i, true);
		socket_set_reset(ends.client, true);
		close(ends.client);
		serve();
		close(ends.server);
	}
	while (next_ask(&ask)) {
		cr_assert_eq(ask.kind, NAMES_GIVE_BACK);
		count += ask.given_back_count;
	}
	cr_assert_eq(count + loop.given_back_count, 2 * NAMES_GIVEN_BACK_MAX);
	cr_assert_geq(count, NAMES_GIVEN_BACK_MAX);
}

Test(names_worker, a_long_answer_waits_for_a_client_that_does_not_read)
{
	struct ends ends = start(7, true);
	static char block[1 << 16], got[1 << 16];
	size_t sent = 0, total = 0;

	say(ends.client, "GET /", 5);
	struct names_ask ask = asked(7, NAMES_SAW_START, NULL);
	answer(&ask, true);
	for (ssize_t n; (n = send(ends.server, block, sizeof block, MSG_DONTWAIT)) > 0; serve_once(20))
		sent += (size_t)n;
	cr_assert_gt(sent, sizeof block);
	cr_assert_eq(shutdown(ends.server, SHUT_WR), 0);
	for (ssize_t n; total < sent; serve_once(20))
		if ((n = recv(ends.client, got, sizeof got, MSG_DONTWAIT)) > 0)
			total += (size_t)n;
	cr_assert_eq(total, sent);
}

Test(names_worker, a_flow_that_is_to_end_is_reset_at_both_ends_and_given_back_at_once)
{
	struct ends ends = start(7, true), other = start(8, true);
	struct names_ask ask;
	char byte;

	say(ends.client, "GET /", 5);
	ask = asked(7, NAMES_SAW_START, NULL);
	answer(&ask, true);
	expect_heard(ends.server, "GET /", 5);
	names_flow_stop(&loop, 7);
	cr_assert(recv(ends.client, &byte, 1, 0) < 0 && errno == ECONNRESET);
	cr_assert(recv(ends.server, &byte, 1, 0) < 0 && errno == ECONNRESET);
	cr_assert(next_ask(&ask) && ask.kind == NAMES_GIVE_BACK && ask.given_back_count == 1);
	cr_assert_eq(ask.given_back[0], 7u);
	names_flow_stop(&loop, 7); /* has ended */
	say(other.server, "banner", 6);
	expect_heard(other.client, "banner", 6);
}
