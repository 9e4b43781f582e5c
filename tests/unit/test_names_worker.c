/* What the name worker lets pass, asks, and ends. */
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

TestSuite(names_worker, .init = wire_up);

Test(names_worker, the_hello_is_held_asked_about_and_passed_whole)
{
	struct wire_ends ends = wire_start(7, false);
	struct wire_bytes hello = wire_hello("good.example", 0);

	wire_serve();
	wire_asks_nothing();
	wire_say(ends.client, hello.at, hello.len);
	struct names_ask ask = wire_asked(7, NAMES_SAW_START, "good.example");
	wire_expect_silence(ends.server);
	wire_answer(&ask, true);
	wire_expect_heard(ends.server, hello.at, hello.len);
	wire_asks_nothing();
}

Test(names_worker, a_hello_that_is_there_before_the_pair_is_asked_about_at_once)
{
	struct wire_ends ends;
	struct wire_bytes hello = wire_hello("good.example", 0);
	int client, server;

	wire_pair(&ends.client, &client);
	wire_pair(&ends.server, &server);
	cr_assert_eq(send(ends.client, hello.at, hello.len, 0), (ssize_t)hello.len);
	struct pollfd there = { .fd = client, .events = POLLIN };
	cr_assert_eq(poll(&there, 1, 1000), 1);
	names_flow_start(&wire_loop, &(struct names_message){ .kind = NAMES_PAIR, .serial = 3, .judged = true }, client,
			 server);
	wire_asked(3, NAMES_SAW_START, "good.example");
}

/* A pair whose verdict on that name is known, and what the client says of itself; whether that is asked about */
static bool is_asked_about(const char *foreseen, const char *said, struct wire_ends *ends, struct wire_bytes *hello)
{
	struct names_message pair = {
		.kind = NAMES_PAIR, .serial = 7, .judged = true, .foreseen_len = (uint8_t)strlen(foreseen)
	};
	struct names_ask ask;
	int client, server;

	memcpy(pair.foreseen, foreseen, pair.foreseen_len);
	wire_pair(&ends->client, &client);
	wire_pair(&ends->server, &server);
	names_flow_start(&wire_loop, &pair, client, server);
	*hello = wire_hello(said, 0);
	wire_say(ends->client, hello->at, hello->len);
	return recv(wire_supervisor, &ask, sizeof ask, MSG_DONTWAIT) > 0;
}

Test(names_worker, a_name_that_is_foreseen_passes_without_an_ask_and_nothing_behind_it)
{
	struct wire_bytes hello, answer_of_server = wire_server_hello(false);
	struct wire_ends ends;

	cr_assert(!is_asked_about("good.example", "good.example", &ends, &hello));
	wire_expect_heard(ends.server, hello.at, hello.len);
	wire_say(ends.client, "more", 4);
	wire_expect_silence(ends.server);
	wire_say(ends.server, answer_of_server.at, answer_of_server.len);
	wire_expect_heard(ends.client, answer_of_server.at, answer_of_server.len);
	wire_expect_heard(ends.server, "more", 4);
	cr_assert(!wire_was_given_back(7), "it goes on");
}

Test(names_worker, any_other_name_than_the_foreseen_is_asked_about)
{
	static const char *const others[] = { "evil.example", "GOOD.example", "good.example.", "good.exampl",
					      "a.good.example" };

	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		struct wire_bytes hello;
		struct wire_ends ends;

		cr_expect(is_asked_about("good.example", others[i], &ends, &hello), "%s", others[i]);
		wire_expect_silence(ends.server);
	}
}

Test(names_worker, a_refused_hello_resets_both_and_nothing_has_passed)
{
	struct wire_ends ends = wire_start(7, true);
	struct wire_bytes hello = wire_hello("evil.example", 0);

	wire_say(ends.client, hello.at, hello.len);
	struct names_ask ask = wire_asked(7, NAMES_SAW_START, "evil.example");
	wire_answer(&ask, false);
	wire_expect_refused(ends);
	cr_assert_eq(wire_loop.budget.count, 0);
	cr_assert(!wire_was_given_back(7), "the supervisor has it already");
}

