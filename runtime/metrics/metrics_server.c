/* libmicrohttpd parses HTTP and keeps the bounds on connections, memory and time; its sockets and our signals are in one poll. */
#include "metrics/metrics_server.h"
#include "core/clock.h"
#include "core/fd.h"

#include <microhttpd.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#define MEMORY_MAX (16u << 10) /* bytes of a request */
#define FRESH_MS 500           /* what a scrape gave is given to those who asked while it went on */

struct metrics_server {
	struct MHD_Daemon *daemon;
	metrics_scrape *scrape;
	void *context;
	struct MHD_Response *last; /* NULL: none yet */
	uint64_t last_ms;
	int open[METRICS_CONNECTIONS_MAX]; /* connections, the oldest first */
	size_t count;
};

/* ---- answers ---- */

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned status, const char *text)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(strlen(text), (void *)text, MHD_RESPMEM_PERSISTENT);

	if (!response)
		return MHD_NO;
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	enum MHD_Result result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static bool refresh(struct metrics_server *server)
{
	struct arena *arena;

	if (server->last && clock_ms() - server->last_ms <= FRESH_MS)
		return true;
	arena = arena_new();
	const char *text = server->scrape(arena, server->context);
	if (server->last)
		MHD_destroy_response(server->last);
	server->last = text ? MHD_create_response_from_buffer(strlen(text), (void *)text, MHD_RESPMEM_MUST_COPY) : NULL;
	server->last_ms = clock_ms();
	arena_free(arena);
	if (server->last)
		MHD_add_response_header(server->last, MHD_HTTP_HEADER_CONTENT_TYPE,
					"text/plain; version=0.0.4; charset=utf-8");
	return server->last != NULL;
}

static enum MHD_Result answer(void *self, struct MHD_Connection *connection, const char *url, const char *method,
			      const char *version, const char *body, size_t *body_size, void **state)
{
	struct metrics_server *server = self;

	(void)version, (void)body, (void)state;
	if (*body_size) /* of what is answered already: dropped */
		return *body_size = 0, MHD_YES;
	if (strcmp(url, "/metrics") != 0)
		return answer_text(connection, MHD_HTTP_NOT_FOUND, "only /metrics is here\n");
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
	if (!refresh(server))
		return answer_text(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "the sandboxes cannot be listed\n");
	return MHD_queue_response(connection, MHD_HTTP_OK, server->last);
}

/* ---- connections ---- */

static void drop(struct metrics_server *server, size_t at)
{
	memmove(&server->open[at], &server->open[at + 1], (--server->count - at) * sizeof *server->open);
}

/* libmicrohttpd closes what was shut down; until it has, that counts towards its own limit */
static void take_in(struct metrics_server *server, int fd)
{
	if (server->count == METRICS_CONNECTIONS_MAX) {
		shutdown(server->open[0], SHUT_RDWR);
		drop(server, 0);
	}
	server->open[server->count++] = fd;
}

static void come_or_gone(void *self, struct MHD_Connection *connection, void **context,
			 enum MHD_ConnectionNotificationCode what)
{
	struct metrics_server *server = self;
	int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;

	(void)context;
	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		take_in(server, fd);
		return;
	}
	for (size_t i = 0; i < server->count; i++)
		if (server->open[i] == fd) {
			drop(server, i);
			return;
		}
}

/* ---- the daemon ---- */

static int listen_at(const struct sockaddr_in6 *address)
{
	CLEANUP_FD int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1, off = 0;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) ||
	    bind(fd, (const struct sockaddr *)address, sizeof *address) || listen(fd, METRICS_CONNECTIONS_MAX))
		return -errno;
	return TAKE_FD(fd);
}

static void say_nothing(void *self, const char *fmt, va_list args)
{
	(void)self, (void)fmt, (void)args; /* what a stranger's bytes are like is nobody's business */
}

struct metrics_server *metrics_server_open(const struct sockaddr_in6 *address, metrics_scrape *scrape, void *context)
{
	CLEANUP_FD int listener = listen_at(address);
	struct metrics_server *server = listener < 0 ? NULL : calloc(1, sizeof *server);

	if (!server) {
		errno = listener < 0 ? -listener : ENOMEM;
		return NULL;
	}
	server->scrape = scrape;
	server->context = context;
	server->daemon =
		MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, answer, server, MHD_OPTION_LISTEN_SOCKET, listener,
				 MHD_OPTION_CONNECTION_LIMIT, 2 * (unsigned)METRICS_CONNECTIONS_MAX,
				 MHD_OPTION_NOTIFY_CONNECTION, come_or_gone, server, MHD_OPTION_CONNECTION_TIMEOUT,
				 (unsigned)METRICS_IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY_MAX,
				 MHD_OPTION_EXTERNAL_LOGGER, say_nothing, NULL, MHD_OPTION_END);
	if (server->daemon) {
		TAKE_FD(listener);
		return server;
	}
	free(server);
	errno = EIO;
	return NULL;
}

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int wait_ms(struct MHD_Daemon *daemon)
{
	MHD_UNSIGNED_LONG_LONG most;

	return MHD_get_timeout(daemon, &most) != MHD_YES ? -1 : most > 60000 ? 60000 : (int)most;
}

int metrics_server_run(struct metrics_server *server)
{
	CLEANUP_FD int signals = open_signals();
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);

	if (signals < 0 || !info)
		return signals < 0 ? -errno : -EIO;
	struct pollfd watched[] = { { .fd = signals, .events = POLLIN }, { .fd = info->epoll_fd, .events = POLLIN } };
	for (;;) {
		if (poll(watched, 2, wait_ms(server->daemon)) < 0 && errno != EINTR)
			return -errno;
		if (watched[0].revents)
			return 0;
		if (MHD_run(server->daemon) != MHD_YES)
			return -EIO;
	}
}

void metrics_server_close(struct metrics_server *server)
{
	if (!server)
		return;
	MHD_stop_daemon(server->daemon);
	if (server->last)
		MHD_destroy_response(server->last);
	free(server);
}
