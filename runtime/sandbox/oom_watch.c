/* The count of the cgroup, whenever the kernel says that it may have changed. */
#include "sandbox/oom_watch.h"
#include "cgroup/cgroup.h"
#include "core/clock.h"
#include "sandbox/lifecycle.h"
#include "sandbox/setup.h"

#include <unistd.h>

#define LOOK_MS 2000
#define LOOK_AGAIN_MS 50

void oom_watch_open(struct sandbox *sandbox)
{
	int fd = cgroup_oom_watch(sandbox->start->cgroup);

	sandbox->oom = (struct oom_watch){ .fd = fd < 0 ? -1 : fd };
}

void oom_watch_read(struct oom_watch *watch)
{
	char bytes[4096];

	while (read(watch->fd, bytes, sizeof bytes) > 0)
		;
	watch->until_ms = clock_ms() + LOOK_MS;
}

static void look(struct sandbox *sandbox)
{
	struct cgroup_usage usage = cgroup_usage(sandbox->start->cgroup);

	if (!usage.has_oom || usage.oom_kills <= sandbox->oom.told)
		return;
	uint64_t kills = usage.oom_kills - sandbox->oom.told;
	sandbox->oom.told = usage.oom_kills;
	cgroup_say_killed(sandbox->start->cgroup, kills);
	lifecycle_killed_for_memory(sandbox, kills);
}

int oom_watch_settle(struct sandbox *sandbox)
{
	struct oom_watch *watch = &sandbox->oom;

	if (!watch->until_ms)
		return -1;
	look(sandbox);
	if (clock_ms() < watch->until_ms)
		return LOOK_AGAIN_MS;
	watch->until_ms = 0;
	return -1;
}

void oom_watch_end(struct sandbox *sandbox)
{
	if (sandbox->oom.fd >= 0)
		look(sandbox);
}