Test(names_worker, what_follows_the_hello_waits_for_the_servers_first_record)
{
	struct wire_ends ends = wire_start(7, true);
	struct wire_bytes hello = wire_hello("good.example", 0), answer_of_server = wire_server_hello(false);
	size_t len = hello.len;

	memcpy(hello.at + hello.len, "early", 5);
	wire_say(ends.client, hello.at, hello.len + 5);
	struct names_ask ask = wire_asked(7, NAMES_SAW_START, "good.example");
	wire_answer(&ask, true);
	wire_expect_heard(ends.server, hello.at, len);
	wire_say(ends.client, "more", 4);
	wire_expect_silence(ends.server);
	wire_say(ends.server, answer_of_server.at, 20); /* not enough to tell */
	wire_expect_silence(ends.client);
	wire_say(ends.server, answer_of_server.at + 20, answer_of_server.len - 20);
	wire_expect_heard(ends.client, answer_of_server.at, answer_of_server.len);
	wire_expect_heard(ends.server, "earlymore", 9);
	cr_assert(!wire_was_given_back(7), "it goes on");
}

Test(names_worker, no_tls_is_asked_about_without_a_name_and_then_open)
{
	struct wire_ends ends = wire_start(7, true);

	wire_say(ends.client, "G", 1);
	struct names_ask ask = wire_asked(7, NAMES_SAW_START, NULL);
	wire_expect_silence(ends.server);
	wire_answer(&ask, true);
	wire_say(ends.client, "ET /", 4);
	wire_expect_heard(ends.server, "GET /", 5);
	wire_say(ends.server, "200", 3);
	wire_expect_heard(ends.client, "200", 3);
}

Test(names_worker, a_server_that_speaks_first_is_heard_where_it_may)
{
	struct wire_ends may = wire_start(1, true), may_not = wire_start(2, false);

	wire_say(may.server, "220 ready", 9);
	wire_expect_heard(may.client, "220 ready", 9);
	wire_say(may_not.server, "220 ready", 9);
	wire_expect_silence(may_not.client);
	wire_say(may.client, "EHLO", 4);
	struct names_ask ask = wire_asked(1, NAMES_SAW_START, NULL);
	wire_answer(&ask, true);
	wire_expect_heard(may.server, "EHLO", 4);
	wire_say(may_not.client, "EHLO", 4);
	ask = wire_asked(2, NAMES_SAW_START, NULL);
	wire_answer(&ask, true);
	wire_expect_heard(may_not.client, "220 ready", 9);
}

Test(names_worker, a_hello_in_single_bytes_is_one)
{
	struct wire_ends ends = wire_start(7, true);
	struct wire_bytes hello = wire_hello("good.example", 0);

	for (size_t i = 0; i < hello.len; i++) {
		wire_asks_nothing();
		cr_assert_eq(send(ends.client, hello.at + i, 1, 0), 1);
		wire_serve_once(1000);
	}
	wire_serve();
	struct names_ask ask = wire_asked(7, NAMES_SAW_START, "good.example");
	wire_expect_silence(ends.server);
	wire_answer(&ask, true);
	wire_expect_heard(ends.server, hello.at, hello.len);
}

Test(names_worker, hellos_up_to_the_bound)
{
	struct wire_ends fits = wire_start(1, true), over = wire_start(2, true);
	struct wire_bytes hello = wire_hello("good.example", 0);

	hello = wire_hello("good.example", HELLO_MAX - hello.len - 4);
	cr_assert_eq(hello.len, HELLO_MAX);
	wire_say(fits.client, hello.at, hello.len);
	struct names_ask ask = wire_asked(1, NAMES_SAW_START, "good.example");
	wire_answer(&ask, true);
	wire_expect_heard(fits.server, hello.at, hello.len);
	hello = wire_hello("good.example", HELLO_MAX - 70);
	cr_assert_gt(hello.len, HELLO_MAX);
	wire_say(over.client, hello.at, hello.len);
	wire_asked(2, NAMES_SAW_MALFORMED, NULL);
	wire_expect_refused(over);
}

