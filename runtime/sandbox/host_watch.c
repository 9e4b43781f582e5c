/* Theory of operation. A change wakes the loop once; SETTLE_MS later all that has come is read, and where any of it concerns this
 * sandbox, the followers are called, each of which reads the host's network anew and does what is left to do, if anything. What
 * other sandboxes do to their links is none of that: hundreds may start at once, and each would have all others at work. Where
 * the followers take long, as on a host with a million routes, they are called the less often. */
#include "sandbox/host_watch.h"
#include "base/arena.h"
#include "core/clock.h"
#include "netlink/rtnl_watch.h"
#include "sandbox/follow_link.h"
#include "sandbox/netns.h"
#include "sandbox/setup.h"
#include "sandbox/table_owner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define SETTLE_MS 100
#define RETRY_MS 1000
#define LOOK_MS 1000 /* what the kernel does not tell of */
#define REST 20      /* times as long as the followers had the processor */
#define REST_MAX_MS 5000

/* Each is called in the host's network namespace; 0, or -errno for another try. */
static int (*const followers[])(struct sandbox *) = { follow_link, follow_forwarding, follow_routes };

struct host_watch {
	struct nl *events;
	int epoll;
	uint32_t reference;
	uint64_t due_ms;  /* when to read and follow; 0: nothing has come */
	uint64_t rest_ms; /* not to follow before */
	uint64_t look_ms; /* when to look without being told */
	bool changed;
	struct arena *arena;
	LIST_OF(uint32_t) others; /* links of other sandboxes */
};

struct host_watch *host_watch_open(void)
{
	struct nl *events = rtnl_watch_open();
	if (!events)
		return NULL;
	struct host_watch *watch = arena_must(calloc(1, sizeof *watch));
	watch->events = events;
	watch->arena = arena_new();
	return watch;
}

void host_watch_close(struct host_watch *watch)
{
	if (!watch)
		return;
	nl_close(watch->events);
	arena_free(watch->arena);
	free(watch);
}

/* Once: until it is armed again, more that comes wakes nobody. */
static int arm(struct host_watch *watch, int operation)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT, .data.u32 = watch->reference };

	return epoll_ctl(watch->epoll, operation, nl_fd(watch->events), &event);
}

static int add_other(const struct rtnl_link *link, void *context)
{
	const struct sandbox *sandbox = context;

	if (forward_is_sandbox(link->name) && link->index != sandbox->host_link.index)
		*arena_push(sandbox->watch->arena, &sandbox->watch->others) = link->index;
	return 0;
}

/* What others there are is no more than a saving. */
int host_watch_enroll(const struct sandbox *sandbox, int epoll, uint32_t reference)
{
	struct host_watch *watch = sandbox->watch;

	rtnl_links(sandbox->host, add_other, (void *)(uintptr_t)sandbox);
	watch->epoll = epoll;
	watch->reference = reference;
	return arm(watch, EPOLL_CTL_ADD);
}

void host_watch_wake(struct host_watch *watch)
{
	uint64_t settled = clock_ms() + SETTLE_MS;

	watch->due_ms = settled > watch->rest_ms ? settled : watch->rest_ms;
}

int host_watch_wait(const struct sandbox *sandbox)
{
	const struct host_watch *watch = sandbox->watch;
	uint64_t now = clock_ms(), next = watch->look_ms;

	if (watch->due_ms && watch->due_ms < next)
		next = watch->due_ms;
	return next > now ? (int)(next - now) : 0;
}

/* ---- what concerns this sandbox ---- */

static uint32_t *find_other(const struct host_watch *watch, uint32_t link)
{
	for (size_t i = 0; i < watch->others.count; i++)
		if (watch->others.items[i] == link)
			return &watch->others.items[i];
	return NULL;
}

