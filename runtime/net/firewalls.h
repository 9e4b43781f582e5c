/* Other firewalls of the host. */
#pragma once
#include "netlink/netlink.h"

/* The base chains that drop or reject what no rule of theirs accepts on its way through the host, and for each kind of firewall
 * that is recognized the commands that let sandboxes pass: lines on standard error. `host` is nfnetlink of the host's
 * namespace, which the caller is in. */
void firewalls_report(struct nl *host);

enum firewalls_word {
	FIREWALLS_CHAIN,   /* one of those chains: "chain forward of table inet filter, whose policy is drop" */
	FIREWALLS_KNOWN,   /* a firewall by its name, before its commands */
	FIREWALLS_COMMAND, /* what lets sandboxes pass */
};
typedef void firewalls_say(enum firewalls_word, const char *text, void *context);
/* The same to somebody else, of those chains alone whose table has no rules for sandboxes' links, both in and out; how many. What
 * iptables-legacy has is not seen. */
size_t firewalls_find(struct nl *host, firewalls_say *, void *context);
