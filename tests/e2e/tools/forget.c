/* Deletes the entries of conntrack whose first packet came from these addresses, in the network namespace it is started in.
 * usage: forget ADDRESS… (IPv4 before IPv6) */
#include "netlink/conntrack.h"

#include <linux/netlink.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	struct addr sources[8];
	size_t count = 0, deleted = 0;

	for (int i = 1; i < argc && count < 8; i++)
		if (!addr_parse(argv[i], &sources[count++]))
			return 2;
	struct nl *nl = nl_open(NETLINK_NETFILTER);
	if (!nl || conntrack_forget(nl, sources, count, &deleted))
		return 3;
	printf("%zu\n", deleted);
	nl_close(nl);
	return 0;
}
