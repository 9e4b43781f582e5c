/* Reads the counters of /proc/net. A frame that finds the backlog of the receiving end full counts at either end of a veth. */
#include "kernel_drops.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { LINE_MAX_LEN = 2048 };

static uint64_t of_links(void)
{
	static const char format[] = " %*[^:]: %*u %*u %*u %" SCNu64 " %*u %*u %*u %*u %*u %*u %*u %" SCNu64;
	char line[LINE_MAX_LEN];
	uint64_t sum = 0, in, out;
	FILE *file = fopen("/proc/net/dev", "re");

	while (file && fgets(line, sizeof line, file))
		if (sscanf(line, format, &in, &out) == 2)
			sum += in + out;
	if (file)
		fclose(file);
	return sum;
}

static bool is_loss_of_conntrack(const char *column)
{
	return !strcmp(column, "insert_failed") || !strcmp(column, "drop") || !strcmp(column, "early_drop");
}

/* A line of names, then a line of hexadecimal numbers for each processor */
static uint64_t of_conntrack(void)
{
	char names[LINE_MAX_LEN] = "", line[LINE_MAX_LEN];
	uint64_t sum = 0, value;
	FILE *file = fopen("/proc/net/stat/nf_conntrack", "re");

	if (!file)
		return 0;
	if (!fgets(names, sizeof names, file))
		names[0] = '\0';
	while (fgets(line, sizeof line, file)) {
		char name[32];
		int name_len, value_len;
		for (const char *n = names, *v = line;
		     sscanf(n, "%31s%n", name, &name_len) == 1 && sscanf(v, "%" SCNx64 "%n", &value, &value_len) == 1;
		     n += name_len, v += value_len)
			sum += is_loss_of_conntrack(name) ? value : 0;
	}
	fclose(file);
	return sum;
}

static uint64_t of_reassembly6(void)
{
	char line[LINE_MAX_LEN];
	uint64_t value = 0;
	FILE *file = fopen("/proc/net/snmp6", "re");

	while (file && fgets(line, sizeof line, file))
		if (sscanf(line, "Ip6ReasmFails %" SCNu64, &value) == 1)
			break;
	if (file)
		fclose(file);
	return value;
}

/* Two lines that begin alike: names, then numbers */
static uint64_t of_reassembly4(void)
{
	char names[LINE_MAX_LEN], values[LINE_MAX_LEN];
	uint64_t fails = 0;
	FILE *file = fopen("/proc/net/snmp", "re");

	if (!file)
		return 0;
	if (fgets(names, sizeof names, file) && fgets(values, sizeof values, file)) {
		char *name_rest, *value_rest, *name = strtok_r(names, " \n", &name_rest),
					      *value = strtok_r(values, " \n", &value_rest);
		while (name && value && strcmp(name, "ReasmFails")) {
			name = strtok_r(NULL, " \n", &name_rest);
			value = strtok_r(NULL, " \n", &value_rest);
		}
		if (!name || !value || sscanf(value, "%" SCNu64, &fails) != 1)
			fails = 0;
	}
	fclose(file);
	return fails;
}

struct kernel_drops kernel_drops(void)
{
	struct kernel_drops drops = { .packets = of_links() + of_conntrack() };

	drops.pieces = drops.packets + of_reassembly4() + of_reassembly6();
	return drops;
}