Test(names_worker, malformed_hellos_and_ends_within_one)
{
	struct wire_ends malformed = wire_start(1, true), ended = wire_start(2, true);
	struct wire_bytes hello = wire_hello("good.example", 0);

	wire_say(ended.client, hello.at, 30);
	wire_asks_nothing();
	cr_assert_eq(shutdown(ended.client, SHUT_WR), 0);
	wire_serve();
	wire_asked(2, NAMES_SAW_MALFORMED, NULL);
	char byte;
	cr_assert_neq(recv(ended.server, &byte, 1, MSG_DONTWAIT), 1);
	hello.at[8]++; /* the message is longer than its record, and the next record is none */
	memcpy(hello.at + hello.len, "plain", 5);
	wire_say(malformed.client, hello.at, hello.len + 5);
	wire_asked(1, NAMES_SAW_MALFORMED, NULL);
	wire_expect_refused(malformed);
	cr_assert_eq(wire_loop.budget.count, 0);
}

Test(names_worker, five_seconds_from_the_first_byte)
{
	struct wire_ends silent = wire_start(1, true), slow = wire_start(2, true);
	struct wire_bytes hello = wire_hello("good.example", 0);

	wire_loop.now_ms += 1000000; /* a client may say nothing for as long as it likes */
	names_flows_expire(&wire_loop);
	wire_say(slow.client, hello.at, 1);
	cr_assert_eq(names_flows_wait(&wire_loop), NAMES_HELLO_MS);
	wire_loop.now_ms += NAMES_HELLO_MS - 1;
	wire_say(slow.client, hello.at + 1, 1); /* a byte more gains nothing */
	names_flows_expire(&wire_loop);
	wire_asks_nothing();
	wire_loop.now_ms++;
	names_flows_expire(&wire_loop);
	wire_asked(2, NAMES_SAW_SLOW, NULL);
	wire_expect_refused(slow);
	wire_expect_silence(silent.client);
	cr_assert_eq(wire_loop.budget.count, 1);
}

Test(names_worker, a_client_that_only_listens_is_judged_without_a_name)
{
	struct wire_ends ends = wire_start(7, true);

	cr_assert_eq(shutdown(ends.client, SHUT_WR), 0);
	wire_serve();
	struct names_ask ask = wire_asked(7, NAMES_SAW_START, NULL);
	wire_expect_silence(ends.server);
	wire_answer(&ask, true);
	char byte;
	cr_assert_eq(recv(ends.server, &byte, 1, MSG_DONTWAIT), 0);
	wire_say(ends.server, "banner", 6);
	wire_expect_heard(ends.client, "banner", 6);
	close(ends.server);
	wire_serve();
	cr_assert_eq(wire_loop.budget.count, 0);
}

/* The hello has passed, and the server wants another */
static struct wire_ends retried(const char *name, uint32_t serial)
{
	struct wire_ends ends = wire_start(serial, true);
	struct wire_bytes hello = wire_hello(name, 0), retry = wire_server_hello(true);

	wire_say(ends.client, hello.at, hello.len);
	struct names_ask ask = wire_asked(serial, NAMES_SAW_START, name);
	wire_answer(&ask, true);
	wire_expect_heard(ends.server, hello.at, hello.len);
	wire_say(ends.server, retry.at, retry.len);
	wire_expect_heard(ends.client, retry.at, retry.len);
	return ends;
}

Test(names_worker, a_second_hello_says_the_same)
{
	struct wire_ends ends = retried("good.example", 7);
	struct wire_bytes hello = wire_hello("good.example", 20);

	wire_say(ends.client, wire_change_cipher_spec, sizeof wire_change_cipher_spec);
	wire_expect_heard(ends.server, wire_change_cipher_spec, sizeof wire_change_cipher_spec);
	wire_say(ends.client, hello.at, hello.len - 1);
	wire_expect_silence(ends.server);
	wire_say(ends.client, hello.at + hello.len - 1, 1);
	wire_expect_heard(ends.server, hello.at, hello.len);
	wire_say(ends.client, "anything", 8);
	wire_expect_heard(ends.server, "anything", 8);
	wire_asks_nothing();
	cr_assert(!wire_was_given_back(7), "it goes on");
}

