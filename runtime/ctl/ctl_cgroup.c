/* One line a controller, as many as the host counts. */
#include "ctl/ctl_cgroup.h"
#include "base/units.h"
#include "ctl/table.h"

#include <inttypes.h>
#include <stdio.h>

static bool has(const json_t *item, const char *key, uint64_t *out)
{
	const json_t *value = json_object_get(item, key);

	*out = (uint64_t)json_integer_value(value);
	return json_is_integer(value);
}

static void print_memory(struct arena *arena, const json_t *item, const json_t *kills)
{
	uint64_t used, most;

	if (!item)
		return;
	printf("memory    %s", has(item, "used", &used) ? table_size(arena, used) : "?");
	if (has(item, "most", &most))
		printf(" of %s", units_size_format(arena, most));
	if (json_integer_value(kills))
		printf(", %" JSON_INTEGER_FORMAT " killed for memory", json_integer_value(kills));
	putchar('\n');
}

static void print_cpus(const json_t *item)
{
	const json_t *used = json_object_get(item, "used"), *most = json_object_get(item, "most");

	if (!item)
		return;
	fputs("cpu       ", stdout);
	if (used)
		printf("%.2f s%s", json_number_value(used), most ? ", " : "");
	if (most)
		printf("at most %g at once", json_number_value(most));
	putchar('\n');
}

static void print_pids(const json_t *item)
{
	uint64_t used, most;

	if (!item)
		return;
	fputs("processes ", stdout);
	if (has(item, "used", &used))
		printf("%" PRIu64, used);
	if (has(item, "most", &most))
		printf(" of %" PRIu64, most);
	putchar('\n');
}

void ctl_cgroup_print(struct arena *arena, const json_t *answer)
{
	const json_t *cgroup = json_object_get(answer, "cgroup");

	print_memory(arena, json_object_get(cgroup, "memory"), json_object_get(cgroup, "oom_kills"));
	print_cpus(json_object_get(cgroup, "cpus"));
	print_pids(json_object_get(cgroup, "pids"));
}
