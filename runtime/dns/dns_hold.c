/* For how long the addresses of cached answers are bound. The supervisor's word on an answer counts for as long as nothing else
 * has been asked of it for the same name and family: whatever is, gives the cached answer another version, so that no verdict
 * on what was before is taken for one on it. */
#include "dns/dns_proxy.h"

static bool is_address_type(uint16_t type)
{
	return type == LDNS_RR_TYPE_A || type == LDNS_RR_TYPE_AAAA;
}

uint64_t hold_ms(const struct proxy *proxy, uint64_t left_ms)
{
	/* whole seconds, as the guest is told: of a cached answer that soon ends, too, it gets to connect */
	uint64_t hold = (left_ms + 999) / 1000 * 1000, least = proxy->config.policy->binding_minimum_ms;
	if (hold < least)
		hold = least;
	return hold > BINDINGS_MAX_TTL_MS ? BINDINGS_MAX_TTL_MS : hold;
}

void hold_keep(struct proxy *proxy, const struct lookup *lookup, const char *name)
{
	uint32_t lifetime = lookup->addresses.count ? lookup->addresses.ttl : dns_answer_lifetime(lookup->answer);
	struct cached *cached = cache_put(proxy->cache, &lookup->key.question, lookup->answer, lifetime,
					  lookup->version, proxy->now_ms);
	if (!cached)
		return;
	cached->over_udp = eval_dns(&proxy->context, name, FLOW_DNS_UDP).action == POLICY_ALLOW;
	if (!is_address_type(lookup->key.question.type))
		cached->held_until_ms = CACHED_HELD;
}

void hold_asked(struct proxy *proxy, const struct lookup *lookup)
{
	struct cached *cached = cache_find(proxy->cache, &lookup->key.question, proxy->now_ms);
	if (!cached || cached->version == lookup->version)
		return;
	cached->version = ++proxy->versions;
	cached->held_until_ms = 0;
	cached->renewing = false;
	/* a negative answer ends what was answered before it */
	if (lookup->addresses.count == 0)
		timer_stop(&cached->renewal);
}

void hold_told(struct proxy *proxy, const struct lookup *lookup, uint64_t until_ms)
{
	struct cached *cached = NULL;
	if (lookup->version)
		cached = cache_find(proxy->cache, &lookup->key.question, proxy->now_ms);
	if (!cached || cached->version != lookup->version)
		return;
	cached->held_until_ms = until_ms;
	cached->renewing = false;
}
