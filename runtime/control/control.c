/* Clients, their calls, and the loop over them: an epoll of its own, which the supervisor's watches, with a timer that runs while
 * there is a client that may be closed for doing nothing. */
#include "control/control.h"
#include "control/control_client.h"
#include "control/control_history.h"
#include "control/control_peer.h"
#include "control/control_request.h"
#include "core/clock.h"
#include "core/fd.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#define ACCEPTS_A_TURN 16
#define CONTROL_DEAF_MS 1000
/* What an event is of: a client's index below its serial, so that one of a client that is gone is not taken for another's; or */
#define LISTENER UINT64_MAX
#define TIMER (UINT64_MAX - 1)

struct control_call {
	struct control *control;
	struct control_client *client; /* NULL: it is gone */
	bool follows;
};

struct control {
	struct control_start start;
	gid_t group;
	int epoll, timer;
	struct control_client *clients; /* CONTROL_CLIENTS_MAX, while there is one */
	size_t count, of_group, followers;
	uint32_t serial;        /* of the client that came last */
	uint64_t deaf_until_ms; /* nobody is let in before; 0: all are heard */
	struct control_history history;
};

/* ---- opening and closing ---- */

static int watch(struct control *control, int fd, uint64_t what)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = what };

	return epoll_ctl(control->epoll, EPOLL_CTL_ADD, fd, &event);
}

struct control *control_open(const struct control_start *start)
{
	struct control *control = calloc(1, sizeof *control);

	if (!control) {
		close(start->listener);
		return NULL;
	}
	control->start = *start;
	if (start->group) {
		control->group = *start->group;
		control->start.group = &control->group;
	}
	control->epoll = epoll_create1(EPOLL_CLOEXEC);
	control->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (control->epoll >= 0 && control->timer >= 0 && !watch(control, start->listener, LISTENER) &&
	    !watch(control, control->timer, TIMER))
		return control;
	int saved = errno;
	control_close(control);
	errno = saved;
	return NULL;
}

int control_fd(const struct control *control)
{
	return control->epoll;
}

static void close_client(struct control *control, struct control_client *client)
{
	if (client->call)
		client->call->client = NULL;
	control->followers -= client->follower;
	control->of_group -= !client->root;
	control_client_free(client);
	if (--control->count == 0) {
		free(control->clients);
		control->clients = NULL;
	}
}

void control_close(struct control *control)
{
	if (!control)
		return;
	for (size_t i = 0; control->clients && i < CONTROL_CLIENTS_MAX; i++)
		if (control->clients[i].fd >= 0)
			close_client(control, &control->clients[i]);
	control_history_free(&control->history);
	close(control->start.listener);
	if (control->timer >= 0)
		close(control->timer);
	if (control->epoll >= 0)
		close(control->epoll);
	free(control);
}

/* ---- a client's state ---- */

static uint64_t client_key(const struct control *control, const struct control_client *client)
{
	return (uint64_t)client->serial << 32 | (uint64_t)(client - control->clients);
}

/* Whether a whole request is there that can be answered now, or once there is room */
static bool has_request(struct control_client *client)
{
	size_t len;

	return !client->call && !client->follower && control_client_line(client, &len);
}

/* Who is being answered is not read; who has something to get is watched for room, and so is who has asked more than was
 * answered in one turn: there is room, mostly, and its next turn comes behind those of others */
static void watch_client(struct control *control, struct control_client *client)
{
	bool sends = client->out_len || has_request(client);
	uint32_t events = (client->call || client->ended ? 0 : EPOLLIN) | (sends ? EPOLLOUT : 0);
	struct epoll_event event = { .events = events, .data.u64 = client_key(control, client) };

	if (events != client->events && !epoll_ctl(control->epoll, EPOLL_CTL_MOD, client->fd, &event))
		client->events = events;
}

static void set_timer(struct control *control)
{
	uint64_t first = control->deaf_until_ms ? control->deaf_until_ms : UINT64_MAX, now = clock_ms();

	for (size_t i = 0; control->clients && i < CONTROL_CLIENTS_MAX; i++)
		if (control->clients[i].fd >= 0 && control->clients[i].due_ms && control->clients[i].due_ms < first)
			first = control->clients[i].due_ms;
	uint64_t wait = first == UINT64_MAX ? 0 : first > now ? first - now : 1;
	struct itimerspec timer = { .it_value = { (time_t)(wait / 1000), (long)(wait % 1000) * 1000000 } };
	timerfd_settime(control->timer, 0, &timer, NULL);
}

