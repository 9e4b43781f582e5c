/* As the kernel counts it in the sandbox's cgroup, which has no number where it has no such controller. */
#include "sandbox/answers_cgroup.h"
#include "cgroup/cgroup.h"
#include "report/event_line.h"
#include "sandbox/setup.h"

static void add(json_t *list, const char *key, bool has, json_t *used, json_t *most)
{
	json_t *item = json_object();

	if (has)
		json_object_set(item, "used", used);
	if (most)
		json_object_set_new(item, "most", most);
	if (json_object_size(item))
		json_object_set(list, key, item);
	json_decref(item);
	json_decref(used);
}

static json_t *limit(uint64_t most)
{
	return most ? event_number(most) : NULL;
}

void answer_add_cgroup(const struct sandbox *sandbox, json_t *answer)
{
	const struct run_config *config = sandbox->start->config;

	if (!sandbox->start->cgroup)
		return;
	struct cgroup_usage usage = cgroup_usage(sandbox->start->cgroup);
	json_t *list = json_object();
	add(list, "memory", usage.has_memory, event_number(usage.memory), limit(config->memory_max));
	add(list, "pids", usage.has_pids, event_number(usage.pids), limit(config->pids_max));
	add(list, "cpus", usage.has_cpu, json_real((double)usage.cpu_us / 1e6),
	    config->cpus_max ? json_real(config->cpus_max / 100.0) : NULL);
	if (usage.has_oom)
		json_object_set_new(list, "oom_kills", event_number(usage.oom_kills));
	json_object_set_new(answer, "cgroup", list);
}
