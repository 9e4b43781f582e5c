/* What several do with sockets alike. */
#pragma once
#include "base/address.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

/* A packet socket of a link, to send frames by: it receives nothing. The descriptor or -errno */
int socket_link(uint32_t index);
/* setsockopt() of an int; 0 or -errno */
int socket_set(int fd, int level, int option, int value);
/* How TCP ends when it is closed. On: at once, with a reset, also when its process dies, so that no connection keeps the
 * namespace alive. Off: in order, what is still to be sent goes out. 0 or -errno */
int socket_set_reset(int fd, bool on);
/* TPROXY may hand it what was sent to any address. 0 or -errno */
int socket_set_transparent(int fd, int family);
/* Datagrams shall come with the address they were sent to, which by TPROXY may be any. 0 or -errno */
int socket_want_asked(int fd, int family);
/* That address, a sockaddr_in where its family says so; false where the message has none */
bool socket_asked(struct msghdr *, struct sockaddr_in6 *out);
/* One message, with up to SOCKET_MANY_FDS descriptors, as many as the kernel lets one carry. 0 or -errno */
#define SOCKET_FDS_MAX 2
#define SOCKET_MANY_FDS 253
int socket_send_fds(int fd, const void *message, size_t len, const int *fds, size_t count, int flags);
/* The message's length, or -errno; without waiting. Descriptors are close-on-exec; those that did not come are -1, those beyond
 * SOCKET_FDS_MAX are closed. */
ssize_t socket_receive_fds(int fd, void *message, size_t len, int fds[static SOCKET_FDS_MAX]);
/* The same with as many as one message carries */
ssize_t socket_receive_many(int fd, void *message, size_t len, int fds[static SOCKET_MANY_FDS], size_t *count);
/* Puts the address that a datagram is to be sent from into the message's control buffer, which has room for
 * SOCKET_SOURCE_ROOM bytes, zeroed; ip(7), ipv6(7) */
#define SOCKET_SOURCE_ROOM 64
void socket_set_source(struct msghdr *, struct addr from);