/* What a follower could not be given is counted in a line, as soon as there is room for one. False: there is none yet */
static bool tell_lost(const struct control *control, struct control_client *client)
{
	size_t len = 0;

	if (!client->lost)
		return true;
	char *line = control_history_lost(control->start.name, control->start.id, client->lost, &len);
	bool told = line && control_client_add(client, line, len, CONTROL_LINES_MAX / 2) == 0;
	if (told)
		client->lost = 0;
	free(line);
	return told;
}

/* One that reads again hears at once what it missed, though nothing else happens. */
static int flush(const struct control *control, struct control_client *client)
{
	int error = control_client_flush(client);

	if (error == 0 && client->lost && tell_lost(control, client))
		error = control_client_flush(client);
	return error;
}

/* Sends what there is; false: the client is closed, since it is gone, or has been told all that it asked */
static bool settle_client(struct control *control, struct control_client *client)
{
	bool gone = flush(control, client) < 0;

	if (gone || (client->ended && !client->follower && !client->call && !client->out_len && !has_request(client))) {
		close_client(control, client);
		return false;
	}
	watch_client(control, client);
	return true;
}

static void send_line(struct control_client *client, json_t *answer)
{
	size_t len;
	char *line = control_answer_line(answer, &len);

	/* Where there is no room for an answer nobody reads them */
	if (!line || control_client_add(client, line, len, CONTROL_ANSWER_MAX) < 0)
		client->ended = true;
	free(line);
	client->due_ms = clock_ms() + CONTROL_IDLE_MS;
}

/* ---- those who follow ---- */

static void publish_to(const struct control *control, struct control_client *client, const char *line, size_t len,
		       size_t tells)
{
	if (!tell_lost(control, client) || control_client_add(client, line, len, CONTROL_LINES_MAX) < 0)
		client->lost += tells;
}

void control_publish(struct control *control, const char *line, size_t len, size_t tells)
{
	control_history_add(&control->history, line, len);
	for (size_t i = 0; control->clients && i < CONTROL_CLIENTS_MAX; i++) {
		struct control_client *client = &control->clients[i];
		if (client->fd < 0 || !client->follower)
			continue;
		publish_to(control, client, line, len, tells);
		/* one that is gone is closed by the loop, which may be at it right now */
		flush(control, client);
		watch_client(control, client);
	}
}

json_t *control_history(const struct control *control)
{
	return control_history_json(&control->history);
}

/* ---- calls ---- */

static bool is_refusal(const json_t *answer)
{
	const json_t *ok = json_object_get(answer, "ok");

	return !answer || (ok && !json_is_true(ok));
}

static void finish(struct control *control, struct control_client *client, bool follows, json_t *answer)
{
	follows = follows && !is_refusal(answer);
	send_line(client, answer);
	if (!follows)
		return;
	client->follower = true;
	client->due_ms = 0;
	control->followers++;
}

int control_call_follow(struct control_call *call)
{
	if (call->control->followers >= CONTROL_FOLLOWERS_MAX)
		return -EBUSY;
	call->follows = true;
	return 0;
}

static void ask(struct control *control, struct control_client *client, const char *line, size_t len)
{
	const struct control_command *command;
	json_t *answer, *request = control_request_parse(control->start.commands, line, len, &command, &answer);
	struct control_call *call = request ? calloc(1, sizeof *call) : NULL;
	bool follows = false;

	if (call) {
		*call = (struct control_call){ control, client };
		answer = command->answer(control->start.self, request, call);
		follows = call->follows;
		if (!answer)
			client->call = call, client->due_ms = 0;
		else
			free(call);
	} else if (request) {
		answer = control_error(NULL, "no memory");
	}
	json_decref(request);
	if (answer)
		finish(control, client, follows, answer);
}

/* The whole lines that are there, one by one: who waits for an answer, or follows, is not asked what else it wants */
static void serve_lines(struct control *control, struct control_client *client)
{
	const char *line;
	size_t len;

	while (!client->call && !client->follower && client->out_len < CONTROL_REQUEST_MAX &&
	       (line = control_client_line(client, &len))) {
		ask(control, client, line, len);
		control_client_drop_line(client, len);
	}
	if (client->follower)
		client->in_len = client->searched = 0;
}

void control_answer(struct control_call *call, json_t *answer)
{
	struct control *control = call->control;
	struct control_client *client = call->client;

	if (client) {
		client->call = NULL;
		finish(control, client, call->follows, answer);
		serve_lines(control, client);
		settle_client(control, client);
		set_timer(control);
	} else {
		json_decref(answer);
	}
	free(call);
}

