/* Other firewalls of the host. */
#pragma once
#include "netlink/netlink.h"

/* The base chains that drop or reject what no rule of theirs accepts on its way through the host, and for each kind of firewall
 * that is recognized the commands that let sandboxes pass: lines on standard error. `host` is nfnetlink of the host's
 * namespace, which the caller is in. */
void firewalls_report(struct nl *host);
