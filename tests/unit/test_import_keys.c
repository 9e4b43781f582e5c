/* Every key of every shape that the importers know, set to two values: the second changes the policy or is an error, or
 * the key would be read and lost. A key without samples here fails. */
#include "policy/import_keys.h"
#include "policy/options.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[] = "/tmp/msb-test-import.XXXXXX";
static struct arena *arena;

static void setup(void)
{
	arena = arena_new();
	cr_assert(mkdtemp(directory));
	cr_assert_eq(chdir(directory), 0);
}

static void teardown(void)
{
	unlink("k.json");
	unlink("k.yaml");
	cr_expect_eq(chdir("/"), 0);
	cr_expect_eq(rmdir(directory), 0);
	arena_free(arena);
}
TestSuite(import_keys, .init = setup, .fini = teardown);

/* Where the members of a shape stand, and what they have to be besides */
#define RULE(members) "{\"direction\":\"egress\",\"action\":\"allow\"," members "}"
#define POLICY(spec) "{\"apiVersion\": \"networking.k8s.io/v1\", \"kind\": \"NetworkPolicy\", \"spec\": " spec "}"
#define CILIUM(spec) "{\"apiVersion\": \"cilium.io/v2\", \"kind\": \"CiliumNetworkPolicy\", \"spec\": " spec "}"
#define CLUSTER_DNS "{\"matchLabels\": {\"io.kubernetes.pod.namespace\": \"kube-system\", \"k8s-app\": \"kube-dns\"}}"
#define LOOKUPS(entry) "{\"toEndpoints\": [" CLUSTER_DNS "], \"toPorts\": [" entry "]}"
#define ALL_LOOKUPS LOOKUPS("{\"ports\": [{\"port\": \"53\"}], \"rules\": {\"dns\": [{\"matchPattern\": \"*\"}]}}")
#define DNS_PORT "\"ports\": [{\"port\": 53}]"
static const struct {
	const char *file, *frame;
	struct {
		const char *key, *value;
	} base[4];
} forms[IMPORT_SHAPE_COUNT] = {
	[IMPORT_JSON_POLICY] = { "k.json", "{%s}", { { "default_ingress", "\"deny\"" } } },
	[IMPORT_JSON_NETWORK] = { "k.json", "{\"name\":\"n\",\"network\":{%s}}", { { NULL } } },
	[IMPORT_JSON_NETWORK_POLICY] = { "k.json", "{\"enabled\":true,\"policy\":{%s}}", { { NULL } } },
	[IMPORT_JSON_SANDBOX] = { "k.json", "{\"name\":\"n\",%s}", { { NULL } } },
	[IMPORT_JSON_ELSEWHERE] = { "k.json", "{\"network\":{},%s}", { { NULL } } },
	[IMPORT_JSON_RULE] = { "k.json",
			       "{\"rules\":[" RULE("\"rule\":1,\"destination\":{\"domain\":\"a.example\"}") ",{%s}]}",
			       { { "direction", "\"egress\"" },
				 { "destination", "{\"domain\":\"b.example\"}" },
				 { "action", "\"allow\"" } } },
	[IMPORT_JSON_DESTINATION] = { "k.json", "{\"rules\":[" RULE("\"destination\":{%s}") "]}", { { NULL } } },
	[IMPORT_JSON_PORT_RANGE] = { "k.json",
				     "{\"rules\":[" RULE("\"destination\":\"any\",\"ports\":[{%s}]") "]}",
				     { { "start", "70" }, { "end", "90" } } },
	[IMPORT_JSON_PUBLISHED] = { "k.json",
				    "{\"published_ports\":[{%s}]}",
				    { { "host_port", "8080" }, { "guest_port", "80" } } },
	[IMPORT_JSON_DNS] = { "k.json", "{\"dns\":{%s}}", { { NULL } } },
	[IMPORT_JSON_INTERFACE] = { "k.json", "{\"interface\":{%s}}", { { NULL } } },
	[IMPORT_JSON_LIMITER] = { "k.json", "{\"rate_limiter\":{%s}}", { { NULL } } },
	[IMPORT_JSON_LIMITS] = { "k.json", "{\"rate_limiter\":{\"egress\":{%s}}}", { { NULL } } },
	[IMPORT_JSON_BUCKET] = { "k.json",
				 "{\"rate_limiter\":{\"egress\":{\"ops\":{%s}}}}",
				 { { "size", "1000" }, { "refill_time_ms", "1000" } } },
	[IMPORT_JSON_EXPECT] = { "k.json",
				 "{\"expect\":[{%s}]}",
				 { { "action", "\"deny\"" }, { "flow", "\"egress@10.0.0.1:tcp:80\"" } } },
	[IMPORT_YAML_NETWORK] = { "k.yaml", "{\"network\": {%s}}", { { NULL } } },
	[IMPORT_YAML_SANDBOX] = { "k.yaml", "{\"image\": \"x\", %s}", { { NULL } } },
	[IMPORT_YAML_ELSEWHERE] = { "k.yaml", "{\"network\": \"none\", %s}", { { NULL } } },
	[IMPORT_YAML_DNS] = { "k.yaml", "{\"dns\": {%s}}", { { "max_rate", "30/1s" } } },
	[IMPORT_YAML_INTERFACE] = { "k.yaml", "{\"interface\": {%s}}", { { NULL } } },
	[IMPORT_K8S_LIST] = { "k.yaml",
			      "{%s}",
			      { { "apiVersion", "v1" }, { "kind", "List" }, { "items", "[" POLICY("{}") "]" } } },
	[IMPORT_K8S_OBJECT] = { "k.json",
				"{%s}",
				{ { "apiVersion", "\"networking.k8s.io/v1\"" },
				  { "kind", "\"NetworkPolicy\"" },
				  { "spec", "{}" } } },
	[IMPORT_NP_SPEC] = { "k.yaml", POLICY("{%s}"), { { NULL } } },
	[IMPORT_NP_EGRESS] = { "k.yaml", POLICY("{\"egress\": [{%s}]}"), { { NULL } } },
	[IMPORT_NP_INGRESS] = { "k.yaml", POLICY("{\"ingress\": [{%s}]}"), { { NULL } } },
	[IMPORT_NP_PEER] = { "k.yaml", POLICY("{\"egress\": [{\"to\": [{%s}], " DNS_PORT "}]}"), { { NULL } } },
	[IMPORT_NP_BLOCK] = { "k.yaml",
			      POLICY("{\"ingress\": [{\"from\": [{\"ipBlock\": {%s}}]}]}"),
			      { { "cidr", "10.0.0.0/8" } } },
	[IMPORT_CNP_OBJECT] = { "k.json",
				"{%s}",
				{ { "apiVersion", "\"cilium.io/v2\"" },
				  { "kind", "\"CiliumNetworkPolicy\"" },
				  { "spec", "{\"egress\": [{}]}" } } },
	[IMPORT_CNP_SPEC] = { "k.yaml", CILIUM("{%s}"), { { "ingress", "[{}]" } } },
	[IMPORT_CNP_DEFAULT_DENY] = { "k.yaml",
				      CILIUM("{\"egress\": [{}], \"ingress\": [{}], \"enableDefaultDeny\": {%s}}"),
				      { { NULL } } },
	[IMPORT_CNP_EGRESS] = { "k.yaml",
				CILIUM("{\"egress\": [" ALL_LOOKUPS ", {%s}]}"),
				{ { "toPorts", "[{\"ports\": [{\"port\": \"53\"}]}]" } } },
	[IMPORT_CNP_EGRESS_DENY] = { "k.yaml", CILIUM("{\"egressDeny\": [{%s}]}"), { { NULL } } },
	[IMPORT_CNP_INGRESS] = { "k.yaml", CILIUM("{\"ingress\": [{%s}]}"), { { NULL } } },
	[IMPORT_CNP_NAME] = { "k.yaml",
			      CILIUM("{\"egress\": [" ALL_LOOKUPS ", {\"toFQDNs\": [{%s}]}]}"),
			      { { NULL } } },
	[IMPORT_CNP_BLOCK] = { "k.yaml",
			       CILIUM("{\"ingress\": [{\"fromCIDRSet\": [{%s}]}]}"),
			       { { "cidr", "10.0.0.0/8" } } },
	[IMPORT_CNP_PORTS] = { "k.yaml",
			       CILIUM("{\"egress\": [" LOOKUPS("{%s}") "]}"),
			       { { "ports", "[{\"port\": \"53\"}]" } } },
	[IMPORT_CNP_L7] = { "k.yaml",
			    CILIUM("{\"egress\": [" ALL_LOOKUPS
				   ", {\"toFQDNs\": [{\"matchName\": \"a.example\"}]}, " LOOKUPS(
					   "{\"ports\": [{\"port\": \"53\"}], \"rules\": {%s}}") "]}"),
			    { { NULL } } },
	[IMPORT_CNP_PORT] = { "k.yaml",
			      CILIUM("{\"ingress\": [{\"toPorts\": [{\"ports\": [{%s}]}]}]}"),
			      { { "port", "\"80\"" } } },
	[IMPORT_NP_PORT] = { "k.yaml", POLICY("{\"ingress\": [{\"ports\": [{%s}]}]}"), { { "port", "80" } } },
};