/* ---- the loop ---- */

/* Memory for a long request is taken for one client at a time: a second has to come again */
static size_t request_most(const struct control *control, const struct control_client *client)
{
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (&control->clients[i] != client && control->clients[i].in_len > CONTROL_REQUEST_MAX)
			return CONTROL_REQUEST_MAX;
	return CONTROL_LARGE_MAX;
}

static void serve_client(struct control *control, struct control_client *client, uint32_t events)
{
	int error = 0;

	if (events & EPOLLIN) {
		error = control_client_read(client, request_most(control, client));
		if (error == -EMSGSIZE) {
			send_line(client, control_error(NULL, "the request is too long"));
			client->ended = true;
			client->in_len = client->searched = 0;
		}
	}
	serve_lines(control, client);
	if (events & (EPOLLHUP | EPOLLERR) || (error < 0 && error != -EAGAIN && error != -EMSGSIZE))
		close_client(control, client);
	else
		settle_client(control, client);
}

static void listen_again(struct control *control, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.u64 = LISTENER };

	epoll_ctl(control->epoll, EPOLL_CTL_MOD, control->start.listener, &event);
}

static void serve_timer(struct control *control)
{
	uint64_t now = clock_ms(), expirations;

	if (read(control->timer, &expirations, sizeof expirations) < 0 && errno != EAGAIN)
		return;
	if (control->deaf_until_ms && control->deaf_until_ms <= now) {
		control->deaf_until_ms = 0;
		listen_again(control, EPOLLIN);
	}
	for (size_t i = 0; control->clients && i < CONTROL_CLIENTS_MAX; i++)
		if (control->clients[i].fd >= 0 && control->clients[i].due_ms && control->clients[i].due_ms <= now)
			close_client(control, &control->clients[i]);
}

static struct control_client *free_client(struct control *control)
{
	if (!control->clients) {
		control->clients = calloc(CONTROL_CLIENTS_MAX, sizeof *control->clients);
		for (size_t i = 0; control->clients && i < CONTROL_CLIENTS_MAX; i++)
			control->clients[i].fd = -1;
	}
	for (size_t i = 0; control->clients && i < CONTROL_CLIENTS_MAX; i++)
		if (control->clients[i].fd < 0)
			return &control->clients[i];
	return NULL;
}

/* One line, which a new socket has room for, and the end */
static void turn_away(int fd, const char *why)
{
	size_t len;
	char *line = control_answer_line(control_error(NULL, "%s", why), &len);

	if (line)
		send(fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	free(line);
	close(fd);
}

static void admit(struct control *control, int fd)
{
	bool root = false;

	if (!control_peer_may(fd, control->start.group, &root)) {
		turn_away(fd, "not permitted");
		return;
	}
	bool room = root || control->of_group < CONTROL_GROUP_MAX;
	struct control_client *client = room ? free_client(control) : NULL;
	if (!client) {
		turn_away(fd, "busy");
		return;
	}
	*client = (struct control_client){ .fd = fd, .serial = ++control->serial, .root = root, .events = EPOLLIN };
	control->of_group += !root;
	client->due_ms = clock_ms() + CONTROL_IDLE_MS;
	control->count++;
	if (watch(control, fd, client_key(control, client)))
		close_client(control, client);
}

/* Where there are no descriptors, say, who waits would be told of again at once: it is left waiting for a while */
static void accept_clients(struct control *control)
{
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		int fd = accept4(control->start.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
			listen_again(control, 0);
			control->deaf_until_ms = clock_ms() + CONTROL_DEAF_MS;
		}
		if (fd < 0)
			return;
		admit(control, fd);
	}
}

/* NULL: it is gone */
static struct control_client *client_of(const struct control *control, uint64_t key)
{
	uint32_t index = (uint32_t)key;
	bool known = control->clients && index < CONTROL_CLIENTS_MAX && control->clients[index].fd >= 0;

	return known && control->clients[index].serial == key >> 32 ? &control->clients[index] : NULL;
}

void control_serve(struct control *control)
{
	struct epoll_event events[8];
	struct control_client *client;
	int count = epoll_wait(control->epoll, events, 8, 0);

	for (int i = 0; i < count; i++) {
		uint64_t what = events[i].data.u64;
		if (what == LISTENER)
			accept_clients(control);
		else if (what == TIMER)
			serve_timer(control);
		else if ((client = client_of(control, what)))
			serve_client(control, client, events[i].events);
	}
	set_timer(control);
}
