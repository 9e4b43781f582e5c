/* The calling thread goes there and comes back. */
#include "cni/cni_netns.h"
#include "core/fd.h"
#include "sandbox/netns.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

static bool is_same(int a, int b)
{
	struct stat one, other;

	return fstat(a, &one) == 0 && fstat(b, &other) == 0 && one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

int cni_netns_open(const char *path)
{
	CLEANUP_FD int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	CLEANUP_FD int own = netns_open();

	if (fd < 0)
		return -errno;
	if (own < 0)
		return own;
	return ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWNET && !is_same(fd, own) ? TAKE_FD(fd) : -EINVAL;
}

const char *cni_netns_error_text(int error)
{
	return error == -EINVAL ? "it is no network namespace, or the node's own; wanted is the pod's" :
	       error == -EPERM  ? "to enter it msb-cni needs root with CAP_SYS_ADMIN, which its service has not" :
				  strerror(-error);
}

int cni_netns_in(int netns, int (*run)(void *), void *context)
{
	CLEANUP_FD int own = netns_open();
	int result = own < 0 ? own : netns_enter(netns);

	if (result < 0)
		return result;
	result = run(context);
	if (netns_enter(own) < 0)
		_exit(1); /* nothing may be done in the wrong one */
	return result;
}

static int open_rtnl(void *out)
{
	struct nl **nl = out;

	*nl = nl_open(NETLINK_ROUTE);
	return *nl ? 0 : -errno;
}

struct nl *cni_netns_rtnl(int netns)
{
	struct nl *nl = NULL;
	int error = cni_netns_in(netns, open_rtnl, &nl);

	errno = -error;
	return nl;
}

int cni_netns_link(int netns, const char *name, struct rtnl_link *out)
{
	CLEANUP_NL struct nl *nl = cni_netns_rtnl(netns);

	return nl ? rtnl_link_by_name(nl, name, out) : -errno;
}

void cni_netns_close_link(const char *path, const char *name)
{
	CLEANUP_FD int netns = cni_netns_open(path);
	CLEANUP_NL struct nl *nl = netns < 0 ? NULL : cni_netns_rtnl(netns);
	struct rtnl_link link;

	if (!nl || rtnl_link_by_name(nl, name, &link) < 0)
		return;
	cni_netns_close_far_end(nl, &link);
	rtnl_link_down(nl, link.index);
}

void cni_netns_close_far_end(struct nl *nl, const struct rtnl_link *link)
{
	CLEANUP_FD int own = netns_open();
	CLEANUP_NL struct nl *here = nl_open(NETLINK_ROUTE);

	if (!strcmp(link->kind, "veth") && here && own >= 0 && link->peer_netns >= 0 &&
	    link->peer_netns == rtnl_netns_number(nl, own))
		rtnl_link_down(here, link->peer);
}
