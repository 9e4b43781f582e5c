/* The steps of the set-up where the guest is a network namespace that others made (core/pod.h): its link is taken from it, and gets
 * the name LOWER_UPLINK in the sandbox's; in its place the pod has another of the same name, MAC and addresses, whose other
 * end is LOWER_POD_LINK, whose frames come and go by LOWER_TAP. In between it is routed, so the pod's addresses are asked for on either
 * side: proxy ARP answers for IPv4, and for IPv6 proxy entries, which is why the pod's IPv6 address is on a network of its own.
 * 0 or -errno, reported */
#pragma once
#include "sandbox/setup.h"

int sandbox_pod_namespaces(struct sandbox *);
int sandbox_pod_take_link(struct sandbox *);
int sandbox_pod_open_links(struct sandbox *); /* from here on packets pass */
/* Wakes its reader when the pod's link may be gone, and with it the pod */
int sandbox_pod_fd(const struct sandbox *);
bool sandbox_pod_is_gone(struct sandbox *);
void sandbox_pod_close(struct sandbox *); /* where there is no pod, nothing */
