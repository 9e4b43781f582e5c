/* Listeners that may answer from any address, and sockets towards servers that carry their mark: both need privilege once,
 * when they are made. */
#include "dns/dns_sockets.h"
#include "core/fd.h"
#include "core/socket.h"

#include <errno.h>
#include <sys/socket.h>

#define SOCKET_FLAGS (SOCK_NONBLOCK | SOCK_CLOEXEC)

static int listener_options(int fd, int family, int type)
{
	int error = socket_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (error == 0 && family == AF_INET6)
		error = socket_set(fd, SOL_IPV6, IPV6_V6ONLY, 1);
	if (error == 0)
		error = socket_set_transparent(fd, family);
	if (error == 0 && type == SOCK_DGRAM)
		error = socket_want_asked(fd, family);
	if (error == 0 && type == SOCK_DGRAM)
		socket_set(fd, SOL_SOCKET, SO_RCVBUFFORCE, 1 << 20); /* a burst waits; smaller is fine too */
	if (error == 0 && type == SOCK_STREAM)
		error = socket_set_reset(fd, true);
	return error;
}

static int listener(int *out, int family, int type)
{
	CLEANUP_FD int fd = socket(family, type | SOCKET_FLAGS, 0);
	if (fd < 0)
		return -errno;
	int error = listener_options(fd, family, type);
	if (error < 0)
		return error;
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(DNS_PORT) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(DNS_PORT) };
	bool v4 = family == AF_INET;
	if (bind(fd, v4 ? (struct sockaddr *)&in : (struct sockaddr *)&in6, v4 ? sizeof in : sizeof in6) < 0)
		return -errno;
	if (type == SOCK_STREAM && listen(fd, 128) < 0)
		return -errno;
	*out = TAKE_FD(fd);
	return 0;
}

int dns_sockets_upstream(enum upstream_place place, int type, uint32_t mark)
{
	int family = place == PLACE_VM4 || place == PLACE_HOST4 ? AF_INET : AF_INET6;
	CLEANUP_FD int fd = socket(family, type | SOCKET_FLAGS, 0);
	if (fd < 0)
		return -errno;
	int error = socket_set(fd, SOL_SOCKET, SO_MARK, (int)mark);
	if (error == 0 && type == SOCK_STREAM)
		error = socket_set_reset(fd, true);
	if (error == 0 && type == SOCK_DGRAM) /* never split, never from the path's fragments (RFC 9715) */
		error = family == AF_INET ? socket_set(fd, SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT) :
					    socket_set(fd, SOL_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT);
	if (error == 0 && type == SOCK_DGRAM) /* that a host or a network is unreachable is known at once */
		error = family == AF_INET ? socket_set(fd, SOL_IP, IP_RECVERR, 1) :
					    socket_set(fd, SOL_IPV6, IPV6_RECVERR, 1);
	return error < 0 ? error : TAKE_FD(fd);
}

static int listeners_open(struct proxy_sockets *sockets, const struct addr_gateway *gateway)
{
	int error = 0;
	if (gateway->has4)
		error = listener(&sockets->udp4, AF_INET, SOCK_DGRAM);
	if (error == 0 && gateway->has4)
		error = listener(&sockets->tcp4, AF_INET, SOCK_STREAM);
	if (error == 0 && gateway->has6)
		error = listener(&sockets->udp6, AF_INET6, SOCK_DGRAM);
	if (error == 0 && gateway->has6)
		error = listener(&sockets->tcp6, AF_INET6, SOCK_STREAM);
	return error;
}

int dns_sockets_open(struct proxy_sockets *sockets, const struct addr_gateway *gateway)
{
	*sockets = (struct proxy_sockets){ -1, -1, -1, -1, -1 };
	int error = listeners_open(sockets, gateway);
	if (error < 0)
		dns_sockets_close(sockets);
	return error;
}

void dns_sockets_close(struct proxy_sockets *sockets)
{
	int *all[] = { &sockets->control, &sockets->udp4, &sockets->udp6, &sockets->tcp4, &sockets->tcp6 };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		fd_closep(all[i]);
}
