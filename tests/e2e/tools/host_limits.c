/* A sandbox's table in the host's namespace with bounds of one's choice, which a host of the usual size would be too large to
 * reach: installed, "ready" printed, there until it is killed.
 * (A mark of nobody's: without one every packet of the host's own would be the DNS worker's.)
 * usage: host_limits LINK GATEWAY4 GATEWAY6 EACH SHARE ALL   (EACH: of TCP, UDP, other protocols, questions) */
#include "net/host_table.h"
#include "netlink/nflog.h"

#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct host_limits limits = { .question_s = 7, .timeouts = true };
	struct host_table table = { .gateway = { .has4 = true, .has6 = true },
				    .mark = host_table_mark(1),
				    .limits = &limits };

	if (argc != 7 || !addr_parse(argv[2], &table.gateway.v4) || !addr_parse(argv[3], &table.gateway.v6))
		return 2;
	table.link = argv[1];
	table.index = if_nametoindex(argv[1]);
	limits.tcp = limits.udp = limits.other = limits.questions = (uint32_t)strtoul(argv[4], NULL, 10);
	limits.share = (uint32_t)strtoul(argv[5], NULL, 10);
	limits.all = (uint32_t)strtoul(argv[6], NULL, 10);
	struct nl *log = nflog_open_free(1, &limits.log_group);
	struct nft *nft = nft_open();
	if (!log || !nft || host_table_install(nft, &table))
		return 3;
	puts("ready");
	fflush(stdout);
	pause();
	return 0;
}