/* Each record is looked at by itself: a client that sends them without end would have the worker for itself. */
Test(names_worker, many_records_before_a_second_hello_take_turns_with_other_flows)
{
	enum { COUNT = 300, SIZE = sizeof wire_change_cipher_spec };
	struct wire_ends ends = retried("good.example", 7);
	struct wire_bytes evil = wire_hello("evil.example", 0);
	static uint8_t records[COUNT * SIZE];
	size_t got = 0;

	for (size_t i = 0; i < COUNT; i++)
		memcpy(records + i * SIZE, wire_change_cipher_spec, SIZE);
	cr_assert_eq(send(ends.client, records, sizeof records, 0), (ssize_t)sizeof records);
	cr_assert_eq(wire_serve_once(1000), 1);
	cr_assert(wire_loop.pairs.ready, "all at once");
	while (wire_loop.pairs.ready)
		relay_pairs_ready(&wire_loop.pairs);
	while (got < sizeof records) {
		struct pollfd there = { .fd = ends.server, .events = POLLIN };
		cr_assert_eq(poll(&there, 1, 2000), 1);
		ssize_t more = recv(ends.server, records, sizeof records, MSG_DONTWAIT);
		cr_assert_gt(more, 0);
		got += (size_t)more;
	}
	wire_say(ends.client, evil.at, evil.len);
	wire_asked(7, NAMES_SAW_RENAMED, "evil.example");
	wire_expect_refused(ends);
}

Test(names_worker, a_second_hello_with_another_name_is_refused)
{
	struct wire_ends ends = retried("good.example", 7);
	struct wire_bytes hello = wire_hello("evil.example", 0), all = { .len = 0 };

	memcpy(all.at, wire_change_cipher_spec, sizeof wire_change_cipher_spec);
	memcpy(all.at + sizeof wire_change_cipher_spec, hello.at, hello.len);
	wire_say(ends.client, all.at, sizeof wire_change_cipher_spec + hello.len);
	wire_asked(7, NAMES_SAW_RENAMED, "evil.example");
	char got[64];
	cr_assert_leq(wire_heard(ends.server, got, sizeof got), (ssize_t)sizeof wire_change_cipher_spec);
	cr_assert(recv(ends.client, got, 1, MSG_DONTWAIT) < 0 && errno == ECONNRESET);
	cr_assert(!wire_was_given_back(7));
}

Test(names_worker, a_second_hello_without_a_name_or_that_is_none_is_refused)
{
	struct wire_ends nameless = retried("good.example", 1), plain = retried("good.example", 2),
			 slow = retried("good.example", 3);
	struct wire_bytes hello = wire_hello(NULL, 0);

	wire_say(nameless.client, hello.at, hello.len);
	wire_asked(1, NAMES_SAW_RENAMED, NULL);
	wire_expect_refused(nameless);
	wire_say(plain.client, "GET / HTTP/1.1", 14);
	wire_asked(2, NAMES_SAW_MALFORMED, NULL);
	wire_expect_refused(plain);
	wire_say(slow.client, hello.at, 1);
	wire_loop.now_ms += NAMES_HELLO_MS;
	names_flows_expire(&wire_loop);
	wire_asked(3, NAMES_SAW_SLOW, NULL);
	wire_expect_refused(slow);
}

Test(names_worker, an_urgent_byte_in_what_is_judged_is_refused)
{
	struct wire_ends within = wire_start(1, true), first = wire_start(2, true), behind = wire_start(3, true);
	struct wire_bytes hello = wire_hello("good.example", 0);

	cr_assert_eq(send(within.client, hello.at, 40, 0), 40);
	cr_assert_eq(send(within.client, "x", 1, MSG_OOB), 1);
	wire_say(within.client, hello.at + 40, hello.len - 40);
	wire_asked(1, NAMES_SAW_MALFORMED, NULL);
	wire_expect_refused(within);
	cr_assert_eq(send(first.client, hello.at, 1, MSG_OOB), 1);
	wire_say(first.client, hello.at + 1, hello.len - 1);
	wire_asked(2, NAMES_SAW_MALFORMED, NULL);
	wire_expect_refused(first);
	/* once it is open, it is passed on as one */
	wire_say(behind.client, "telnet", 6);
	struct names_ask ask = wire_asked(3, NAMES_SAW_START, NULL);
	wire_answer(&ask, true);
	wire_expect_heard(behind.server, "telnet", 6);
	cr_assert_eq(send(behind.client, "!", 1, MSG_OOB), 1);
	wire_serve();
	char byte;
	cr_assert_eq(recv(behind.server, &byte, 1, MSG_OOB | MSG_DONTWAIT), 1);
	cr_assert_eq(byte, '!');
}

