/* The control socket's server: who asks, what it may ask, and that nobody makes it wait. */
#include "control/control.h"
#include "control/control_request.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char directory[] = "/tmp/test_control.XXXXXX";
static struct sockaddr_un address = { .sun_family = AF_UNIX };
static struct control *control;
static struct control_call *waiting;

static json_t *answer_echo(void *self, const json_t *request, struct control_call *call)
{
	(void)self, (void)call;
	return json_pack("{s:O}", "said", json_object_get(request, "say"));
}

static json_t *answer_later(void *self, const json_t *request, struct control_call *call)
{
	(void)self, (void)request;
	waiting = call;
	return NULL;
}

static json_t *answer_follow(void *self, const json_t *request, struct control_call *call)
{
	(void)self, (void)request;
	return control_call_follow(call) ? control_error(NULL, "too many") : json_object();
}

static json_t *answer_large(void *self, const json_t *request, struct control_call *call)
{
	(void)self, (void)call;
	return json_pack("{s:i}", "size", (int)strlen(json_string_value(json_object_get(request, "text"))));
}

static const struct control_command commands[] = {
	{ .name = "echo", .answer = answer_echo },
	{ .name = "later", .answer = answer_later },
	{ .name = "follow", .answer = answer_follow },
	{ .name = "large", .answer = answer_large, .large = true },
	{ 0 },
};

static void open_server(const gid_t *group)
{
	strcpy(directory, "/tmp/test_control.XXXXXX");
	cr_assert(mkdtemp(directory) != NULL);
	snprintf(address.sun_path, sizeof address.sun_path, "%s/s", directory);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	cr_assert(fd >= 0 && !bind(fd, (struct sockaddr *)&address, sizeof address) && !listen(fd, 64));
	control = control_open(&(struct control_start){
		.listener = fd, .name = "unit", .id = "0123456789abcdef", .group = group, .commands = commands });
	cr_assert(control != NULL);
}

static void set_up(void)
{
	gid_t group = getgid();

	open_server(&group);
}

static void tear_down(void)
{
	control_close(control);
	unlink(address.sun_path);
	rmdir(directory);
}

static void serve(void)
{
	struct pollfd watched = { .fd = control_fd(control), .events = POLLIN };

	for (int i = 0; i < 1000 && poll(&watched, 1, 0) == 1; i++)
		control_serve(control);
}

static int dial(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert(fd >= 0 && !connect(fd, (struct sockaddr *)&address, sizeof address));
	return fd;
}

