/* The mechanism is seccomp_unotify(2). */
#include "isolation/lend_socket.h"
#include "core/fd.h"

#include <linux/seccomp.h>
#include <poll.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define SOCKET_TYPE_MASK 0xf /* beside it, SOCK_CLOEXEC and SOCK_NONBLOCK */

int lend_socket_listen(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	if (!filter)
		return -ENOMEM;
	int result = seccomp_rule_add(filter, SCMP_ACT_NOTIFY, SCMP_SYS(socket), 2, SCMP_A0(SCMP_CMP_EQ, AF_INET6),
				      SCMP_A1(SCMP_CMP_MASKED_EQ, SOCKET_TYPE_MASK, SOCK_RAW));
	if (!result)
		result = seccomp_load(filter);
	if (!result)
		result = seccomp_notify_fd(filter);
	/* releasing the context would close the listener */
	return result;
}

/* The answer to the call that waits: the socket's number in the child, as socket() returns it */
static int answer(int listener, int socket)
{
	struct seccomp_notif request;

	memset(&request, 0, sizeof request);
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request))
		return -errno;
	struct seccomp_notif_addfd lent = {
		.id = request.id,
		.flags = SECCOMP_ADDFD_FLAG_SEND,
		.srcfd = (unsigned)socket,
	};
	return ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &lent) < 0 ? -errno : 0;
}

int lend_socket(int pidfd, int number, int socket, int timeout_ms, void (*took_over)(void *), void *context)
{
	CLEANUP_FD int listener = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);

	if (listener < 0)
		return -errno;
	took_over(context);
	struct pollfd watched[] = { { .fd = listener, .events = POLLIN }, { .fd = pidfd, .events = POLLIN } };
	int ready = poll(watched, 2, timeout_ms);
	if (ready <= 0)
		return ready ? -errno : -ETIMEDOUT;
	return watched[0].revents & POLLIN ? answer(listener, socket) : -ECHILD;
}
