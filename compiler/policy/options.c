/* The table of policy options, with microsandbox's spelling where it has the flag, and taking what getopt
 * found. What the values mean is options_resolve.c's. */
#include "policy/options.h"

#include <stddef.h>
#include <string.h>

enum option_kind { OPTION_LIST, OPTION_ONCE, OPTION_SWITCH, OPTION_NOT_YET };

/* identifier, name, whether it has a value, kind, where it goes in struct policy_options */
#define POLICY_OPTIONS(X)                                                                                              \
	X(POLICY, "policy", required_argument, OPTION_LIST, files)                                                     \
	X(FLOOR, "floor", required_argument, OPTION_LIST, floors)                                                      \
	X(NET_RULE, "net-rule", required_argument, OPTION_LIST, rules)                                                 \
	X(NET, "net", required_argument, OPTION_LIST, nets)                                                            \
	X(PORT, "port", required_argument, OPTION_LIST, publishes)                                                     \
	X(DNS_NAMESERVER, "dns-nameserver", required_argument, OPTION_LIST, nameservers)                               \
	X(NET_NAT64_PREFIX, "net-nat64-prefix", required_argument, OPTION_LIST, nat64_prefixes)                        \
	X(NET_GROUP, "net-group", required_argument, OPTION_LIST, groups)                                              \
	X(DNS_CLUSTER, "dns-cluster", required_argument, OPTION_LIST, clusters)                                        \
	X(NO_NET, "no-net", no_argument, OPTION_SWITCH, no_net)                                                        \
	X(NET_DEFAULT, "net-default", required_argument, OPTION_ONCE, net_default)                                     \
	X(NET_DEFAULT_EGRESS, "net-default-egress", required_argument, OPTION_ONCE, net_default_egress)                \
	X(NET_DEFAULT_INGRESS, "net-default-ingress", required_argument, OPTION_ONCE, net_default_ingress)             \
	X(DNS_QUERY_TIMEOUT_MS, "dns-query-timeout-ms", required_argument, OPTION_ONCE, query_timeout)                 \
	X(DNS_BINDING_MINIMUM, "dns-binding-minimum", required_argument, OPTION_ONCE, binding_minimum)                 \
	X(DNS_ECH, "dns-ech", required_argument, OPTION_ONCE, ech)                                                     \
	X(NO_DNS_REBIND_PROTECTION, "no-dns-rebind-protection", no_argument, OPTION_SWITCH, no_rebind_protection)      \
	X(NO_SERVER_NAMES, "no-server-names", no_argument, OPTION_SWITCH, no_server_names)                             \
	X(DENY_ECH, "deny-ech", no_argument, OPTION_SWITCH, deny_ech)                                                  \
	X(NET_IPV4_POOL, "net-ipv4-pool", required_argument, OPTION_ONCE, pool4)                                       \
	X(NET_IPV6_POOL, "net-ipv6-pool", required_argument, OPTION_ONCE, pool6)                                       \
	X(NET_IPV4_ADDRESS, "net-ipv4-address", required_argument, OPTION_ONCE, address4)                              \
	X(NET_IPV6_ADDRESS, "net-ipv6-address", required_argument, OPTION_ONCE, address6)                              \
	X(NET_MAC, "net-mac", required_argument, OPTION_ONCE, mac)                                                     \
	X(NET_MTU, "net-mtu", required_argument, OPTION_ONCE, mtu)                                                     \
	X(MAX_CONNECTIONS, "max-connections", required_argument, OPTION_ONCE, bounds[BOUND_CONNECTIONS])               \
	X(MAX_TCP_CONNECTIONS, "max-tcp-connections", required_argument, OPTION_ONCE, bounds[BOUND_TCP])               \
	X(MAX_UDP_CONNECTIONS, "max-udp-connections", required_argument, OPTION_ONCE, bounds[BOUND_UDP])               \
	X(MAX_CONNECTION_RATE, "max-connection-rate", required_argument, OPTION_ONCE, bounds[BOUND_RATE])              \
	X(TCP_ACCEPT_QUEUE_SIZE, "tcp-accept-queue-size", required_argument, OPTION_ONCE, accept_queue)                \
	X(DEPLOYMENT_PROFILE, "deployment-profile", required_argument, OPTION_ONCE, deployment_profile)                \
	X(NET_EGRESS_BANDWIDTH, "net-egress-bandwidth", required_argument, OPTION_ONCE, rates[LIMIT_EGRESS_BANDWIDTH]) \
	X(NET_EGRESS_BANDWIDTH_BURST, "net-egress-bandwidth-burst", required_argument, OPTION_ONCE,                    \
	  bursts[LIMIT_EGRESS_BANDWIDTH])                                                                              \
	X(NET_EGRESS_OPS, "net-egress-ops", required_argument, OPTION_ONCE, rates[LIMIT_EGRESS_OPS])                   \
	X(NET_EGRESS_OPS_BURST, "net-egress-ops-burst", required_argument, OPTION_ONCE, bursts[LIMIT_EGRESS_OPS])      \
	X(NET_INGRESS_BANDWIDTH, "net-ingress-bandwidth", required_argument, OPTION_ONCE,                              \
	  rates[LIMIT_INGRESS_BANDWIDTH])                                                                              \
	X(NET_INGRESS_BANDWIDTH_BURST, "net-ingress-bandwidth-burst", required_argument, OPTION_ONCE,                  \
	  bursts[LIMIT_INGRESS_BANDWIDTH])                                                                             \
	X(NET_INGRESS_OPS, "net-ingress-ops", required_argument, OPTION_ONCE, rates[LIMIT_INGRESS_OPS])                \
	X(NET_INGRESS_OPS_BURST, "net-ingress-ops-burst", required_argument, OPTION_ONCE, bursts[LIMIT_INGRESS_OPS])   \
	X(NET_EGRESS_BYTES, "net-egress-bytes", required_argument, OPTION_ONCE, rates[LIMIT_EGRESS_BYTES])             \
	X(NET_INGRESS_BYTES, "net-ingress-bytes", required_argument, OPTION_ONCE, rates[LIMIT_INGRESS_BYTES])          \
	X(DNS_MAX_LABEL, "dns-max-label", required_argument, OPTION_ONCE, rates[LIMIT_DNS_LABEL])                      \
	X(DNS_MAX_NAMES, "dns-max-names", required_argument, OPTION_ONCE, rates[LIMIT_DNS_NAMES])                      \
	X(DNS_MAX_RATE, "dns-max-rate", required_argument, OPTION_ONCE, rates[LIMIT_DNS_RATE])                         \
	X(DNS_MAX_RATE_BURST, "dns-max-rate-burst", required_argument, OPTION_ONCE, bursts[LIMIT_DNS_RATE])            \
	X(STDIN_NAME, "stdin-name", required_argument, OPTION_ONCE, stdin_name)                                        \
	X(INCLUDE_ROOT, "include-root", required_argument, OPTION_ONCE, include_root)                                  \
	X(ALLOW_INCLUDE, "allow-include", required_argument, OPTION_ONCE, include_root)                                \
	X(TODAY, "today", required_argument, OPTION_ONCE, today)                                                       \
	X(NET_STRICT, "net-strict", no_argument, OPTION_NOT_YET, unsupported)                                          \
	X(PROXY, "proxy", required_argument, OPTION_NOT_YET, unsupported)                                              \
	X(SOCKS4_USER_ID, "socks4-user-id", required_argument, OPTION_NOT_YET, unsupported)                            \
	X(SOCKS5_USERNAME, "socks5-username", required_argument, OPTION_NOT_YET, unsupported)                          \
	X(SOCKS5_PASSWORD_ENV, "socks5-password-env", required_argument, OPTION_NOT_YET, unsupported)                  \
	X(TRUST_HOST_CAS, "trust-host-cas", no_argument, OPTION_NOT_YET, unsupported)                                  \
	X(TLS_INTERCEPT, "tls-intercept", no_argument, OPTION_NOT_YET, unsupported)                                    \
	X(TLS_INTERCEPT_PORT, "tls-intercept-port", required_argument, OPTION_NOT_YET, unsupported)                    \
	X(TLS_BYPASS, "tls-bypass", required_argument, OPTION_NOT_YET, unsupported)                                    \
	X(TLS_INTERCEPT_CA_CERT, "tls-intercept-ca-cert", required_argument, OPTION_NOT_YET, unsupported)              \
	X(TLS_INTERCEPT_CA_KEY, "tls-intercept-ca-key", required_argument, OPTION_NOT_YET, unsupported)                \
	X(TLS_UPSTREAM_CA_CERT, "tls-upstream-ca-cert", required_argument, OPTION_NOT_YET, unsupported)                \
	X(TLS_UPSTREAM_CA_CERT_FOR, "tls-upstream-ca-cert-for", required_argument, OPTION_NOT_YET, unsupported)        \
	X(TLS_NO_VERIFY_UPSTREAM_FOR, "tls-no-verify-upstream-for", required_argument, OPTION_NOT_YET, unsupported)    \
	X(NO_BLOCK_QUIC, "no-block-quic", no_argument, OPTION_NOT_YET, unsupported)                                    \
	X(SECRET, "secret", required_argument, OPTION_NOT_YET, unsupported)                                            \
	X(ON_SECRET_VIOLATION, "on-secret-violation", required_argument, OPTION_NOT_YET, unsupported)                  \
	X(SECRET_VIOLATION_ACTION, "secret-violation-action", required_argument, OPTION_NOT_YET, unsupported)