/* A link's index and name come before anything else about it. */
static void learn_link(struct host_watch *watch, const struct rtnl_event *event, bool sandboxes)
{
	uint32_t *known = find_other(watch, event->link);

	if (sandboxes && !event->gone && !known)
		*arena_push(watch->arena, &watch->others) = event->link;
	else if (known && (!sandboxes || event->gone))
		*known = watch->others.items[--watch->others.count];
}

static void judge(const struct rtnl_event *event, void *context)
{
	const struct sandbox *sandbox = context;
	struct host_watch *watch = sandbox->watch;
	bool own = event->link == sandbox->host_link.index;

	if (event->kind == RTNL_LINK && event->name && !own)
		learn_link(watch, event, forward_is_sandbox(event->name));
	if (event->kind == RTNL_LINK && event->name && forward_is_sandbox(event->name) && !own)
		return;
	if (event->link && find_other(watch, event->link))
		return;
	watch->changed = true;
}

/* ---- following ---- */

static int follow_all(struct sandbox *sandbox)
{
	int result = 0;

	for (size_t i = 0; i < sizeof followers / sizeof *followers; i++) {
		int error = followers[i](sandbox);
		result = error < 0 ? error : result;
	}
	return result;
}

static uint64_t worked_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int follow(struct sandbox *sandbox)
{
	struct host_watch *watch = sandbox->watch;
	uint64_t worked = worked_ms();
	int failed = 0;

	watch->changed = false;
	int error = netns_in_host(sandbox, follow_all, &failed);
	/* In the VM's namespace, as all that serves DNS: which nameservers are on the host */
	if (error == 0)
		dns_host_changed(sandbox->dns);
	uint64_t ended = clock_ms(), rest = (worked_ms() - worked) * REST;
	watch->rest_ms = ended + (rest < REST_MAX_MS ? rest : REST_MAX_MS);
	if (failed < 0) {
		watch->changed = true;
		watch->due_ms = ended + RETRY_MS;
	}
	return error;
}

static void ask_for_count(struct sandbox *sandbox)
{
	const struct flow_grants *grants = &sandbox->grants;
	struct table_owner_question question = { .count = grants->guest_count, .relay_count = grants->relay_count };

	memcpy(question.guests, grants->guests, sizeof question.guests);
	memcpy(question.relays, grants->relays, sizeof question.relays);
	int error = table_owner_ask(sandbox->start->owner, &question);
	if (error < 0)
		flow_grants_counted(&sandbox->grants, error, NULL);
}

bool host_watch_counted(struct sandbox *sandbox)
{
	struct table_owner_count count;
	ssize_t len = recv(sandbox->start->owner, &count, sizeof count, MSG_DONTWAIT);

	if (len == sizeof count)
		flow_grants_counted(&sandbox->grants, count.error, &count.flows);
	return len == sizeof count || (len < 0 && (errno == EAGAIN || errno == EINTR));
}

/* What the kernel tells nobody; 1: forwarding is cut */
static int look(struct sandbox *sandbox)
{
	passage_look(&sandbox->passage, false);
	if (flow_grants_look(&sandbox->grants))
		ask_for_count(sandbox);
	return follow_forwarding_is_cut(sandbox);
}

static int last_look(struct sandbox *sandbox)
{
	passage_look(&sandbox->passage, true);
	return 0;
}

void host_watch_end(struct sandbox *sandbox)
{
	int unused;

	netns_in_host(sandbox, last_look, &unused);
}

int host_watch_run(struct sandbox *sandbox)
{
	struct host_watch *watch = sandbox->watch;
	uint64_t now = clock_ms();
	int cut = 0, error = 0;

	if (watch->due_ms && now >= watch->due_ms) {
		watch->due_ms = 0;
		watch->changed |= rtnl_watch_read(watch->events, judge, sandbox) != 0;
		arm(watch, EPOLL_CTL_MOD);
	}
	if (now >= watch->look_ms) {
		watch->look_ms = now + LOOK_MS;
		error = netns_in_host(sandbox, look, &cut);
	}
	if (error == 0 && (cut || (watch->changed && !watch->due_ms)))
		error = follow(sandbox);
	return error;
}