#define LIMIT(size) "{\"size\":" size ",\"refill_time_ms\":1000}"
#define ONE_RULE(name) "[" RULE("\"destination\":{\"domain\":\"" name "\"}") "]"
static const struct {
	enum import_shape shape;
	const char *key, *fine, *other;
} samples[] = {
	{ IMPORT_JSON_POLICY, "version", "1", "2" },
	{ IMPORT_JSON_POLICY, "default_egress", "\"deny\"", "\"allow\"" },
	{ IMPORT_JSON_POLICY, "default_ingress", "\"deny\"", "\"allow\"" },
	{ IMPORT_JSON_POLICY, "rules", ONE_RULE("a.example"), ONE_RULE("b.example") },
	{ IMPORT_JSON_POLICY, "published_ports", "[]", "[{\"host_port\":8080,\"guest_port\":80}]" },
	{ IMPORT_JSON_POLICY, "dns", "{}", "{\"rebind_protection\":false}" },
	{ IMPORT_JSON_POLICY, "rate_limiter", "{}", "{\"egress\":{\"ops\":" LIMIT("5") "}}" },
	{ IMPORT_JSON_POLICY, "max_connections", "5", "6" },
	{ IMPORT_JSON_POLICY, "max_tcp_connections", "5", "6" },
	{ IMPORT_JSON_POLICY, "max_udp_connections", "5", "6" },
	{ IMPORT_JSON_POLICY, "max_connection_rate", "5", "6" },
	{ IMPORT_JSON_POLICY, "tcp_accept_queue_size", "5", "6" },
	{ IMPORT_JSON_POLICY, "nat64_prefixes", "[\"64:ff9b::/96\"]", "[\"2001:db8:64::/96\"]" },
	{ IMPORT_JSON_POLICY, "interface", "{}", "{\"mtu\":1400}" },
	{ IMPORT_JSON_POLICY, "ipv4_pool", "\"10.8.0.0/16\"", "\"10.9.0.0/16\"" },
	{ IMPORT_JSON_POLICY, "ipv6_pool", "\"fd00:1::/48\"", "\"fd00:2::/48\"" },
	{ IMPORT_JSON_POLICY, "deployment_profile", "\"single-tenant\"", "\"multi-tenant\"" },
	{ IMPORT_JSON_POLICY, "deny_ech", "false", "true" },
	{ IMPORT_JSON_POLICY, "expect", "[]", "[{\"action\":\"deny\",\"flow\":\"egress@10.0.0.1:tcp:80\"}]" },
	{ IMPORT_JSON_NETWORK, "enabled", "true", "false" },
	{ IMPORT_JSON_NETWORK, "interface", "null", "{\"mtu\":1400}" },
	{ IMPORT_JSON_NETWORK, "ports", "[]", "[{\"host_port\":8080,\"guest_port\":80}]" },
	{ IMPORT_JSON_NETWORK, "policy", "null", "{}" },
	{ IMPORT_JSON_NETWORK, "dns", "null", "{\"rebind_protection\":false}" },
	{ IMPORT_JSON_NETWORK, "tls", "{\"enabled\":false,\"block_quic\":true}", "{\"enabled\":true}" },
	{ IMPORT_JSON_NETWORK, "strict", "false", "true" },
	{ IMPORT_JSON_NETWORK, "secrets", "{\"secrets\":[],\"on_violation\":\"block\"}", "{\"secrets\":[{}]}" },
	{ IMPORT_JSON_NETWORK, "max_connections", "5", "6" },
	{ IMPORT_JSON_NETWORK, "max_tcp_connections", "5", "6" },
	{ IMPORT_JSON_NETWORK, "max_udp_connections", "5", "6" },
	{ IMPORT_JSON_NETWORK, "tcp_accept_queue_size", "5", "6" },
	{ IMPORT_JSON_NETWORK, "rate_limiter", "null", "{\"egress\":{\"ops\":" LIMIT("5") "}}" },
	{ IMPORT_JSON_NETWORK, "nat64_prefixes", "[\"64:ff9b::/96\"]", "[\"2001:db8:64::/96\"]" },
	{ IMPORT_JSON_NETWORK, "trust_host_cas", "false", "true" },
	{ IMPORT_JSON_NETWORK, "http", "{\"message\":null}", "{\"message\":\"no\"}" },
	{ IMPORT_JSON_NETWORK, "outbound_proxy", "null", "{\"protocol\":\"socks5\",\"address\":\"192.0.2.1:1080\"}" },
	{ IMPORT_JSON_NETWORK_POLICY, "default_egress", "\"deny\"", "\"allow\"" },
	{ IMPORT_JSON_NETWORK_POLICY, "default_ingress", "\"deny\"", "\"allow\"" },
	{ IMPORT_JSON_NETWORK_POLICY, "rules", ONE_RULE("a.example"), ONE_RULE("b.example") },
	{ IMPORT_JSON_SANDBOX, "network", "{}", "{\"policy\":{}}" },
	{ IMPORT_JSON_SANDBOX, "vsock", "{\"routes\":[]}", "{\"routes\":[{\"port\":1}]}" },
	{ IMPORT_JSON_SANDBOX, "deployment_profile", "\"single_tenant\"", "\"multi_tenant\"" },
	{ IMPORT_JSON_RULE, "direction", "\"egress\"", "\"any\"" },
	{ IMPORT_JSON_RULE, "destination", "{\"domain\":\"a.example\"}", "\"any\"" },
	{ IMPORT_JSON_RULE, "protocols", "[\"tcp\"]", "[\"udp\"]" },
	{ IMPORT_JSON_RULE, "ports", "[{\"start\":1,\"end\":2}]", "[{\"start\":1,\"end\":3}]" },
	{ IMPORT_JSON_RULE, "action", "\"allow\"", "\"deny\"" },
	{ IMPORT_JSON_RULE, "rule", "1", "2" },
	{ IMPORT_JSON_RULE, "because", "\"one\"", "\"two\"" },
	{ IMPORT_JSON_RULE, "until", "\"2099-01-01\"", "\"2099-01-02\"" },
	{ IMPORT_JSON_RULE, "log", "false", "true" },
	{ IMPORT_JSON_RULE, "no_ech", "false", "true" },
	{ IMPORT_JSON_RULE, "bytes", "1000", "2000" },
	{ IMPORT_JSON_RULE, "in", "[\"10.1.0.0/16\"]", "[\"10.2.0.0/16\"]" },
	{ IMPORT_JSON_DESTINATION, "group", "\"public\"", "\"private\"" },
	{ IMPORT_JSON_DESTINATION, "cidr", "\"10.1.0.0/16\"", "\"10.2.0.0/16\"" },
	{ IMPORT_JSON_DESTINATION, "domain", "\"a.example\"", "\"b.example\"" },
	{ IMPORT_JSON_DESTINATION, "domain_suffix", "\"a.example\"", "\"b.example\"" },
	{ IMPORT_JSON_PORT_RANGE, "start", "80", "81" },
	{ IMPORT_JSON_PORT_RANGE, "end", "80", "81" },
	{ IMPORT_JSON_PUBLISHED, "host_bind", "\"127.0.0.1\"", "\"::1\"" },
	{ IMPORT_JSON_PUBLISHED, "host_port", "8080", "8081" },
	{ IMPORT_JSON_PUBLISHED, "guest_port", "80", "81" },
	{ IMPORT_JSON_PUBLISHED, "protocol", "\"tcp\"", "\"udp\"" },
	{ IMPORT_JSON_DNS, "rebind_protection", "true", "false" },
	{ IMPORT_JSON_DNS, "nameservers", "[\"1.1.1.1\"]", "[\"1.0.0.1\"]" },
	{ IMPORT_JSON_DNS, "query_timeout_ms", "1000", "2000" },
	{ IMPORT_JSON_DNS, "binding_minimum_ms", "70000", "80000" },
	{ IMPORT_JSON_DNS, "ech", "\"strip\"", "\"keep\"" },
	{ IMPORT_JSON_DNS, "max_label", "32", "33" },
	{ IMPORT_JSON_DNS, "max_names", "{\"size\":50,\"refill_time_ms\":60000}",
	  "{\"size\":50,\"refill_time_ms\":70000}" },
	{ IMPORT_JSON_DNS, "max_rate", "{\"size\":20,\"refill_time_ms\":1000}",
	  "{\"size\":20,\"refill_time_ms\":1000,\"one_time_burst\":5}" },
	{ IMPORT_JSON_INTERFACE, "mac", "[2,0,94,0,83,1]", "\"02:00:5e:00:53:02\"" },
	{ IMPORT_JSON_INTERFACE, "mtu", "1400", "1300" },
	{ IMPORT_JSON_INTERFACE, "ipv4_address", "\"172.16.0.2\"", "\"172.16.0.6\"" },
	{ IMPORT_JSON_INTERFACE, "ipv6_address", "\"fd42:6d73:62::2\"", "\"fd42:6d73:62:1::2\"" },
	{ IMPORT_JSON_INTERFACE, "ipv4_pool", "\"10.8.0.0/16\"", "\"10.9.0.0/16\"" },
	{ IMPORT_JSON_INTERFACE, "ipv6_pool", "\"fd00:1::/48\"", "\"fd00:2::/48\"" },
	{ IMPORT_JSON_LIMITER, "egress", "{\"ops\":" LIMIT("5") "}", "{\"ops\":" LIMIT("6") "}" },
	{ IMPORT_JSON_LIMITER, "ingress", "{\"ops\":" LIMIT("5") "}", "{\"ops\":" LIMIT("6") "}" },
	{ IMPORT_JSON_LIMITS, "bandwidth", LIMIT("5000"), LIMIT("6000") },
	{ IMPORT_JSON_LIMITS, "ops", LIMIT("5"), LIMIT("6") },
	{ IMPORT_JSON_LIMITS, "bytes", "1000", "2000" },
	{ IMPORT_JSON_BUCKET, "size", "1000", "2000" },
	{ IMPORT_JSON_BUCKET, "refill_time_ms", "1000", "2000" },
	{ IMPORT_JSON_BUCKET, "one_time_burst", "1", "2" },
	{ IMPORT_JSON_EXPECT, "action", "\"allow\"", "\"deny\"" },
	{ IMPORT_JSON_EXPECT, "flow", "\"egress@10.0.0.1:tcp:80\"", "\"egress@10.0.0.1:tcp:81\"" },
	{ IMPORT_YAML_NETWORK, "policy", "public", "none" },
	{ IMPORT_YAML_NETWORK, "allow", "[a.example]", "[b.example]" },
	{ IMPORT_YAML_NETWORK, "deny", "[a.example]", "[b.example]" },
	{ IMPORT_YAML_NETWORK, "ports", "[\"8080:80\"]", "[\"8080:81\"]" },
	{ IMPORT_YAML_NETWORK, "dns", "{}", "{\"rebind_protection\": false}" },
	{ IMPORT_YAML_NETWORK, "tls", "{\"enabled\": false}", "{\"enabled\": true}" },
	{ IMPORT_YAML_NETWORK, "strict", "false", "true" },
	{ IMPORT_YAML_NETWORK, "trust_host_cas", "false", "true" },
	{ IMPORT_YAML_NETWORK, "max_connections", "5", "6" },
	{ IMPORT_YAML_NETWORK, "max_tcp_connections", "5", "6" },
	{ IMPORT_YAML_NETWORK, "max_udp_connections", "5", "6" },
	{ IMPORT_YAML_NETWORK, "tcp_accept_queue_size", "5", "6" },
	{ IMPORT_YAML_NETWORK, "interface", "{}", "{\"mtu\": 1400}" },
	{ IMPORT_YAML_NETWORK, "nat64_prefixes", "[\"64:ff9b::/96\"]", "[\"2001:db8:64::/96\"]" },
	{ IMPORT_YAML_NETWORK, "http", "{}", "{\"message\": \"no\"}" },
	{ IMPORT_YAML_NETWORK, "outbound_proxy", "null", "\"socks5://192.0.2.1:1080\"" },
	{ IMPORT_YAML_SANDBOX, "network", "public", "none" },
	{ IMPORT_YAML_SANDBOX, "ports", "[\"8080:80\"]", "[\"8080:81\"]" },
	{ IMPORT_YAML_SANDBOX, "secrets", "{}", "{\"KEY\": {\"allow\": [a.example]}}" },
	{ IMPORT_YAML_SANDBOX, "vsock", "[]", "[\"1:/run/x\"]" },
	{ IMPORT_YAML_DNS, "rebind_protection", "true", "false" },
	{ IMPORT_YAML_DNS, "nameservers", "[\"1.1.1.1\"]", "[\"1.0.0.1\"]" },
	{ IMPORT_YAML_DNS, "query_timeout", "1s", "2s" },
	{ IMPORT_YAML_DNS, "binding_minimum", "70s", "80s" },
	{ IMPORT_YAML_DNS, "ech", "strip", "keep" },
	{ IMPORT_YAML_DNS, "max_label", "32", "33" },
	{ IMPORT_YAML_DNS, "max_names", "50/1m", "51/1m" },
	{ IMPORT_YAML_DNS, "max_rate", "20/1s", "21/1s" },
	{ IMPORT_YAML_DNS, "max_rate_burst", "5", "6" },
	{ IMPORT_YAML_INTERFACE, "mac", "\"02:00:5e:00:53:01\"", "\"02:00:5e:00:53:02\"" },
	{ IMPORT_YAML_INTERFACE, "mtu", "1400", "1300" },
	{ IMPORT_YAML_INTERFACE, "ipv4_address", "172.16.0.2", "172.16.0.6" },
	{ IMPORT_YAML_INTERFACE, "ipv6_address", "\"fd42:6d73:62::2\"", "\"fd42:6d73:62:1::2\"" },
	{ IMPORT_YAML_INTERFACE, "ipv4_pool", "10.8.0.0/16", "10.9.0.0/16" },
	{ IMPORT_YAML_INTERFACE, "ipv6_pool", "\"fd00:1::/48\"", "\"fd00:2::/48\"" },
	{ IMPORT_K8S_LIST, "apiVersion", "v1", "v2" },
	{ IMPORT_K8S_LIST, "kind", "List", "ConfigMap" },
	{ IMPORT_K8S_LIST, "items", "[" POLICY("{}") "]", "[" POLICY("{\"ingress\": [{}]}") "]" },
	{ IMPORT_K8S_LIST, "metadata", "{\"resourceVersion\": \"\"}", "[]" },
	{ IMPORT_K8S_OBJECT, "apiVersion", "\"networking.k8s.io/v1\"", "\"v1\"" },
	{ IMPORT_K8S_OBJECT, "kind", "\"NetworkPolicy\"", "\"Pod\"" },
	{ IMPORT_K8S_OBJECT, "spec", "{}", "{\"ingress\": [{}]}" },
	{ IMPORT_K8S_OBJECT, "metadata", "{\"name\": \"x\"}", "\"x\"" },
	{ IMPORT_K8S_OBJECT, "status", "{}", "[]" },
	{ IMPORT_NP_SPEC, "podSelector", "{}", "[]" },
	{ IMPORT_NP_SPEC, "policyTypes", "[Ingress]", "[Egress]" },
	{ IMPORT_NP_SPEC, "ingress", "[]", "[{}]" },
	{ IMPORT_NP_SPEC, "egress", "[]", "[{}]" },
	{ IMPORT_NP_EGRESS, "to", "[]", "[{\"ipBlock\": {\"cidr\": \"10.0.0.0/8\"}}]" },
	{ IMPORT_NP_EGRESS, "ports", "[]", "[{\"port\": 80}]" },
	{ IMPORT_NP_INGRESS, "from", "[]", "[{\"ipBlock\": {\"cidr\": \"10.0.0.0/8\"}}]" },
	{ IMPORT_NP_INGRESS, "ports", "[]", "[{\"port\": 80}]" },
	{ IMPORT_NP_PEER, "ipBlock", "{\"cidr\": \"10.0.0.0/8\"}", "{\"cidr\": \"11.0.0.0/8\"}" },
	{ IMPORT_NP_PEER, "podSelector",
	  "{\"matchLabels\": {\"k8s-app\": \"kube-dns\"}}, \"namespaceSelector\": {\"matchLabels\": "
	  "{\"kubernetes.io/metadata.name\": \"kube-system\"}}",
	  "{}" },
	{ IMPORT_NP_PEER, "namespaceSelector",
	  "{\"matchLabels\": {\"kubernetes.io/metadata.name\": \"kube-system\"}}, \"podSelector\": "
	  "{\"matchLabels\": {\"k8s-app\": \"kube-dns\"}}",
	  "{}" },
	{ IMPORT_NP_BLOCK, "cidr", "10.0.0.0/8", "11.0.0.0/8" },
	{ IMPORT_NP_BLOCK, "except", "[10.1.0.0/16]", "[10.2.0.0/16]" },
	{ IMPORT_NP_PORT, "protocol", "TCP", "UDP" },
	{ IMPORT_NP_PORT, "port", "80", "81" },
	{ IMPORT_NP_PORT, "endPort", "90", "91" },
	{ IMPORT_CNP_OBJECT, "apiVersion", "\"cilium.io/v2\"", "\"cilium.io/v1\"" },
	{ IMPORT_CNP_OBJECT, "kind", "\"CiliumNetworkPolicy\"", "\"CiliumNode\"" },
	{ IMPORT_CNP_OBJECT, "spec", "{\"egress\": [{}]}", "{\"ingress\": [{}]}" },
	{ IMPORT_CNP_OBJECT, "specs", "[{\"egress\": [{}]}]", "[{\"ingress\": [{}]}]" },
	{ IMPORT_CNP_OBJECT, "metadata", "{\"name\": \"x\"}", "\"x\"" },
	{ IMPORT_CNP_OBJECT, "status", "{}", "[]" },
	{ IMPORT_CNP_SPEC, "endpointSelector", "{}", "[]" },
	{ IMPORT_CNP_SPEC, "nodeSelector", "null", "{}" },
	{ IMPORT_CNP_SPEC, "egress", "[{}]", "[{\"toEntities\": [all]}]" },
	{ IMPORT_CNP_SPEC, "egressDeny", "[{}]", "[{\"toEntities\": [all]}]" },
	{ IMPORT_CNP_SPEC, "ingress", "[{}]", "[{\"fromEntities\": [all]}]" },
	{ IMPORT_CNP_SPEC, "ingressDeny", "[{}]", "[{\"fromEntities\": [all]}]" },
	{ IMPORT_CNP_SPEC, "enableDefaultDeny", "{}", "{\"egress\": true}" },
	{ IMPORT_CNP_SPEC, "description", "\"x\"", "[]" },
	{ IMPORT_CNP_SPEC, "labels", "[{}]", "[\"x\"]" },
	{ IMPORT_CNP_DEFAULT_DENY, "egress", "false", "true" },
	{ IMPORT_CNP_DEFAULT_DENY, "ingress", "false", "true" },
	{ IMPORT_CNP_EGRESS, "toFQDNs", "[{\"matchName\": \"a.example\"}]", "[{\"matchName\": \"b.example\"}]" },
	{ IMPORT_CNP_EGRESS, "toCIDR", "[\"10.0.0.0/8\"]", "[\"11.0.0.0/8\"]" },
	{ IMPORT_CNP_EGRESS, "toCIDRSet", "[{\"cidr\": \"10.0.0.0/8\"}]", "[{\"cidr\": \"11.0.0.0/8\"}]" },
	{ IMPORT_CNP_EGRESS, "toEntities", "[world]", "[all]" },
	{ IMPORT_CNP_EGRESS, "toEndpoints", "[" CLUSTER_DNS "]", "[{}]" },
	{ IMPORT_CNP_EGRESS, "toPorts", "[{\"ports\": [{\"port\": \"80\"}]}]", "[{\"ports\": [{\"port\": \"81\"}]}]" },
	{ IMPORT_CNP_EGRESS, "icmps", "[]", "[{\"fields\": [{\"type\": 8}]}]" },
	{ IMPORT_CNP_EGRESS_DENY, "toCIDR", "[\"10.0.0.0/8\"]", "[\"11.0.0.0/8\"]" },
	{ IMPORT_CNP_EGRESS_DENY, "toCIDRSet", "[{\"cidr\": \"10.0.0.0/8\"}]", "[{\"cidr\": \"11.0.0.0/8\"}]" },
	{ IMPORT_CNP_EGRESS_DENY, "toEntities", "[world]", "[all]" },
	{ IMPORT_CNP_EGRESS_DENY, "toEndpoints", "null", "[" CLUSTER_DNS "]" },
	{ IMPORT_CNP_EGRESS_DENY, "toPorts", "[{\"ports\": [{\"port\": \"80\"}]}]",
	  "[{\"ports\": [{\"port\": \"81\"}]}]" },
	{ IMPORT_CNP_EGRESS_DENY, "icmps", "[]", "[{\"fields\": [{\"type\": 8}]}]" },
	{ IMPORT_CNP_INGRESS, "fromCIDR", "[\"10.0.0.0/8\"]", "[\"11.0.0.0/8\"]" },
	{ IMPORT_CNP_INGRESS, "fromCIDRSet", "[{\"cidr\": \"10.0.0.0/8\"}]", "[{\"cidr\": \"11.0.0.0/8\"}]" },
	{ IMPORT_CNP_INGRESS, "fromEntities", "[host]", "[world]" },
	{ IMPORT_CNP_INGRESS, "fromEndpoints", "null", "[" CLUSTER_DNS "]" },
	{ IMPORT_CNP_INGRESS, "toPorts", "[{\"ports\": [{\"port\": \"80\"}]}]", "[{\"ports\": [{\"port\": \"81\"}]}]" },
	{ IMPORT_CNP_INGRESS, "icmps", "[]", "[{\"fields\": [{\"type\": 8}]}]" },
	{ IMPORT_CNP_NAME, "matchName", "\"a.example\"", "\"b.example\"" },
	{ IMPORT_CNP_NAME, "matchPattern", "\"a.example\"", "\"*.example\"" },
	{ IMPORT_CNP_BLOCK, "cidr", "\"10.0.0.0/8\"", "\"11.0.0.0/8\"" },
	{ IMPORT_CNP_BLOCK, "except", "[\"10.1.0.0/16\"]", "[\"10.2.0.0/16\"]" },
	{ IMPORT_CNP_PORTS, "ports", "[{\"port\": \"53\"}]", "[{\"port\": \"53\", \"protocol\": \"UDP\"}]" },
	{ IMPORT_CNP_PORTS, "rules", "{}", "{\"dns\": [{\"matchName\": \"a.example\"}]}" },
	{ IMPORT_CNP_L7, "dns", "[{\"matchName\": \"a.example\"}]", "[{\"matchPattern\": \"*.example\"}]" },
	{ IMPORT_CNP_PORT, "port", "\"80\"", "\"81\"" },
	{ IMPORT_CNP_PORT, "protocol", "TCP", "UDP" },
	{ IMPORT_CNP_PORT, "endPort", "90", "91" },
};

