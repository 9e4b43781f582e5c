/* prevResult has a list of links, and of addresses with the index of their link. */
#include "cni/cni_result.h"
#include "cni/cni_policy.h"
#include "dns/dns.h"

#include <linux/rtnetlink.h>
#include <string.h>

static bool is_pods_link(const struct cni_call *call, const json_t *link)
{
	const char *name = json_string_value(json_object_get(link, "name"));
	const char *sandbox = json_string_value(json_object_get(link, "sandbox"));

	return name && !strcmp(name, call->link) && sandbox && *sandbox;
}

/* Whose link is not said, it is the pod's. *link: the one that is said, or NULL */
static int find_link(const struct cni_call *call, const json_t *result, const json_t *address, const json_t **link)
{
	const json_t *index = json_object_get(address, "interface");

	*link = json_array_get(json_object_get(result, "interfaces"), (size_t)json_integer_value(index));
	if (index && !json_is_null(index) && (!json_is_integer(index) || !*link))
		return cni_fail(call, CNI_CONFIG_WRONG,
				"prevResult: `interface` of an address is none of `interfaces`");
	if (!index || json_is_null(index))
		*link = NULL;
	return CNI_FINE;
}

static bool is_a_hosts(struct addr addr)
{
	enum addr_class class = addr_classify(addr, NULL);

	return !addr_is_unspecified(addr) && class != ADDR_CLASS_LOOPBACK && class != ADDR_CLASS_MULTICAST;
}

static int take_address(const struct cni_call *call, const json_t *address, struct run_pod *out)
{
	const char *text = json_string_value(json_object_get(address, "address"));
	const char *gateway_text = json_string_value(json_object_get(address, "gateway"));
	struct addr_prefix prefix;
	struct addr gateway;

	if (!text || !addr_prefix_parse(text, &prefix) || !strchr(text, '/'))
		return cni_fail(call, CNI_CONFIG_WRONG, "prevResult: `%.60s` is no address with a length",
				text ? text : "");
	bool v4 = prefix.addr.family == ADDR_V4;
	if (v4 ? out->gateway.has4 : out->gateway.has6)
		return cni_fail(
			call, CNI_CONFIG_WRONG,
			"prevResult: the pod has two addresses of IPv%d on %s, and a policy is for one of each family",
			v4 ? 4 : 6, call->link);
	if (!gateway_text || !*gateway_text)
		return cni_fail(call, CNI_CONFIG_WRONG,
				"prevResult: %s has no gateway; the plugin before this one needs \"isGateway\": true",
				text);
	if (!addr_parse(gateway_text, &gateway) || gateway.family != prefix.addr.family)
		return cni_fail(call, CNI_CONFIG_WRONG, "prevResult: `%.60s` is no gateway of %s", gateway_text, text);
	if (!is_a_hosts(prefix.addr) || !is_a_hosts(gateway) || addr_equal(prefix.addr, gateway))
		return cni_fail(call, CNI_CONFIG_WRONG, "prevResult: %s behind the gateway %s: no pod can have these",
				text, gateway_text);
	addr_gateway_set(&out->gateway, gateway);
	*(v4 ? &out->addr4 : &out->addr6) = prefix;
	*(v4 ? &out->pod.guest4 : &out->pod.guest6) = prefix.addr;
	return CNI_FINE;
}

int cni_result_read(const struct cni_call *call, struct run_pod *out)
{
	const json_t *result = json_object_get(call->config, "prevResult");
	const json_t *addresses = json_object_get(result, "ips");
	size_t i;
	json_t *address;

	if (!json_is_object(result))
		return cni_fail(
			call, CNI_CONFIG_WRONG,
			"prevResult is missing: this plugin stands behind one that makes the pod's link, as bridge "
			"and ptp do, in the list \"plugins\"");
	json_array_foreach(addresses, i, address)
	{
		const json_t *link;
		int code = find_link(call, result, address, &link);
		if (code == CNI_FINE && (!link || is_pods_link(call, link)))
			code = take_address(call, address, out);
		if (code)
			return code;
	}
	if (!out->gateway.has4 && !out->gateway.has6)
		return cni_fail(call, CNI_CONFIG_WRONG, "prevResult: the pod has no address on %s", call->link);
	return CNI_FINE;
}