static const struct {
	const char *name; /* with its dashes */
	enum option_kind kind;
	size_t offset;
} table[] = {
#define X(id, name, argument, kind, field) { "--" name, kind, offsetof(struct policy_options, field) },
	POLICY_OPTIONS(X)
#undef X
};

enum option_index {
#define X(id, name, argument, kind, field) INDEX_##id,
	POLICY_OPTIONS(X)
#undef X
		INDEX_COUNT
};

const struct option policy_long_options[] = {
#define X(id, name, argument, kind, field) { name, argument, NULL, OPTIONS_FIRST + INDEX_##id },
	POLICY_OPTIONS(X)
#undef X
		{ NULL, 0, NULL, 0 },
};

static void add(struct arena *arena, struct options_list *list, const char *value)
{
	*arena_push(arena, list) = value;
}

bool options_take(struct policy_options *options, int value, const char *argument)
{
	if (value == 'p') {
		add(options->arena, &options->publishes, argument);
		return true;
	}
	if (value < OPTIONS_FIRST || value >= OPTIONS_FIRST + INDEX_COUNT)
		return false;
	size_t index = (size_t)(value - OPTIONS_FIRST);
	void *field = (char *)options + table[index].offset;
	switch (table[index].kind) {
	case OPTION_LIST:
		add(options->arena, field, argument);
		break;
	case OPTION_ONCE:
		if (*(const char **)field)
			add(options->arena, &options->repeated, table[index].name);
		*(const char **)field = argument;
		break;
	case OPTION_SWITCH:
		if (*(bool *)field)
			add(options->arena, &options->repeated, table[index].name);
		*(bool *)field = true;
		break;
	case OPTION_NOT_YET:
		add(options->arena, field, table[index].name);
		break;
	}
	return true;
}

