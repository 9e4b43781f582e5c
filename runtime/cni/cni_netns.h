/* A pod's network namespace, by the path that runtimes give: of any file system, /proc/PID/ns/net too. */
#pragma once
#include "netlink/rtnl.h"

/* A descriptor, or -errno; -EINVAL: it is no network namespace, or the caller's own */
int cni_netns_open(const char *path);
const char *cni_netns_error_text(int error);
/* Runs it in there, and comes back; its result, or -errno where nobody gets there */
int cni_netns_in(int netns, int (*run)(void *), void *context);
/* rtnetlink in there; NULL and errno */
struct nl *cni_netns_rtnl(int netns);
/* A link of there that is not to carry anything; fine where either is gone */
void cni_netns_close_link(const char *path, const char *name);
/* What a pod's link leads to is down, too, where it is a veth of the caller's namespace: then nobody in the pod can open the link
 * again. The link is of the socket's namespace. */
void cni_netns_close_far_end(struct nl *, const struct rtnl_link *);
/* 0 or -errno */
int cni_netns_link(int netns, const char *name, struct rtnl_link *out);
