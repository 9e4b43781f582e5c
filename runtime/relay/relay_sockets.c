/* Opening sockets in the host's and the VM's namespace. */
#include "relay/relay_sockets.h"
#include "core/fd.h"
#include "core/exit_status.h"
#include "core/log.h"
#include "core/socket.h"
#include "lower/sandbox_net.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>

#define ACCEPT_QUEUE 1024 /* the guest's own connections; the kernel cuts it to net.core.somaxconn */

/* Seconds without a byte, seconds between probes, and how many are lost before the peer counts as gone. A guest that is
 * stopped or busy has five minutes. To the guest they go often, where they cost nothing: conntrack in the VM's namespace
 * forgets the guest's own connection a minute after one end has closed its direction, unless it sees something. */
static const struct keepalive {
	int idle, interval, probes;
} keepalives[] = {
	[RELAY_PEER_GUEST] = { 20, 20, 15 },
	[RELAY_PEER_OUTSIDE] = { 300, 30, 6 },
};

void relay_socket_unpaced(int fd)
{
	static const char reno[] = "reno"; /* the one that every kernel has, and lets everybody have */

	setsockopt(fd, SOL_TCP, TCP_CONGESTION, reno, sizeof reno - 1);
}

static void own(int fd, enum relay_peer peer)
{
	const struct keepalive *keepalive = &keepalives[peer];

	socket_set_reset(fd, true);
	/* what is sent together was put together where it comes from: to wait for more would only add to the delay */
	socket_set(fd, SOL_TCP, TCP_NODELAY, 1);
	socket_set(fd, SOL_TCP, TCP_KEEPIDLE, keepalive->idle);
	socket_set(fd, SOL_TCP, TCP_KEEPINTVL, keepalive->interval);
	socket_set(fd, SOL_TCP, TCP_KEEPCNT, keepalive->probes);
	socket_set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	if (peer == RELAY_PEER_GUEST)
		relay_socket_unpaced(fd);
}

static int new_socket(int family, int type, enum relay_peer peer)
{
	int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (type == SOCK_STREAM)
		own(fd, peer);
	return fd;
}

static int family_of(struct addr addr)
{
	return addr.family == ADDR_V4 ? AF_INET : AF_INET6;
}

static int bind_to(int fd, struct addr addr, uint16_t port)
{
	struct sockaddr_storage at;
	socklen_t len = addr_to_sockaddr(addr, port, &at);
	return bind(fd, (struct sockaddr *)&at, len) < 0 ? -errno : 0;
}

static int connect_to(int fd, struct addr addr, uint16_t port)
{
	struct sockaddr_storage to;
	socklen_t len = addr_to_sockaddr(addr, port, &to);
	return connect(fd, (struct sockaddr *)&to, len) < 0 && errno != EINPROGRESS ? -errno : 0;
}

static int enter_host(const struct relay_start *start)
{
	return setns(start->host_netns, CLONE_NEWNET) < 0 ? -errno : 0;
}

static void back_to_vm(const struct relay_start *start)
{
	int saved = errno;
	if (setns(start->vm_netns, CLONE_NEWNET) < 0) {
		log_error("cannot return to the VM's network namespace: %s", strerror(errno));
		_exit(EXIT_STATUS_FAILED); /* nothing may be opened in the wrong one; with pid 1 all of the sandbox ends */
	}
	errno = saved;
}

struct nl *relay_socket_diag(const struct relay_start *start)
{
	if (enter_host(start) < 0)
		return NULL;
	struct nl *diag = nl_open(NETLINK_SOCK_DIAG);
	back_to_vm(start);
	return diag;
}

/* Each datagram tells the address it was sent to */
static int publish_options(int fd, int family, int type)
{
	int error = type == SOCK_STREAM ? socket_set(fd, SOL_SOCKET, SO_REUSEADDR, 1) : socket_want_asked(fd, family);
	if (error == 0 && family == AF_INET6)
		error = socket_set(fd, SOL_IPV6, IPV6_V6ONLY, 1);
	return error;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in6 at;
	socklen_t len = sizeof at;
	/* both families have the port in the same place */
	return getsockname(fd, (struct sockaddr *)&at, &len) < 0 ? 0 : ntohs(at.sin6_port);
}

