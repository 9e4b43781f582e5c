/* Listeners that may answer from any address, and upstream sockets that carry their mark: both need privilege once,
 * when they are made. */
#include "dns/dns_sockets.h"
#include "core/fd.h"
#include "core/socket.h"
#include "lower/sandbox_net.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
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

static int upstream_socket(int *out, int family, int type, uint32_t mark)
{
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
	if (error == 0)
		*out = TAKE_FD(fd);
	return error;
}

static int place_open(struct proxy_sockets *sockets, enum upstream_place place, uint32_t mark)
{
	int family = place == PLACE_VM4 || place == PLACE_HOST4 ? AF_INET : AF_INET6;
	int error = 0;
	while (error == 0 && sockets->udp_count[place] < UPSTREAM_UDP_SOCKETS) {
		error = upstream_socket(&sockets->udp[place][sockets->udp_count[place]], family, SOCK_DGRAM, mark);
		sockets->udp_count[place] += error == 0;
	}
	while (error == 0 && sockets->tcp_count[place] < UPSTREAM_TCP_SOCKETS) {
		error = upstream_socket(&sockets->tcp[place][sockets->tcp_count[place]], family, SOCK_STREAM, mark);
		sockets->tcp_count[place] += error == 0;
	}
	/* a kernel without IPv6 has no such servers either */
	return error == -EAFNOSUPPORT ? 0 : error;
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

static bool wants(const struct nameserver *servers, size_t count, bool by_host, enum addr_family family)
{
	for (size_t i = 0; i < count; i++)
		if (servers[i].by_host == by_host && servers[i].addr.family == family)
			return true;
	return false;
}

/* From the host's namespace, and back */
static int host_place_open(struct proxy_sockets *sockets, const struct dns_start *start, enum upstream_place place)
{
	if (setns(start->host_netns, CLONE_NEWNET) < 0)
		return -errno;
	int error = place_open(sockets, place, start->host_mark);
	return setns(start->vm_netns, CLONE_NEWNET) < 0 ? -errno : error;
}

static void sockets_init(struct proxy_sockets *sockets)
{
	memset(sockets, 0, sizeof *sockets);
	sockets->control = sockets->udp4 = sockets->udp6 = sockets->tcp4 = sockets->tcp6 = -1;
}

int dns_sockets_open_place(struct proxy_sockets *sockets, const struct dns_start *start, enum upstream_place place)
{
	bool host = place == PLACE_HOST4 || place == PLACE_HOST6;
	sockets_init(sockets);
	int error = host ? host_place_open(sockets, start, place) : place_open(sockets, place, LOWER_UPSTREAM_MARK);
	if (error < 0)
		dns_sockets_close(sockets);
	return error;
}

int dns_sockets_open(struct proxy_sockets *sockets, const struct dns_start *start, const struct nameserver *servers,
		     size_t count)
{
	sockets_init(sockets);
	const struct addr_gateway *gateway = &start->gateway;
	int error = listeners_open(sockets, gateway);
	if (error == 0 && (gateway->has4 || wants(servers, count, false, ADDR_V4)))
		error = place_open(sockets, PLACE_VM4, LOWER_UPSTREAM_MARK);
	if (error == 0 && (gateway->has6 || wants(servers, count, false, ADDR_V6)))
		error = place_open(sockets, PLACE_VM6, LOWER_UPSTREAM_MARK);
	if (error == 0)
		error = wants(servers, count, true, ADDR_V4) ? host_place_open(sockets, start, PLACE_HOST4) : 0;
	if (error == 0 && wants(servers, count, true, ADDR_V6))
		error = host_place_open(sockets, start, PLACE_HOST6);
	if (error < 0)
		dns_sockets_close(sockets);
	return error;
}

void dns_sockets_close(struct proxy_sockets *sockets)
{
	int *few[] = { &sockets->control, &sockets->udp4, &sockets->udp6, &sockets->tcp4, &sockets->tcp6 };
	for (size_t i = 0; i < sizeof few / sizeof *few; i++)
		fd_closep(few[i]);
	for (int place = 0; place < PLACE_COUNT; place++) {
		while (sockets->udp_count[place] > 0)
			fd_closep(&sockets->udp[place][--sockets->udp_count[place]]);
		while (sockets->tcp_count[place] > 0)
			fd_closep(&sockets->tcp[place][--sockets->tcp_count[place]]);
	}
}