/* The policy that `compile --emit policy` prints, without its places; or the id of the first error */
static const char *outcome(enum import_shape shape, const char *key, const char *value)
{
	const char *file = forms[shape].file, *members = arena_printf(arena, "\"%s\": %s", key, value);
	for (size_t i = 0; forms[shape].base[i].key; i++)
		if (strcmp(forms[shape].base[i].key, key) != 0)
			members = arena_printf(arena, "%s, \"%s\": %s", members, forms[shape].base[i].key,
					       forms[shape].base[i].value);
	FILE *out = fopen(file, "w");
	cr_assert(out);
	char *frame = arena_strdup(arena, forms[shape].frame), *hole = strstr(frame, "%s");
	*hole = 0;
	fprintf(out, "%s%s%s\n", frame, members, hole + 2);
	fclose(out);

	struct policy_options options = { .arena = arena };
	struct diags *diags = diags_new(arena, sources_new(arena));
	struct policy *policy = options_resolve(&options, file, diags);
	if (diags->errors)
		return arena_printf(arena, "error: %s", diags_sorted(diags)[0]->id);
	char *text = arena_strdup(arena, policy_format(arena, policy));
	for (char *place = text; (place = strstr(place, file));) {
		char *end = place + strlen(file);
		while (isdigit((unsigned char)*end) || *end == ':')
			end++;
		memmove(place, end, strlen(end) + 1);
	}
	return text;
}

