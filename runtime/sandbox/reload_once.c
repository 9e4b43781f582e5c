/* Grants for one flow. While there is one, the sandbox's flows are looked at: the first that its rule lets in and that is open, heard by
 * both ends, is kept whatever the default denies, and the grant is over. What opens in the moment until then ends with the grant. */
#include "core/clock.h"
#include "sandbox/reload_state.h"
#include "sandbox/setup.h"

#include <linux/netfilter/nf_conntrack_tcp.h>
#include <netinet/in.h>
#include <string.h>

#define LOOK_MS 100

struct looking {
	struct sandbox *sandbox;
	struct arena *arena;
	uint32_t used;
};

/* The grant that a rule of the policy in force is; NULL: it is none, or not for one flow */
static const struct reload_granted *once_of(const struct looking *looking, size_t index)
{
	const struct reload *reload = looking->sandbox->reload;
	const struct policy *policy = looking->sandbox->start->config->policy;
	const struct policy_rule *rule = &policy->rules.items[index];

	if (rule->origin != ORIGIN_GRANT)
		return NULL;
	const char *place = policy_origin(looking->arena, policy, rule->span);
	for (size_t i = 0; i < reload->grant_count; i++) {
		const char *own = arena_printf(looking->arena, "grant:%u", reload->grants[i].id);
		size_t len = strlen(own);
		if (reload->grants[i].once && !strncmp(place, own, len) && (!place[len] || place[len] == ':'))
			return &reload->grants[i];
	}
	return NULL;
}

/* Both ends have said something */
static bool is_open(const struct flows_flow *flow)
{
	if (flow->kind != FLOWS_FORWARDED)
		return !flow->waits;
	if (flow->l4 == IPPROTO_TCP)
		return flow->tcp_state != TCP_CONNTRACK_NONE && flow->tcp_state != TCP_CONNTRACK_SYN_SENT &&
		       flow->tcp_state != TCP_CONNTRACK_SYN_RECV && flow->tcp_state != TCP_CONNTRACK_SYN_SENT2;
	return !flow->counted || flow->packets_in > 0;
}

static int look(const struct flows_flow *flow, void *context)
{
	struct looking *looking = context;
	const struct reload_granted *grant = NULL;

	if (flow->verdict.action == POLICY_ALLOW && flow->verdict.by.kind == DECIDER_RULE && is_open(flow) &&
	    !flows_is_kept(looking->sandbox->flows, flow))
		grant = once_of(looking, flow->verdict.by.rule);
	if (!grant)
		return 0;
	flows_keep(looking->sandbox->flows, flow);
	looking->used = grant->id;
	return 1;
}

static bool has_once(const struct reload *reload)
{
	for (size_t i = 0; i < reload->grant_count; i++)
		if (reload->grants[i].once)
			return true;
	return false;
}

uint32_t reload_once_used(struct sandbox *sandbox)
{
	struct looking looking = { .sandbox = sandbox };
	uint64_t now = clock_ms();

	if (!has_once(sandbox->reload) || now < sandbox->reload->once_ms)
		return 0;
	sandbox->reload->once_ms = now + LOOK_MS;
	looking.arena = arena_new();
	flows_list(sandbox->flows, sandbox->start->config->policy, dns_bindings(sandbox->dns), look, &looking);
	arena_free(looking.arena);
	return looking.used;
}

int reload_once_wait(const struct reload *reload)
{
	uint64_t now = clock_ms();

	if (!has_once(reload))
		return -1;
	return reload->once_ms > now ? (int)(reload->once_ms - now) : 0;
}
