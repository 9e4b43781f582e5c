/* HTTP for scrapes: GET /metrics, nothing else, by libmicrohttpd. One thread; who asks while a scrape goes on, which others may do at
 * the same moment, gets what that gives. */
#pragma once
#include "base/arena.h"

#include <netinet/in.h>
#include <stdbool.h>

#define METRICS_PORT 9471
/* Beyond so many at once the oldest is closed: who opens many keeps nobody out */
#define METRICS_CONNECTIONS_MAX 128
#define METRICS_IDLE_S 10 /* a connection that neither sends nor reads is closed */

/* "ADDRESS:PORT", "[ADDRESS]:PORT", "ADDRESS", ":PORT" (of loopback); numbers alone. An IPv4 address becomes a mapped one. false: it
 * is none of these */
bool metrics_address_parse(const char *text, struct sockaddr_in6 *out);
bool metrics_address_is_loopback(const struct sockaddr_in6 *);

/* The text of a scrape, in the arena; NULL: it failed */
typedef const char *metrics_scrape(struct arena *, void *context);

struct metrics_server;
/* Listens. NULL and errno on failure. Nothing is answered before metrics_server_run(). */
struct metrics_server *metrics_server_open(const struct sockaddr_in6 *, metrics_scrape *, void *context);
/* Until SIGINT, SIGTERM or SIGHUP comes: 0; or -errno */
int metrics_server_run(struct metrics_server *);
void metrics_server_close(struct metrics_server *); /* NULL is fine */
