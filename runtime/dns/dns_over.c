/* Bounds on lookups, as the worker enforces them on what the guest asks. A label that is too long is denied with the verdict on
 * the name; here is what depends on what was asked before. */
#include "dns/dns_proxy.h"

#include <errno.h>

int over_use_policy(struct proxy *proxy)
{
	const struct policy *policy = proxy->config.policy;
	uint8_t key[16];

	if (!policy->dns_names.size && !policy->dns_rate.size) {
		dns_bounds_free(proxy->bounds);
		proxy->bounds = NULL;
		return 0;
	}
	if (!proxy->bounds) {
		proxy_random(proxy, key, sizeof key);
		proxy->bounds = dns_bounds_new(key);
	}
	return proxy->bounds ? dns_bounds_use(proxy->bounds, policy, proxy->now_ms) : -ENOMEM;
}

bool over_takes(struct proxy *proxy, const char *name, uint16_t type, struct eval_verdict verdict,
		enum policy_dns_limit *which)
{
	const char *domain =
		dns_bounds_domain(proxy->config.policy, verdict.by.rule, verdict.by.kind == DECIDER_RULE, name);
	enum dns_bound over = dns_bounds_take(proxy->bounds, domain, name, type, proxy->now_ms);

	*which = over == DNS_BOUND_NAMES_OVER ? POLICY_DNS_NAMES : POLICY_DNS_RATE;
	return over != DNS_BOUND_NONE;
}
