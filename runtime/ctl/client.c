/* Many sandboxes side by side in one poll loop, so that one that hangs does not keep the others waiting. What a socket answers is
 * not trusted: it has to be root's, its line has an end, and its JSON is of our version. */
#include "ctl/client.h"
#include "control/control_place.h"
#include "core/clock.h"
#include "core/fd.h"
#include "core/run_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define ANSWER_MAX (32u << 20)
#define READ_STEP 4096u
#define RETRY_MS 20 /* where too many are waiting to be accepted, or it is busy */
#define SANDBOXES_MAX 4096u

const char *client_error_text(int error)
{
	switch (-error) {
	case ENOENT:
	case ECONNREFUSED:
	case ECONNRESET:
	case ESTALE:
		return "no such sandbox is running";
	case EINPROGRESS:
		return "it is starting, or ending";
	case ETIMEDOUT:
		return "it does not answer";
	case EPROTO:
		return "it answers what is no answer";
	case EPERM:
		return "what is there is not a sandbox's";
	case EACCES:
		return "not permitted: for root, or the group of --control-group";
	case EAGAIN:
		return "it is busy: too many are asking";
	default:
		return strerror(-error);
	}
}

/* ---- one of them ---- */

static void end(struct client_ask *ask, int error)
{
	ask->error = error;
	client_close(ask);
}

void client_close(struct client_ask *ask)
{
	if (ask->fd >= 0)
		close(ask->fd);
	ask->fd = -1;
	free(ask->in);
	ask->in = NULL;
	ask->in_len = ask->in_cap = 0;
}

/* Root listens there: who it was when it began to */
static int judge_listener(int fd, pid_t only)
{
	struct ucred peer;
	socklen_t len = sizeof peer;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) || peer.uid != 0)
		return -EPERM;
	return only && peer.pid != only ? -ESTALE : 0;
}

static void begin(int run_directory, struct client_ask *ask)
{
	int fd = control_place_connect(run_directory, ask->name);

	if (fd == -EAGAIN) {
		ask->retry_ms = clock_ms() + RETRY_MS;
		return;
	}
	if (fd < 0) {
		end(ask, fd);
		return;
	}
	ask->fd = fd;
	ask->retry_ms = 0;
	ask->sent = 0;
	ask->error = judge_listener(fd, ask->only);
	if (ask->error < 0)
		client_close(ask);
}

static void put(struct client_ask *ask, const char *line, size_t len)
{
	ssize_t sent = send(ask->fd, line + ask->sent, len - ask->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent >= 0)
		ask->sent += (size_t)sent;
	else if (errno == EPIPE || errno == ECONNRESET)
		ask->sent = len; /* it has turned us away, and may have said why */
	else if (errno != EAGAIN && errno != EINTR)
		end(ask, -errno);
}

/* 1: there was something, 0: that was all, or -errno */
static int read_more(struct client_ask *ask)
{
	if (ask->in_len > ANSWER_MAX)
		return -EPROTO;
	if (ask->in_cap < ask->in_len + READ_STEP) {
		size_t cap = ask->in_cap ? 2 * ask->in_cap : 2 * READ_STEP;
		char *grown = realloc(ask->in, cap);
		if (!grown)
			return -ENOMEM;
		ask->in = grown;
		ask->in_cap = cap;
	}
	ssize_t got = recv(ask->fd, ask->in + ask->in_len, ask->in_cap - ask->in_len, MSG_DONTWAIT);
	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 1 : -errno;
	ask->in_len += (size_t)got;
	return got > 0;
}

static bool is_answer(const json_t *answer)
{
	const json_t *version = json_object_get(answer, "version");

	return json_is_object(answer) && json_is_integer(version) && json_integer_value(version) == 1 &&
	       json_is_boolean(json_object_get(answer, "ok"));
}

static int judge(const json_t *answer)
{
	const char *error = json_string_value(json_object_get(answer, "error"));

	if (!is_answer(answer))
		return -EPROTO;
	if (error && !strcmp(error, "not permitted"))
		return -EACCES;
	return error && !strcmp(error, "busy") ? -EAGAIN : 0;
}

static void take(struct client_ask *ask)
{
	int more = read_more(ask);
	const char *stop = ask->in_len ? memchr(ask->in, '\n', ask->in_len) : NULL;

	if (!stop) {
		if (more <= 0)
			end(ask, more < 0 ? more : ask->in_len ? -EPROTO : -ECONNREFUSED);
		return;
	}
	size_t len = (size_t)(stop - ask->in);
	ask->answer = json_loadb(ask->in, len, JSON_REJECT_DUPLICATES, NULL);
	ask->error = judge(ask->answer);
	ask->in_len -= len + 1;
	memmove(ask->in, stop + 1, ask->in_len);
	if (ask->error == 0)
		return;
	json_decref(ask->answer);
	ask->answer = NULL;
	client_close(ask);
	if (ask->error == -EAGAIN)
		ask->retry_ms = clock_ms() + RETRY_MS;
}