Test(names_worker, half_closed_flows_carry_the_other_half)
{
	struct wire_ends ends = wire_start(7, true);
	struct wire_bytes hello = wire_hello("good.example", 0), answer_of_server = wire_server_hello(false);
	char byte;

	cr_assert_eq(send(ends.client, hello.at, hello.len, 0), (ssize_t)hello.len);
	cr_assert_eq(shutdown(ends.client, SHUT_WR), 0);
	wire_serve();
	struct names_ask ask = wire_asked(7, NAMES_SAW_START, "good.example");
	wire_answer(&ask, true);
	wire_expect_heard(ends.server, hello.at, hello.len);
	/* at once: a server may wait for it, and behind it no second hello can come */
	cr_assert_eq(recv(ends.server, &byte, 1, MSG_DONTWAIT), 0);
	wire_say(ends.server, answer_of_server.at, answer_of_server.len);
	wire_expect_heard(ends.client, answer_of_server.at, answer_of_server.len);
	wire_say(ends.server, "rest", 4);
	wire_expect_heard(ends.client, "rest", 4);
	cr_assert_eq(shutdown(ends.server, SHUT_WR), 0);
	wire_serve();
	cr_assert_eq(recv(ends.client, &byte, 1, MSG_DONTWAIT), 0);
	cr_assert_eq(wire_loop.budget.count, 0);
}

Test(names_worker, the_end_behind_a_foreseen_hello_passes_with_it)
{
	struct names_message pair = {
		.kind = NAMES_PAIR, .serial = 7, .judged = true, .foreseen_len = 12, .foreseen = "good.example"
	};
	struct wire_bytes hello = wire_hello("good.example", 0);
	int client, server, ours, far;
	char byte;

	wire_pair(&client, &ours);
	wire_pair(&server, &far);
	names_flow_start(&wire_loop, &pair, ours, far);
	wire_serve(); /* it is connected before the client speaks */
	cr_assert_eq(send(client, hello.at, hello.len, 0), (ssize_t)hello.len);
	cr_assert_eq(shutdown(client, SHUT_WR), 0);
	wire_serve();
	wire_expect_heard(server, hello.at, hello.len);
	cr_assert_eq(recv(server, &byte, 1, MSG_DONTWAIT), 0);
}