int relay_socket_publish(const struct relay_start *start, int type, struct addr at, uint16_t *port)
{
	int error = enter_host(start);
	if (error < 0)
		return error;
	CLEANUP_FD int fd = new_socket(family_of(at), type, RELAY_PEER_OUTSIDE);
	error = fd < 0 ? fd : publish_options(fd, family_of(at), type);
	if (error == 0)
		error = bind_to(fd, at, *port);
	/* the kernel cuts it to net.core.somaxconn */
	if (error == 0 && type == SOCK_STREAM && listen(fd, (int)start->policy->accept_queue) < 0)
		error = -errno;
	back_to_vm(start);
	if (error < 0)
		return error;
	*port = port_of(fd);
	return TAKE_FD(fd);
}

int relay_socket_transparent(int family, int type, uint16_t port)
{
	struct addr any = { family == AF_INET ? ADDR_V4 : ADDR_V6, 0 };
	CLEANUP_FD int fd = new_socket(family, type, RELAY_PEER_GUEST);
	int error = fd < 0 ? fd : publish_options(fd, family, type);
	if (error == 0)
		error = socket_set_transparent(fd, family);
	if (error == 0)
		error = bind_to(fd, any, port);
	if (error == 0 && type == SOCK_STREAM && listen(fd, ACCEPT_QUEUE) < 0)
		error = -errno;
	return error < 0 ? error : TAKE_FD(fd);
}

int relay_socket_to_guest(int type, struct addr guest, uint16_t port)
{
	CLEANUP_FD int fd = new_socket(family_of(guest), type, RELAY_PEER_GUEST);
	int error = fd < 0 ? fd : socket_set(fd, SOL_SOCKET, SO_MARK, LOWER_RELAY_MARK);
	if (error == 0)
		error = connect_to(fd, guest, port);
	return error < 0 ? error : TAKE_FD(fd);
}

/* Bound to an address alone, so that the port is chosen with the destination: as many flows as there are ports to each */
int relay_socket_outside(struct addr from, struct addr to, uint16_t port, uint32_t mark)
{
	CLEANUP_FD int fd = new_socket(family_of(to), SOCK_STREAM, RELAY_PEER_OUTSIDE);
	int error = fd < 0 ? fd : socket_set(fd, SOL_SOCKET, SO_MARK, (int)mark);
	if (error == 0)
		error = socket_set(fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	if (error == 0)
		error = bind_to(fd, from, 0);
	if (error == 0)
		error = connect_to(fd, to, port);
	return error < 0 ? error : TAKE_FD(fd);
}

static struct addr loopback(enum addr_family family)
{
	return (struct addr){ family, family == ADDR_V4 ? INADDR_LOOPBACK : 1 };
}

/* On the loopback a refusal is known as soon as connect() is back. */
static int connect_loopback(int type, enum addr_family family, uint16_t port)
{
	CLEANUP_FD int fd = new_socket(family == ADDR_V4 ? AF_INET : AF_INET6, type, RELAY_PEER_OUTSIDE);
	int error = fd < 0 ? fd : connect_to(fd, loopback(family), port), refused = 0;
	socklen_t len = sizeof refused;
	if (fd >= 0 && type == SOCK_STREAM)
		relay_socket_unpaced(fd);
	if (error == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &refused, &len) == 0)
		error = -refused;
	return error < 0 ? error : TAKE_FD(fd);
}

int relay_socket_to_host(const struct relay_start *start, int type, enum addr_family family, uint16_t port)
{
	int error = enter_host(start);
	if (error < 0)
		return error;
	int fd = connect_loopback(type, family, port);
	/* a service of the other family's alone is reached as well; UDP does not tell whether there is one */
	if (fd < 0 && type == SOCK_STREAM)
		fd = connect_loopback(type, family == ADDR_V4 ? ADDR_V6 : ADDR_V4, port);
	back_to_vm(start);
	return fd;
}

int relay_socket_as_gateway(struct addr gateway, uint16_t port, struct addr guest, uint16_t guest_port)
{
	CLEANUP_FD int fd = new_socket(family_of(gateway), SOCK_DGRAM, RELAY_PEER_GUEST);
	int error = fd < 0 ? fd : socket_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	/* TPROXY takes it for a datagram's own socket while it is bound and not yet connected, and would hand on to none */
	if (error == 0)
		error = socket_set_transparent(fd, family_of(gateway));
	if (error == 0)
		error = bind_to(fd, gateway, port);
	if (error == 0)
		error = connect_to(fd, guest, guest_port);
	return error < 0 ? error : TAKE_FD(fd);
}
