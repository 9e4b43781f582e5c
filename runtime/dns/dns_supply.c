/* The supervisor's side of the sockets towards servers: the worker asks for them as it needs them, and gets no more than its
 * bound, whatever it says. Each carries the mark by which the packet filters confine it to the nameservers there are. */
#include "core/fd.h"
#include "core/log.h"
#include "core/socket.h"
#include "dns/dns_sockets.h"
#include "dns/dns_state.h"
#include "lower/sandbox_net.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>

_Static_assert(sizeof((struct dns *)0)->supplied / sizeof *((struct dns *)0)->supplied == PLACE_COUNT,
	       "a count a place");
_Static_assert(UPSTREAM_UDP_SOCKETS + UPSTREAM_TCP_SOCKETS <= SOCKET_MANY_FDS, "a message carries them");

static bool is_of_host(enum upstream_place place)
{
	return place == PLACE_HOST4 || place == PLACE_HOST6;
}

/* Whether anything may be asked from there as things are; a guest may name its own servers in the families it has. */
static bool is_wanted(const struct dns *dns, enum upstream_place place)
{
	for (size_t i = 0; i < dns->server_count; i++)
		if (upstream_place(&dns->servers[i].at) == place)
			return true;
	return (place == PLACE_VM4 && dns->start.gateway.has4) || (place == PLACE_VM6 && dns->start.gateway.has6);
}

/* As many as can be made, in the caller's namespace. 0, or -errno of the first that could not */
static int make(const struct dns *dns, enum upstream_place place, int type, size_t want, int *fds, uint32_t *count)
{
	uint32_t mark = is_of_host(place) ? dns->start.host_mark : LOWER_UPSTREAM_MARK;
	while (*count < want) {
		int fd = dns_sockets_upstream(place, type, mark);
		if (fd < 0)
			return fd;
		fds[(*count)++] = fd;
	}
	return 0;
}

/* Into order's counts and `fds`. 0, or -errno where the supervisor is not where it was. */
static int make_both(struct dns *dns, const struct dns_ask_sockets *ask, struct dns_order *order, int *fds)
{
	enum upstream_place place = (enum upstream_place)ask->place;
	if (is_of_host(place) && setns(dns->start.host_netns, CLONE_NEWNET) < 0)
		return -errno;
	int error = make(dns, place, SOCK_DGRAM, ask->udp_count, fds, &order->udp_count);
	if (error == 0)
		error = make(dns, place, SOCK_STREAM, ask->tcp_count, fds + order->udp_count, &order->tcp_count);
	if (is_of_host(place) && setns(dns->start.vm_netns, CLONE_NEWNET) < 0)
		return -errno;
	/* a kernel without IPv6 has no such servers either */
	if (error < 0 && error != -EAFNOSUPPORT && !dns->supply_failed) {
		dns->supply_failed = true;
		log_line(
			"cannot open as many sockets towards nameservers as are needed, so names resolve slowly or not: %s",
			strerror(-error));
	}
	return 0;
}

int dns_supply(struct dns *dns, const struct dns_ask_sockets *ask)
{
	int fds[UPSTREAM_UDP_SOCKETS + UPSTREAM_TCP_SOCKETS];
	struct dns_order order = { .kind = DNS_ORDER_SOCKETS, .place = ask->place };
	if (ask->place >= PLACE_COUNT || ask->udp_count > UPSTREAM_UDP_SOCKETS - dns->supplied[ask->place].udp ||
	    ask->tcp_count > UPSTREAM_TCP_SOCKETS - dns->supplied[ask->place].tcp)
		return -EPROTO;
	int error = 0;
	if (is_wanted(dns, (enum upstream_place)ask->place))
		error = make_both(dns, ask, &order, fds);
	size_t count = order.udp_count + order.tcp_count;
	if (error == 0)
		error = socket_send_fds(dns->worker.control, &order, sizeof order, fds, count, MSG_DONTWAIT);
	for (size_t i = 0; i < count; i++)
		fd_closep(&fds[i]);
	dns->supplied[ask->place].udp += order.udp_count;
	dns->supplied[ask->place].tcp += order.tcp_count;
	/* it has one ask of a place open at most, and its answer fits: one that has more does not keep to that */
	return error == -EAGAIN ? -EPROTO : error;
}

size_t dns_nameservers(const struct dns *dns, struct nameserver out[static NAMESERVERS_MAX])
{
	for (size_t i = 0; i < dns->server_count; i++)
		out[i] = dns->servers[i].at;
	return dns->server_count;
}
