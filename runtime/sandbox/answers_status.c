/* Everything that is worth knowing about a sandbox, section by section. */
#include "core/clock.h"
#include "lower/sandbox_net.h"
#include "netlink/conntrack.h"
#include "sandbox/answers.h"
#include "sandbox/answers_cgroup.h"
#include "sandbox/answers_flows.h"
#include "sandbox/answers_quotas.h"
#include "sandbox/answers_rules.h"
#include "sandbox/setup.h"

#include <linux/netlink.h>

#define BINDINGS_TOLD 4096 /* addresses; of more the number is told */

struct binding_list {
	json_t *list;
	size_t more;
};

static json_t *address_json(struct addr addr)
{
	char text[ADDR_TEXT_MAX];

	return json_string(addr_format(addr, text));
}

static bool add_binding(const char *name, struct addr addr, uint64_t left_ms, void *context)
{
	struct binding_list *bindings = context;
	json_t *binding = json_array_size(bindings->list) < BINDINGS_TOLD ? json_object() : NULL;

	if (binding) {
		json_object_set_new(binding, "name", json_string(name));
		json_object_set_new(binding, "address", address_json(addr));
		json_object_set_new(binding, "left_ms", json_integer((json_int_t)left_ms));
		json_array_append_new(bindings->list, binding);
	}
	bindings->more += !binding;
	return true;
}

static void add_bindings(const struct sandbox *sandbox, json_t *answer)
{
	struct binding_list bindings = { .list = json_array() };

	bindings_each(dns_bindings(sandbox->dns), clock_ms(), add_binding, &bindings);
	json_object_set_new(answer, "bindings", bindings.list);
	json_object_set_new(answer, "bindings_more", json_integer((json_int_t)bindings.more));
}

static void add_nameservers(const struct sandbox *sandbox, json_t *answer)
{
	struct nameserver servers[NAMESERVERS_MAX];
	size_t count = dns_nameservers(sandbox->dns, servers);
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_pack("{s:o, s:i, s:b}", "address", address_json(servers[i].addr),
						      "port", servers[i].port, "by_host", servers[i].by_host));
	json_object_set_new(answer, "nameservers", list);
}

static void add_limit(json_t *list, const char *option, uint64_t most, const uint32_t *used)
{
	json_t *limit = json_pack("{s:s, s:I}", "option", option, "most", (json_int_t)most);

	if (used)
		json_object_set_new(limit, "used", json_integer(*used));
	json_array_append_new(list, limit);
}

/* `size` in `refill_ms`, as a rate a second */
static void add_rate(json_t *list, const char *option, const struct policy_limit *limit)
{
	if (limit->size && limit->refill_ms)
		add_limit(list, option, limit->size * 1000 / limit->refill_ms, NULL);
}

/* Bounds on lookups, where there are any: so many in such a time */
static void add_dns_limits(json_t *list, const struct policy *policy)
{
	static const char *const options[POLICY_DNS_LIMITS] = { "--dns-max-label", "--dns-max-names",
								"--dns-max-rate" };

	for (enum policy_dns_limit i = 0; i < POLICY_DNS_LIMITS; i++) {
		const struct policy_limit *limit = policy_dns_limit(policy, i);

		if (!limit->size)
			continue;
		add_limit(list, options[i], limit->size, NULL);
		if (limit->refill_ms)
			json_object_set_new(json_array_get(list, json_array_size(list) - 1), "every_ms",
					    json_integer((json_int_t)limit->refill_ms));
	}
}

/* Open now, as the sandbox's own conntrack has them; false: it does not tell */
static bool count_flows(const struct sandbox *sandbox, struct conntrack_flows *flows)
{
	const struct addr_gateway *gateway = &sandbox->gateway;
	CLEANUP_NL struct nl *nl = nl_open(NETLINK_NETFILTER);
	struct addr guests[2];
	size_t count = 0;

	if (gateway->has4)
		guests[count++] = lower_guest(gateway, ADDR_V4);
	if (gateway->has6)
		guests[count++] = lower_guest(gateway, ADDR_V6);
	return nl && conntrack_count(nl, guests, count, flows) == 0;
}

void answer_add_limits(const struct sandbox *sandbox, json_t *answer)
{
	const struct policy *policy = sandbox->start->config->policy;
	json_t *list = json_array();
	struct conntrack_flows flows;
	bool known = count_flows(sandbox, &flows);

	add_limit(list, "--max-tcp-connections", policy->max_tcp.most, known ? &flows.tcp : NULL);
	add_limit(list, "--max-udp-connections", policy->max_udp.most, known ? &flows.udp : NULL);
	add_limit(list, "--max-connection-rate", policy->connection_rate.most, NULL);
	add_rate(list, "--net-egress-bandwidth", &policy->egress_bandwidth);
	add_rate(list, "--net-ingress-bandwidth", &policy->ingress_bandwidth);
	add_rate(list, "--net-egress-ops", &policy->egress_ops);
	add_rate(list, "--net-ingress-ops", &policy->ingress_ops);
	add_dns_limits(list, policy);
	json_object_set_new(answer, "limits", list);
}

json_t *answer_status(void *self, const json_t *request, struct control_call *call)
{
	const struct sandbox *sandbox = self;
	json_t *answer = answer_ps(self, request, call);

	json_object_set_new(answer, "generation", json_integer((json_int_t)reload_generation(sandbox->reload)));
	json_object_set_new(answer, "grants", reload_grants(sandbox->reload));
	answer_add_rules(sandbox, answer);
	add_bindings(sandbox, answer);
	answer_add_limits(sandbox, answer);
	answer_add_quotas(sandbox, answer);
	answer_add_cgroup(sandbox, answer);
	add_nameservers(sandbox, answer);
	answer_add_flows(sandbox, answer);
	return answer;
}
