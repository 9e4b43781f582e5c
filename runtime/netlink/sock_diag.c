/* One connection, found by its addresses and ports, which costs the kernel one look into a hash table. */
#include "netlink/sock_diag.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <string.h>

static void put_address(__be32 out[static 4], const struct sockaddr_in6 *address)
{
	if (address->sin6_family == AF_INET)
		memcpy(out, &((const struct sockaddr_in *)address)->sin_addr, sizeof *out);
	else
		memcpy(out, &address->sin6_addr, sizeof address->sin6_addr);
}

static int take_owner(const struct nlmsghdr *message, void *context)
{
	const struct inet_diag_msg *found = mnl_nlmsg_get_payload(message);
	uint32_t *uid = context;

	/* a listener is what the kernel finds where there is no such connection */
	if (message->nlmsg_type != SOCK_DIAG_BY_FAMILY || mnl_nlmsg_get_payload_len(message) < sizeof *found ||
	    found->idiag_state == TCP_LISTEN)
		return -ENOENT;
	*uid = found->idiag_uid;
	return 0;
}

int sock_diag_owner(struct nl *nl, const struct sockaddr_in6 *from, const struct sockaddr_in6 *to, uint32_t *uid)
{
	char buffer[NLMSG_HDRLEN + sizeof(struct inet_diag_req_v2)] __attribute__((aligned(4))) = { 0 };
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct inet_diag_req_v2 *request = mnl_nlmsg_put_extra_header(message, sizeof *request);

	message->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	request->sdiag_family = (uint8_t)from->sin6_family;
	request->sdiag_protocol = IPPROTO_TCP;
	request->idiag_states = UINT32_MAX;
	request->id.idiag_sport = from->sin6_port;
	request->id.idiag_dport = to->sin6_port;
	put_address(request->id.idiag_src, from);
	put_address(request->id.idiag_dst, to);
	if (from->sin6_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&from->sin6_addr))
		request->id.idiag_if = from->sin6_scope_id;
	request->id.idiag_cookie[0] = request->id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	return nl_get(nl, message, take_owner, uid);
}
