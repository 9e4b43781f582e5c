/* setns() and unshare(). */
#include "sandbox/netns.h"
#include "core/log.h"
#include "sandbox/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>

int netns_open(void)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int netns_new(void)
{
	return unshare(CLONE_NEWNET) ? -errno : netns_open();
}

int netns_enter(int fd)
{
	return setns(fd, CLONE_NEWNET) ? -errno : 0;
}

static int fail(const char *whose, int error)
{
	log_error("cannot enter the %s network namespace: %s", whose, strerror(-error));
	return error;
}

int netns_in_host(struct sandbox *sandbox, int (*act)(struct sandbox *), int *result)
{
	int error = netns_enter(sandbox->host_netns);

	if (error < 0)
		return fail("host's", error);
	*result = act(sandbox);
	error = netns_enter(sandbox->vm_netns);
	return error < 0 ? fail("VM's", error) : 0;
}