static int take_route(const struct cni_call *call, const json_t *json, struct cni_routes *out)
{
	const json_t *table = json_object_get(json, "table");
	const char *to = json_string_value(json_object_get(json, "dst"));
	const char *gateway = json_string_value(json_object_get(json, "gw"));
	struct cni_route route = { .has_gateway = gateway && *gateway };

	if (json_integer_value(table) && json_integer_value(table) != RT_TABLE_MAIN)
		return CNI_FINE;
	if (!to || !addr_prefix_parse(to, &route.destination))
		return cni_fail(call, CNI_CONFIG_WRONG, "prevResult: route to `%.60s`: wanted is a network",
				to ? to : "");
	if (route.has_gateway && !addr_parse(gateway, &route.gateway))
		return cni_fail(call, CNI_CONFIG_WRONG, "prevResult: route to %s: `%.60s` is no address", to, gateway);
	*arena_push(call->arena, out) = route;
	return CNI_FINE;
}

int cni_result_routes(const struct cni_call *call, struct cni_routes *out)
{
	const json_t *routes = json_object_get(json_object_get(call->config, "prevResult"), "routes");
	size_t i;
	json_t *route;

	*out = (struct cni_routes){ NULL, 0, 0 };
	json_array_foreach(routes, i, route)
	{
		int code = take_route(call, route, out);
		if (code)
			return code;
	}
	return CNI_FINE;
}

const char *cni_result_mac(const struct cni_call *call)
{
	const json_t *links = json_object_get(json_object_get(call->config, "prevResult"), "interfaces");
	size_t i;
	json_t *link;

	json_array_foreach(links, i, link)
	{
		if (is_pods_link(call, link))
			return json_string_value(json_object_get(link, "mac"));
	}
	return NULL;
}

static const json_t *nameservers(const struct cni_call *call)
{
	const json_t *of_runtime =
		cni_policy_member(cni_policy_member(json_object_get(call->config, "runtimeConfig"), "dns"), "servers");
	const json_t *result = json_object_get(call->config, "prevResult");

	if (json_array_size(of_runtime))
		return of_runtime;
	return cni_policy_member(cni_policy_member(result, "dns"), "nameservers");
}

/* Which runtimes write into the pod's resolv.conf where nobody says otherwise. The proxy follows the host's by itself */
static void take_resolvers_of_host(struct run_pod *out)
{
	struct nameserver servers[NAMESERVERS_MAX];
	size_t count = 0;

	if (dns_servers_of_host(servers, &count) < 0)
		return;
	for (size_t i = 0; i < count; i++)
		out->resolvers[i] = servers[i].addr;
	out->pod.resolver_count = count;
}

int cni_result_dns(const struct cni_call *call, struct run_pod *out)
{
	const json_t *servers = nameservers(call);
	size_t i;
	json_t *server;

	json_array_foreach(servers, i, server)
	{
		const char *text = json_string_value(server);
		struct addr addr;
		if (!text || !addr_parse(text, &addr))
			return cni_fail(call, CNI_CONFIG_WRONG, "the pod's DNS: nameserver `%.60s` is no address",
					text ? text : "");
		if (i == NAMESERVERS_MAX)
			break;
		out->resolvers[i] = addr;
		out->servers[i] = (struct nameserver){ .addr = addr, .port = 53 };
		out->server_count = out->pod.resolver_count = i + 1;
	}
	out->pod.resolvers = out->resolvers;
	if (!out->pod.resolver_count)
		take_resolvers_of_host(out);
	return CNI_FINE;
}

/* 0.4.0 has the family beside each address; 1.0.0 has not. */
static void set_families(const struct cni_call *call, json_t *addresses)
{
	bool wanted = !strcmp(call->version, "0.4.0");
	json_t *address;
	size_t i;

	json_array_foreach(addresses, i, address)
	{
		const char *text = json_string_value(json_object_get(address, "address"));
		if (wanted && text)
			json_object_set_new(address, "version", json_string(strchr(text, ':') ? "6" : "4"));
		else
			json_object_del(address, "version");
	}
}

json_t *cni_result_make(const struct cni_call *call, const struct run_pod *pod)
{
	json_t *result = json_deep_copy(json_object_get(call->config, "prevResult"));
	json_t *links = json_object_get(result, "interfaces"), *link;
	char mac[18];
	size_t i;

	snprintf(mac, sizeof mac, "%02x:%02x:%02x:%02x:%02x:%02x", pod->mac[0], pod->mac[1], pod->mac[2], pod->mac[3],
		 pod->mac[4], pod->mac[5]);
	json_object_set_new(result, "cniVersion", json_string(call->version));
	set_families(call, json_object_get(result, "ips"));
	json_array_foreach(links, i, link)
	{
		if (!is_pods_link(call, link))
			continue;
		json_object_set_new(link, "mac", json_string(mac));
		json_object_set_new(link, "sandbox", json_string(call->netns));
	}
	return result;
}