static bool waits(const struct client_ask *ask)
{
	return ask->fd >= 0 && !ask->answer;
}

/* ---- all of them ---- */

/* Milliseconds until there is something to try again, at most `most`; tries what is due */
static int retry(int run_directory, struct client_ask *asks, size_t count, int most)
{
	uint64_t now = clock_ms();

	for (size_t i = 0; i < count; i++) {
		if (asks[i].retry_ms && asks[i].retry_ms <= now)
			begin(run_directory, &asks[i]);
		if (asks[i].retry_ms && (int)(asks[i].retry_ms - now) < most)
			most = (int)(asks[i].retry_ms - now);
	}
	return most;
}

static void serve(struct client_ask *asks, const struct pollfd *watched, size_t count, const char *line, size_t len)
{
	for (size_t i = 0; i < count; i++) {
		if (!watched[i].revents || !waits(&asks[i]))
			continue;
		if (asks[i].sent < len)
			put(&asks[i], line, len);
		if (waits(&asks[i]) && watched[i].revents & (POLLIN | POLLHUP | POLLERR))
			take(&asks[i]);
	}
}

static void exchange(int run_directory, struct client_ask *asks, size_t count, const char *line, size_t len,
		     uint64_t until)
{
	CLEANUP_FREE struct pollfd *watched = calloc(count, sizeof *watched);
	uint64_t now;

	while (watched && (now = clock_ms()) < until) {
		int wait = retry(run_directory, asks, count, (int)(until - now));
		size_t open = 0;
		for (size_t i = 0; i < count; i++) {
			bool sends = asks[i].sent < len;
			watched[i] = (struct pollfd){ .fd = waits(&asks[i]) ? asks[i].fd : -1,
						      .events = (short)(POLLIN | (sends ? POLLOUT : 0)) };
			open += waits(&asks[i]) || asks[i].retry_ms;
		}
		if (!open)
			return;
		if (poll(watched, count, wait) > 0)
			serve(asks, watched, count, line, len);
	}
}

void client_ask_all(int run_directory, struct client_ask *asks, size_t count, json_t *request, unsigned patience_ms)
{
	CLEANUP_FREE char *line = json_dumps(request, JSON_COMPACT | JSON_ENSURE_ASCII);
	size_t len = line ? strlen(line) : 0;

	if (line)
		line[len++] = '\n';
	for (size_t i = 0; i < count; i++) {
		asks[i] = (struct client_ask){ .name = asks[i].name, .only = asks[i].only, .fd = -1 };
		if (line)
			begin(run_directory, &asks[i]);
		else
			asks[i].error = -EINVAL;
	}
	exchange(run_directory, asks, count, line, len, clock_ms() + patience_ms);
	for (size_t i = 0; i < count; i++)
		if (waits(&asks[i]) || asks[i].retry_ms)
			end(&asks[i], asks[i].retry_ms && asks[i].error ? asks[i].error : -ETIMEDOUT);
}

void client_follow(int run_directory, struct client_ask *ask, json_t *request, unsigned patience_ms)
{
	client_ask_all(run_directory, ask, 1, request, patience_ms);
}

/* ---- what follows ---- */

int client_line(struct client_ask *ask, int wait_ms, const char **line, size_t *len)
{
	/* what was handed out last is gone with this call */
	if (ask->handed) {
		ask->in_len -= ask->handed;
		memmove(ask->in, ask->in + ask->handed, ask->in_len);
		ask->handed = 0;
	}
	for (;;) {
		const char *stop = ask->in_len ? memchr(ask->in, '\n', ask->in_len) : NULL;
		struct pollfd watched = { .fd = ask->fd, .events = POLLIN };
		if (stop) {
			*line = ask->in;
			*len = (size_t)(stop - ask->in);
			ask->handed = *len + 1;
			return 1;
		}
		int ready = poll(&watched, 1, wait_ms);
		if (ready <= 0)
			return ready == 0 ? -ETIMEDOUT : -errno;
		int more = read_more(ask);
		if (more <= 0)
			return more == -ECONNRESET ? 0 : more;
	}
}

/* ---- names ---- */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static json_t *sorted(char **names, size_t count)
{
	json_t *list = json_array();

	qsort(names, count, sizeof *names, by_text);
	for (size_t i = 0; i < count; i++) {
		json_array_append_new(list, json_string(names[i]));
		free(names[i]);
	}
	return list;
}

json_t *client_names(int run_directory, int *error)
{
	int fd = openat(run_directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	CLEANUP_FREE char **names = calloc(SANDBOXES_MAX, sizeof *names);
	size_t count = 0;

	*error = directory && names ? 0 : -errno;
	if (*error < 0) {
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	for (struct dirent *entry; count < SANDBOXES_MAX && (entry = readdir(directory));)
		if (run_name_valid(entry->d_name) && (names[count] = strdup(entry->d_name)))
			count++;
	closedir(directory);
	return sorted(names, count);
}
