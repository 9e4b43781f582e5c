/* Options and control messages of sockets. */
#include "core/socket.h"
#include "core/fd.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <string.h>

int socket_link(uint32_t index)
{
	struct sockaddr_ll link = { .sll_family = AF_PACKET, .sll_ifindex = (int)index };
	CLEANUP_FD int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&link, sizeof link))
		return -errno;
	return TAKE_FD(fd);
}

int socket_set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof value) < 0 ? -errno : 0;
}

int socket_set_reset(int fd, bool on)
{
	struct linger linger = { .l_onoff = on };

	return setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) < 0 ? -errno : 0;
}

int socket_set_transparent(int fd, int family)
{
	return family == AF_INET ? socket_set(fd, SOL_IP, IP_TRANSPARENT, 1) :
				   socket_set(fd, SOL_IPV6, IPV6_TRANSPARENT, 1);
}

int socket_want_asked(int fd, int family)
{
	return family == AF_INET ? socket_set(fd, SOL_IP, IP_RECVORIGDSTADDR, 1) :
				   socket_set(fd, SOL_IPV6, IPV6_RECVORIGDSTADDR, 1);
}

bool socket_asked(struct msghdr *message, struct sockaddr_in6 *out)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		bool v4 = c->cmsg_level == SOL_IP && c->cmsg_type == IP_ORIGDSTADDR;
		bool v6 = c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_ORIGDSTADDR;

		if (!v4 && !v6)
			continue;
		*out = (struct sockaddr_in6){ 0 };
		memcpy(out, CMSG_DATA(c), v4 ? sizeof(struct sockaddr_in) : sizeof *out);
		return true;
	}
	return false;
}

void socket_set_source(struct msghdr *message, struct addr from)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(message);
	bool v4 = from.family == ADDR_V4;
	struct in_pktinfo info4 = { 0 };
	struct in6_pktinfo info6 = { 0 };
	size_t len = v4 ? sizeof info4 : sizeof info6;

	addr_to_bytes(from, info6.ipi6_addr.s6_addr);
	memcpy(&info4.ipi_spec_dst, &info6.ipi6_addr, sizeof info4.ipi_spec_dst);
	c->cmsg_level = v4 ? SOL_IP : SOL_IPV6;
	c->cmsg_type = v4 ? IP_PKTINFO : IPV6_PKTINFO;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), v4 ? (void *)&info4 : (void *)&info6, len);
	message->msg_controllen = CMSG_SPACE(len);
}

union fds_control {
	struct cmsghdr header;
	char room[CMSG_SPACE(SOCKET_MANY_FDS * sizeof(int))];
};

int socket_send_fds(int fd, const void *message, size_t len, const int *fds, size_t count, int flags)
{
	union fds_control control = { 0 };
	struct iovec data = { (void *)message, len };
	struct msghdr header = { .msg_iov = &data, .msg_iovlen = 1 };

	if (count > SOCKET_MANY_FDS)
		return -EINVAL;
	if (count > 0) {
		header.msg_control = &control;
		header.msg_controllen = CMSG_SPACE(count * sizeof *fds);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(count * sizeof *fds);
		memcpy(CMSG_DATA(&control.header), fds, count * sizeof *fds);
	}
	return sendmsg(fd, &header, flags | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* At most `most` descriptors: the kernel closes those that have no room. */
static ssize_t receive_fds(int fd, void *message, size_t len, int *fds, size_t most, size_t *count)
{
	union fds_control control;
	struct iovec data = { message, len };
	struct msghdr header = { .msg_iov = &data,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = CMSG_LEN(most * sizeof *fds) };
	ssize_t got = recvmsg(fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = got < 0 ? NULL : CMSG_FIRSTHDR(&header);

	*count = 0;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		*count = (c->cmsg_len - CMSG_LEN(0)) / sizeof *fds;
		memcpy(fds, CMSG_DATA(c), *count * sizeof *fds);
	}
	return got < 0 ? -errno : got;
}

ssize_t socket_receive_fds(int fd, void *message, size_t len, int fds[static SOCKET_FDS_MAX])
{
	size_t count;

	memset(fds, -1, SOCKET_FDS_MAX * sizeof *fds);
	return receive_fds(fd, message, len, fds, SOCKET_FDS_MAX, &count);
}

ssize_t socket_receive_many(int fd, void *message, size_t len, int fds[static SOCKET_MANY_FDS], size_t *count)
{
	return receive_fds(fd, message, len, fds, SOCKET_MANY_FDS, count);
}