static void put(int fd, const char *text)
{
	cr_assert_eq(send(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* What there is by now; "" also where it has been closed */
static const char *get(int fd)
{
	static char text[65536];
	ssize_t len = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);

	text[len > 0 ? len : 0] = '\0';
	return text;
}

static bool is_closed(int fd)
{
	char byte;

	/* reset, where something of ours was not read */
	ssize_t len = recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
	return len == 0 || (len < 0 && errno == ECONNRESET);
}

static bool has(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}

TestSuite(control, .init = set_up, .fini = tear_down);

Test(control, a_line_in_is_a_line_out)
{
	int fd = dial();

	put(fd,
	    "{\"version\":1,\"command\":\"echo\",\"say\":\"a\"}\n{\"version\":1,\"command\":\"echo\",\"say\":\"b\"}\n");
	serve();
	cr_assert_str_eq(get(fd),
			 "{\"said\":\"a\",\"version\":1,\"ok\":true}\n{\"said\":\"b\",\"version\":1,\"ok\":true}\n");
	close(fd);
}

Test(control, what_is_no_request_is_told_why)
{
	static const struct {
		const char *line, *why;
	} wrong[] = {
		{ "rubbish\n", "no JSON" },
		{ "\n", "no JSON" },
		{ "[]\n", "a request is an object" },
		{ "{\"version\":2,\"command\":\"echo\"}\n", "\\\"version\\\" is to be 1" },
		{ "{\"version\":1,\"version\":1,\"command\":\"echo\"}\n", "no JSON: duplicate" },
		{ "{\"version\":1,\"command\":7}\n", "is to be a string" },
		{ "{\"version\":1,\"command\":\"../x\"}\n", "no such command" },
		{ "{\"version\":1,\"command\":\"echo\xff\"}\n", "no JSON" },
	};
	int fd = dial();

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		put(fd, wrong[i].line);
		serve();
		const char *answer = get(fd);
		cr_assert(has(answer, wrong[i].why) && has(answer, "\"ok\":false"), "%s: %s", wrong[i].line, answer);
	}
	close(fd);
}

Test(control, an_answer_may_come_later_and_its_client_may_be_gone)
{
	int fd = dial();

	put(fd, "{\"version\":1,\"command\":\"later\"}\n{\"version\":1,\"command\":\"echo\",\"say\":1}\n");
	serve();
	cr_assert_str_eq(get(fd), "", "what comes behind waits, too");
	control_answer(waiting, json_pack("{s:i}", "late", 1));
	cr_assert(has(get(fd), "\"late\":1"));
	serve();
	put(fd, "{\"version\":1,\"command\":\"later\"}\n");
	serve();
	close(fd);
	serve();
	control_answer(waiting, json_object());
}

Test(control, half_closed_is_answered_all_the_same)
{
	int fd = dial();

	put(fd, "{\"version\":1,\"command\":\"echo\",\"say\":1}\n");
	shutdown(fd, SHUT_WR);
	serve();
	cr_assert(has(get(fd), "\"said\":1"));
	cr_assert(is_closed(fd));
	close(fd);
}

Test(control, more_clients_than_there_is_room_for_are_turned_away)
{
	int fds[CONTROL_CLIENTS_MAX + 1];

	for (size_t i = 0; i <= CONTROL_CLIENTS_MAX; i++) {
		fds[i] = dial();
		serve();
	}
	cr_assert(has(get(fds[CONTROL_CLIENTS_MAX]), "\"error\":\"busy\""));
	cr_assert(is_closed(fds[CONTROL_CLIENTS_MAX]));
	close(fds[0]);
	serve();
	int again = dial();
	put(again, "{\"version\":1,\"command\":\"echo\",\"say\":1}\n");
	serve();
	cr_assert(has(get(again), "\"said\":1"));
	close(again);
	for (size_t i = 1; i <= CONTROL_CLIENTS_MAX; i++)
		close(fds[i]);
}

/* Of `size` bytes of text, by a command */
static void put_long(int fd, const char *command, size_t size)
{
	char *text = malloc(size + 1), head[128];

	memset(text, 'x', size);
	text[size] = '\0';
	snprintf(head, sizeof head, "{\"version\":1,\"command\":\"%s\",\"text\":\"", command);
	put(fd, head);
	for (size_t sent = 0; sent < size;) {
		ssize_t now = send(fd, text + sent, size - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
		sent += now > 0 ? (size_t)now : 0;
		serve();
	}
	put(fd, "\"}\n");
	serve();
	free(text);
}

Test(control, only_a_command_that_says_so_takes_long_requests)
{
	int fd = dial();

	put_long(fd, "large", 1 << 20);
	cr_assert(has(get(fd), "\"size\":1048576"));
	put_long(fd, "echo", 1 << 20);
	cr_assert(has(get(fd), "a request of echo has at most"));
	close(fd);
}

/* A line of as many bytes, whose values are `part` over and over */
static const char *parse_parts(const char *part, const char *before, const char *behind, size_t size)
{
	static char why[128];
	char *line = malloc(size + 256);
	size_t len = (size_t)sprintf(line, "{\"version\":1,\"command\":\"large\",\"text\":%s", before);
	const struct control_command *command;
	json_t *error;

	while (len < size)
		len += (size_t)sprintf(line + len, "%s", part);
	len += (size_t)sprintf(line + len, "%s}", behind);
	json_t *request = control_request_parse(commands, line, len, &command, &error);
	snprintf(why, sizeof why, "%s", error ? json_string_value(json_object_get(error, "error")) : "");
	json_decref(request);
	json_decref(error);
	free(line);
	return why;
}

Test(control, a_request_of_very_many_parts_takes_no_more_memory_than_a_long_text)
{
	cr_assert_str_eq(parse_parts("{},", "[", "0]", CONTROL_LARGE_MAX - 256), "the request has too many parts");
	cr_assert_str_eq(parse_parts("x", "\"", "\"", CONTROL_LARGE_MAX - 256), "");
	cr_assert_str_eq(parse_parts("{},", "[", "0]", CONTROL_REQUEST_MAX), "");
}

Test(control, more_requests_than_a_turn_answers_are_all_answered)
{
	enum { REQUESTS = 60, LENGTH = 2048 };
	static char lines[REQUESTS * LENGTH + 1];
	int fd = dial(), answered = 0;

	for (char *line = lines; line < lines + REQUESTS * LENGTH; line += LENGTH) {
		size_t head = (size_t)sprintf(line, "{\"version\":1,\"command\":\"echo\",\"say\":\"");
		memset(line + head, 'x', LENGTH - head - 3);
		strcpy(line + LENGTH - 3, "\"}\n");
	}
	put(fd, lines);
	shutdown(fd, SHUT_WR);
	for (int turn = 0; turn < 2000 && answered < REQUESTS; turn++) {
		serve();
		for (const char *at = get(fd); (at = strchr(at, '\n')); at++)
			answered++;
	}
	cr_assert_eq(answered, REQUESTS, "%d", answered);
	cr_assert(is_closed(fd));
	close(fd);
}

Test(control, without_descriptors_the_loop_has_nothing_to_do)
{
	struct rlimit limit, none;
	int fd = dial();
	struct pollfd watched = { .fd = control_fd(control), .events = POLLIN };

	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){ (rlim_t)fd + 1, limit.rlim_max };
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	control_serve(control);
	cr_expect_eq(poll(&watched, 1, 0), 0, "it is not told at once of who waits");
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	cr_assert_eq(poll(&watched, 1, 5000), 1);
	put(fd, "{\"version\":1,\"command\":\"echo\",\"say\":1}\n");
	serve();
	cr_assert(has(get(fd), "\"said\":1"));
	close(fd);
}

Test(control, a_line_without_end_is_cut_off)
{
	int fd = dial();
	char block[65536];

	memset(block, ' ', sizeof block);
	for (size_t sent = 0; sent <= CONTROL_LARGE_MAX + sizeof block; sent += sizeof block) {
		if (send(fd, block, sizeof block, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			break;
		serve();
	}
	serve();
	cr_assert(has(get(fd), "the request is too long"));
	cr_assert(is_closed(fd));
	close(fd);
}

Test(control, who_follows_and_does_not_read_loses_lines_and_is_told_how_many)
{
	static const char line[] =
		"{\"version\":1,\"kind\":\"deny\",\"text\":\"0123456789012345678901234567890123456789\"}\n";
	static char all[4 << 20];
	int fd = dial(), other = dial();
	size_t read_bytes = 0, told = 0;

	put(fd, "{\"version\":1,\"command\":\"follow\"}\n");
	serve();
	for (size_t i = 0; i < 100000; i++)
		control_publish(control, line, strlen(line), 3);
	put(other, "{\"version\":1,\"command\":\"echo\",\"say\":1}\n");
	serve();
	cr_assert(has(get(other), "\"said\":1"), "others are served");
	while (read_bytes < sizeof all - 65536) {
		const char *text = get(fd);
		if (*text == '\0')
			break;
		strcpy(all + read_bytes, text);
		read_bytes += strlen(text);
		serve();
	}
	cr_assert(read_bytes < 100000 * strlen(line), "nothing grows without bound: %zu", read_bytes);
	const char *lost = strstr(all, "\"kind\":\"lost\"");
	cr_assert(lost && strstr(lost, "\"count\":"), "it is told, though nothing else happens");
	for (const char *at = all; (at = strstr(at, "\"kind\":\"deny\"")); at++)
		told += 3;
	/* each line told three */
	cr_assert_eq(told + strtoul(strstr(lost, "\"count\":") + 8, NULL, 10), 300000, "%zu of %zu bytes", told,
		     read_bytes);
	control_publish(control, line, strlen(line), 3);
	serve();
	cr_assert_str_eq(get(fd), line, "once, and all is told again");
	close(fd);
	close(other);
}

Test(control, the_last_lines_are_kept_and_no_more)
{
	for (int i = 0; i < 1000; i++)
		control_publish(control, "{\"a\":1}\n", 8, 1);
	json_t *history = control_history(control);
	cr_assert_eq(json_array_size(history), CONTROL_HISTORY);
	json_decref(history);
}

Test(control, nobody_but_root_and_the_group_is_answered)
{
	if (getuid() != 0)
		cr_skip("only root can be somebody else");
	gid_t group = 12345;
	static const struct {
		gid_t primary, other;
		bool may;
	} who[] = { { 65534, 65534, false }, { 65534, 12345, true }, { 12345, 65534, true } };

	control_close(control);
	unlink(address.sun_path);
	rmdir(directory);
	open_server(&group);
	chmod(directory, 0777);
	chmod(address.sun_path, 0777);
	for (size_t i = 0; i < sizeof who / sizeof *who; i++) {
		cr_assert(!setgroups(1, &who[i].other) && !setegid(who[i].primary) && !seteuid(65534));
		int fd = dial();
		cr_assert(!seteuid(0) && !setegid(0));
		send(fd, "{\"version\":1,\"command\":\"echo\",\"say\":1}\n", 39, MSG_NOSIGNAL);
		serve();
		const char *answer = get(fd);
		cr_assert(has(answer, who[i].may ? "\"said\":1" : "not permitted"), "%zu: %s", i, answer);
		close(fd);
	}
}
