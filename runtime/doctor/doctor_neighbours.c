/* The kernel's tables of neighbours: one of each family for all namespaces together, so that pods share them. What finds no room is
 * dropped. The node's own network namespace alone has their bounds. */
#include "core/fd.h"
#include "core/pod.h"
#include "doctor/doctor.h"
#include "net/sysctl.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a pod in use has of neighbours was measured: docs/scale.md. Twice that is asked for */
static const struct table {
	const char *name, *limit, *used;
	unsigned each_pod;
} tables[] = {
	{ "IPv4", "ipv4/neigh/default/gc_thresh3", "/proc/net/stat/arp_cache", 8 },
	{ "IPv6", "ipv6/neigh/default/gc_thresh3", "/proc/net/stat/ndisc_cache", 32 },
};

/* The first column of the first line below the heading, hexadecimal */
static unsigned long read_used(const char *path)
{
	char text[1024] = "";
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, text, sizeof text - 1) < 0)
		return 0;
	const char *line = strchr(text, '\n');
	return line ? strtoul(line + 1, NULL, 16) : 0;
}

static void judge(const struct table *table, unsigned long limit, size_t pods, struct doctor_finding *finding)
{
	unsigned long used = read_used(table->used), wanted = pods * table->each_pod;
	bool is_full = used > limit - limit / 10;

	if (!is_full && limit >= wanted)
		return;
	if (is_full)
		doctor_say(finding, DOCTOR_PROBLEM,
			   "%lu of %lu neighbours of %s in use: what is for new ones is dropped", used, limit,
			   table->name);
	else if (finding->state != DOCTOR_PROBLEM)
		doctor_say(finding, DOCTOR_NOTE, "room for %lu neighbours of %s: few for %zu pods", limit, table->name,
			   pods);
	doctor_help(finding, "sysctl -w net.%s.neigh.default.gc_thresh3=%lu", table->name[3] == '4' ? "ipv4" : "ipv6",
		    wanted > limit * 2 ? wanted : limit * 2);
}

void doctor_neighbours(const struct doctor_check *check, struct doctor_finding *finding)
{
	size_t pods = pod_count();
	char text[32];

	(void)check;
	doctor_say(finding, DOCTOR_OK, "room for those of %zu pod%s", pods, pods == 1 ? "" : "s");
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
		int error = sysctl_read(tables[i].limit, text, sizeof text);
		if (error == 0)
			judge(&tables[i], strtoul(text, NULL, 10), pods, finding);
		else if (i == 0)
			doctor_say(finding, DOCTOR_OK,
				   "their bounds are the node's own namespace's, which this is not");
	}
}
