/* Another policy while the sandbox runs, in the worker. It is made of texts alone, in the jail, while the one before is in
 * force; then it takes that one's place between two events. What waits for a server goes on, and is judged when it comes to be
 * bound; what is cached is judged now. */
#include "core/memory.h"
#include "dns/dns_proxy.h"
#include "eval/eval.h"
#include "policy/policy_bundle.h"
#include "policy/policy_facts.h"
#include "report/reason.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static int tell(const struct proxy *proxy, enum dns_policy_state state)
{
	struct dns_tell_policy told = { .kind = DNS_TELL_POLICY, .state = state, .offer = proxy->offer };
	return send(proxy->control, &told, sizeof told, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof told ? 0 : -errno;
}

int policy_forgotten(struct proxy *proxy)
{
	arena_free(proxy->offered_arena);
	proxy->offered_arena = NULL;
	proxy->offered = NULL;
	memory_settle();
	return 0;
}

static struct policy *unbundle(struct arena *arena, const char *text, size_t len)
{
	struct policy *policy = policy_unbundle(arena, text, len, diags_new(arena, sources_new(arena)));
	if (policy)
		eval_prepare_if_worth(policy);
	return policy;
}

int policy_offered(struct proxy *proxy, const struct dns_order *order, int fd)
{
	char *text = order->size ? mmap(NULL, order->size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
	policy_forgotten(proxy);
	proxy->offer = order->offer;
	if (text != MAP_FAILED) {
		proxy->offered_arena = arena_new();
		proxy->offered = unbundle(proxy->offered_arena, text, order->size);
		munmap(text, order->size);
	}
	close(fd);
	return tell(proxy, proxy->offered ? DNS_POLICY_READY : DNS_POLICY_REFUSED);
}

/* ---- what is known already ---- */

static void judge_cached(void *self, struct cached *cached)
{
	struct proxy *proxy = self;
	char name[NAME_TEXT_MAX];
	const char *known = name_from_wire(cached_name(cached), cached->name_len, name) ? name : NULL;
	bool udp = eval_dns(&proxy->context, known, FLOW_DNS_UDP).action == POLICY_ALLOW;
	bool tcp = eval_dns(&proxy->context, known, FLOW_DNS_TCP).action == POLICY_ALLOW;

	cached->over_udp = udp;
	cached->version = ++proxy->versions; /* no verdict on what was asked before counts for it */
	cached->renewing = false;
	if (cached->held_until_ms != CACHED_HELD)
		cached->held_until_ms = 0; /* the supervisor is asked anew, and its addresses are judged on the way */
	if (!udp && !tcp) {
		timer_stop(&cached->renewal);
		cached->needed_until_ms = 0;
	}
}

int policy_switched(struct proxy *proxy)
{
	struct arena *before = proxy->policy_arena;
	bool stripped = proxy->strips_ech;
	if (!proxy->offered)
		return -EPROTO;
	proxy->config.policy = proxy->context.policy = proxy->offered;
	proxy->policy_arena = proxy->offered_arena;
	proxy->offered = NULL;
	proxy->offered_arena = NULL;
	proxy->policies++;
	proxy->strips_ech = policy_strips_ech(proxy->config.policy);
	proxy->reasons = reasons_new(proxy->policy_arena, proxy->config.policy);
	/* without memory for them it does not go on unbounded */
	int error = over_use_policy(proxy);
	if (error < 0)
		return error;
	if (proxy->strips_ech != stripped)
		cache_expire(proxy->cache);
	cache_each(proxy->cache, judge_cached, proxy);
	arena_free(before);
	memory_settle();
	return tell(proxy, DNS_POLICY_TAKEN);
}

/* ---- what is under way ---- */

static bool addresses_pass(const struct proxy *proxy, const struct lookup *lookup, const char *name)
{
	for (size_t i = 0; i < lookup->addresses.count; i++)
		if (!name_equal(name, NAME_HOST_ALIAS) &&
		    !eval_answer_passes_for(&proxy->context, name, lookup->addresses.addrs[i]))
			return false;
	return true;
}

bool policy_still_wants(const struct proxy *proxy, const struct lookup *lookup, struct eval_verdict *verdict)
{
	const struct dns_question *question = &lookup->key.question;
	char name[NAME_TEXT_MAX];
	const char *known = name_from_wire(question->name, question->name_len, name) ? name : NULL;
	if (lookup->policy == proxy->policies)
		return true;
	*verdict = eval_dns(&proxy->context, known, FLOW_DNS_UDP);
	if (verdict->action != POLICY_ALLOW)
		*verdict = eval_dns(&proxy->context, known, FLOW_DNS_TCP);
	if (verdict->action != POLICY_ALLOW || !known || addresses_pass(proxy, lookup, known))
		return verdict->action == POLICY_ALLOW;
	*verdict = (struct eval_verdict){ POLICY_DENY, decided_by(DECIDER_REBIND) };
	return false;
}