static void expect_read(enum import_shape shape, const char *key)
{
	size_t i = 0;

	while (i < sizeof samples / sizeof *samples && (samples[i].shape != shape || strcmp(samples[i].key, key) != 0))
		i++;
	cr_assert(i < sizeof samples / sizeof *samples, "%s: `%s` has no samples", import_keys_name(shape), key);
	const char *fine = outcome(shape, key, samples[i].fine), *other = outcome(shape, key, samples[i].other);
	cr_expect(strncmp(fine, "error:", 6) != 0, "%s: `%s`: %s", import_keys_name(shape), key, fine);
	cr_expect_str_neq(fine, other, "%s: `%s` is read and lost", import_keys_name(shape), key);
	const char *wrong = outcome(shape, key, "[[7]]");
	cr_expect(!strncmp(wrong, "error:", 6), "%s: `%s`: a value of no sense passes", import_keys_name(shape), key);
}

/* What a sandbox has besides its network changes nothing */
static void expect_ignored(enum import_shape shape, const char *key)
{
	const char *one = outcome(shape, key, "\"x\"");

	cr_expect(strncmp(one, "error:", 6) != 0, "`%s`: %s", key, one);
	cr_expect_str_eq(one, outcome(shape, key, "[\"y\"]"), "`%s`", key);
}

Test(import_keys, every_key_is_read)
{
	for (size_t shape = 0; shape < IMPORT_SHAPE_COUNT; shape++)
		for (const char *const *key = import_keys(shape); *key; key++)
			if (shape == IMPORT_JSON_ELSEWHERE || shape == IMPORT_YAML_ELSEWHERE)
				expect_ignored(shape, *key);
			else
				expect_read(shape, *key);
}

Test(import_keys, no_other_key_is)
{
	for (size_t shape = 0; shape < IMPORT_SHAPE_COUNT; shape++)
		cr_expect_str_eq(outcome(shape, "kye", "1"), "error: unknown-key", "%s", import_keys_name(shape));
}

Test(import_keys, none_is_given_twice)
{
	for (size_t shape = 0; shape < IMPORT_SHAPE_COUNT; shape++) {
		const char *key = import_keys(shape)[0];
		const char *twice = arena_printf(arena, "\"x\", \"%s\": \"x\"", key);
		cr_expect_str_eq(outcome(shape, key, twice), "error: conflict", "%s", import_keys_name(shape));
	}
}