bool options_each(const struct policy_options *options, bool (*each)(void *self, const char *name, const char *value),
		  void *self)
{
	bool more = true;

	for (size_t i = 0; more && i < INDEX_COUNT; i++) {
		const void *field = (const char *)options + table[i].offset;
		const char *name = policy_long_options[i].name;
		const struct options_list *list = field;

		if (i == INDEX_ALLOW_INCLUDE) /* another name for --include-root */
			continue;
		for (size_t k = 0; more && table[i].kind == OPTION_LIST && k < list->count; k++)
			more = each(self, name, list->items[k]);
		if (table[i].kind == OPTION_ONCE && *(const char *const *)field)
			more = each(self, name, *(const char *const *)field);
		else if (table[i].kind == OPTION_SWITCH && *(const bool *)field)
			more = each(self, name, NULL);
	}
	return more;
}

bool options_take_named(struct policy_options *options, const char *name, const char *value)
{
	for (size_t i = 0; i < INDEX_COUNT; i++)
		if (!strcmp(policy_long_options[i].name, name))
			return (policy_long_options[i].has_arg == required_argument) == (value != NULL) &&
			       options_take(options, OPTIONS_FIRST + (int)i, value);
	return false;
}

void options_set_today(struct policy_options *options, time_t now)
{
	char *text = arena_alloc(options->arena, sizeof "YYYY-MM-DD");
	struct tm day;

	if (options->today || !gmtime_r(&now, &day) || !strftime(text, sizeof "YYYY-MM-DD", "%Y-%m-%d", &day))
		return;
	options->today = text;
}