/* A client that keeps a connection for later has to see that it is of no use any more. */
Test(names_worker, a_server_that_ends_the_connection_is_seen_to_before_the_client_speaks)
{
	struct wire_ends ends = wire_start(7, false), spoke = wire_start(8, false);
	struct wire_bytes hello = wire_hello("good.example", 0);
	char byte;

	cr_assert_eq(shutdown(ends.server, SHUT_WR), 0);
	wire_serve();
	cr_assert_eq(recv(ends.client, &byte, 1, MSG_DONTWAIT), 0);
	wire_say(ends.client, hello.at, hello.len);
	struct names_ask ask = wire_asked(7, NAMES_SAW_START, "good.example");
	wire_expect_silence(ends.server);
	wire_answer(&ask, true);
	wire_expect_heard(ends.server, hello.at, hello.len);
	cr_assert_eq(shutdown(ends.client, SHUT_WR), 0);
	wire_serve();
	/* what it has said is not for a client whose name is not known */
	wire_say(spoke.server, "220 ready", 9);
	cr_assert_eq(shutdown(spoke.server, SHUT_WR), 0);
	wire_serve();
	wire_expect_silence(spoke.client);
	cr_assert_eq(wire_loop.budget.count, 1);
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
	wire_pair(&client, &ours);
	names_flow_start(
		&wire_loop,
		&(struct names_message){ .kind = NAMES_PAIR, .serial = 7, .judged = true, .server_first = true }, ours,
		far);
	cr_assert_eq(shutdown(client, SHUT_WR), 0);
	wire_serve();
	struct names_ask ask = wire_asked(7, NAMES_SAW_START, NULL);
	wire_answer(&ask, true);
	close(accept(listener, NULL, NULL));
	for (int i = 0; i < 200 && server < 0; i++) { /* until the kernel tries once more */
		wire_serve_once(50);
		server = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
		if (server >= 0 && recv(server, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == ECONNRESET)
			server = -1; /* one that filled the queue */
	}
	cr_assert_geq(server, 0, "it was given up");
	cr_assert_eq(send(server, "banner", 6, MSG_NOSIGNAL), 6);
	wire_serve();
	wire_expect_heard(client, "banner", 6);
	wire_serve();
	cr_assert_eq(recv(server, &byte, 1, MSG_DONTWAIT), 0);
}

Test(names_worker, what_is_not_to_be_judged_goes_on_at_once)
{
	struct wire_ends ends = wire_start(NAMES_NO_SERIAL, false);
	struct wire_bytes hello = wire_hello("any.example", 0);

	wire_say(ends.client, hello.at, hello.len);
	wire_expect_heard(ends.server, hello.at, hello.len);
	wire_asks_nothing();
	cr_assert_eq(wire_loop.given_back_count, 0);
}

Test(names_worker, a_verdict_for_a_flow_that_has_ended_is_not_the_next_ones)
{
	struct wire_ends first = wire_start(1, true);
	struct wire_bytes hello = wire_hello("good.example", 0), evil = wire_hello("evil.example", 0);

	wire_say(first.client, hello.at, hello.len);
	struct names_ask ask = wire_asked(1, NAMES_SAW_START, "good.example");
	socket_set_reset(first.client, true);
	close(first.client);
	wire_serve();
	cr_assert_eq(wire_loop.budget.count, 0);
	struct wire_ends second = wire_start(2, true); /* in the same slot */
	wire_say(second.client, evil.at, evil.len);
	struct names_ask evils = wire_asked(2, NAMES_SAW_START, "evil.example");
	cr_assert_eq(evils.given_back_count, 1);
	cr_assert_eq(evils.given_back[0], 1u);
	wire_answer(&ask, true);
	wire_expect_silence(second.server);
	wire_answer(&evils, false);
	wire_expect_refused(second);
}

Test(names_worker, an_event_of_an_ended_flow_is_not_the_next_ones)
{
	struct wire_ends first = wire_start(1, true), second;
	struct epoll_event events[8];

	socket_set_reset(first.client, true);
	close(first.client);
	int count = epoll_wait(wire_loop.epoll, events, 8, 1000); /* one of each end, fetched in one batch */
	cr_assert_eq(count, 2);
	relay_pairs_break(&wire_loop.pairs, &wire_loop.pairs.items[0]);
	second = wire_start(2, true);
	for (int i = 0; i < count; i++)
		relay_pairs_event(&wire_loop.pairs, (union relay_event){ .u64 = events[i].data.u64 }, EPOLLERR);
	cr_assert_eq(wire_loop.budget.count, 1);
	wire_say(second.client, "GET /", 5);
	wire_asked(2, NAMES_SAW_START, NULL);
}

Test(names_worker, a_full_table_refuses_the_newest_unless_somebody_never_spoke)
{
	struct wire_ends used[WIRE_ROOM];
	struct names_ask ask;

	for (uint32_t i = 0; i < WIRE_ROOM; i++) {
		used[i] = wire_start(i + 1, true);
		wire_say(used[i].server, "banner", 6);
	}
	struct wire_ends next = wire_start(WIRE_ROOM + 1, true);
	char byte;
	cr_assert(recv(next.client, &byte, 1, 0) < 0 && errno == ECONNRESET);
	cr_assert(wire_next_ask(&ask) && ask.kind == NAMES_FULL);
	cr_assert(wire_was_given_back(WIRE_ROOM + 1) || ask.given_back[0] == WIRE_ROOM + 1);
	next = wire_start(WIRE_ROOM + 1, true);
	wire_asks_nothing(); /* it is told once */
	socket_set_reset(used[3].client, true);
	close(used[3].client);
	wire_serve();
	struct wire_ends silent = wire_start(WIRE_ROOM + 2, true);
	wire_expect_silence(silent.client);
	wire_loop.now_ms += RELAY_TCP_SETTLED_MS;
	next = wire_start(WIRE_ROOM + 3, true);
	wire_expect_silence(next.client);
	cr_assert(recv(silent.client, &byte, 1, 0) < 0 && errno == ECONNRESET);
}

Test(names_worker, without_room_to_ask_nothing_passes)
{
	struct wire_ends ends;
	struct wire_bytes hello = wire_hello("good.example", 0);
	struct names_ask ask = { .kind = NAMES_ASK };

	while (send(wire_loop.control, &ask, sizeof ask, MSG_DONTWAIT) > 0)
		;
	ends = wire_start(7, true);
	wire_say(ends.client, hello.at, hello.len);
	wire_expect_refused(ends);
	cr_assert(wire_was_given_back(7));
	cr_assert(!wire_loop.lost);
}

Test(names_worker, serials_are_given_back_by_themselves_where_nobody_asks)
{
	struct names_ask ask;
	size_t count = 0;

	for (uint32_t i = 1; i <= 2 * NAMES_GIVEN_BACK_MAX; i++) {
		struct wire_ends ends = wire_start(i, true);
		socket_set_reset(ends.client, true);
		close(ends.client);
		wire_serve();
		close(ends.server);
	}
	while (wire_next_ask(&ask)) {
		cr_assert_eq(ask.kind, NAMES_GIVE_BACK);
		count += ask.given_back_count;
	}
	cr_assert_eq(count + wire_loop.given_back_count, 2 * NAMES_GIVEN_BACK_MAX);
	cr_assert_geq(count, NAMES_GIVEN_BACK_MAX);
}

Test(names_worker, a_long_answer_waits_for_a_client_that_does_not_read)
{
	struct wire_ends ends = wire_start(7, true);
	static char block[1 << 16], got[1 << 16];
	size_t sent = 0, total = 0;

	wire_say(ends.client, "GET /", 5);
	struct names_ask ask = wire_asked(7, NAMES_SAW_START, NULL);
	wire_answer(&ask, true);
	for (ssize_t n; (n = send(ends.server, block, sizeof block, MSG_DONTWAIT)) > 0; wire_serve_once(20))
		sent += (size_t)n;
	cr_assert_gt(sent, sizeof block);
	cr_assert_eq(shutdown(ends.server, SHUT_WR), 0);
	for (ssize_t n; total < sent; wire_serve_once(20))
		if ((n = recv(ends.client, got, sizeof got, MSG_DONTWAIT)) > 0)
			total += (size_t)n;
	cr_assert_eq(total, sent);
}

Test(names_worker, a_flow_that_is_to_end_is_reset_at_both_ends_and_given_back_at_once)
{
	struct wire_ends ends = wire_start(7, true), other = wire_start(8, true);
	struct names_ask ask;
	char byte;

	wire_say(ends.client, "GET /", 5);
	ask = wire_asked(7, NAMES_SAW_START, NULL);
	wire_answer(&ask, true);
	wire_expect_heard(ends.server, "GET /", 5);
	names_flow_stop(&wire_loop, 7);
	cr_assert(recv(ends.client, &byte, 1, 0) < 0 && errno == ECONNRESET);
	cr_assert(recv(ends.server, &byte, 1, 0) < 0 && errno == ECONNRESET);
	cr_assert(wire_next_ask(&ask) && ask.kind == NAMES_GIVE_BACK && ask.given_back_count == 1);
	cr_assert_eq(ask.given_back[0], 7u);
	names_flow_stop(&wire_loop, 7); /* has ended */
	wire_say(other.server, "banner", 6);
	wire_expect_heard(other.client, "banner", 6);
}
