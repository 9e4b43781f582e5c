/* Ours, and those that the specification has for all plugins. What is a text, a number or a switch is judged where it is read. */
#include "cni/cni_keys.h"
#include "base/escape.h"
#include "cni/cni_policy.h"
#include "diag/diag.h"

#include <string.h>

/* clang-format off */
static const char *const keys[] = {
	"policy", "rules", "policies", "floors", "floor", "clusterNetworks", "clusterDomain", "searchDomains",
	"events", "eventsAll", "watch", "denyMode", "logDenials",
	"cniVersion", "name", "type", "capabilities", "runtimeConfig", "args", "prevResult", "ipMasq", "ipam", "dns",
	NULL,
};
/* clang-format on */

/* Members that hold others, each behind the one that it is in; null is as good as none */
static const struct shape {
	const char *path[3];
	json_type type;
} shapes[] = {
	{ { "capabilities" }, JSON_OBJECT },
	{ { "runtimeConfig" }, JSON_OBJECT },
	{ { "runtimeConfig", "dns" }, JSON_OBJECT },
	{ { "runtimeConfig", "dns", "servers" }, JSON_ARRAY },
	{ { "runtimeConfig", CNI_POLICY_ANNOTATIONS }, JSON_OBJECT },
	{ { "prevResult", "interfaces" }, JSON_ARRAY },
	{ { "prevResult", "ips" }, JSON_ARRAY },
	{ { "prevResult", "routes" }, JSON_ARRAY },
	{ { "prevResult", "dns" }, JSON_OBJECT },
	{ { "prevResult", "dns", "nameservers" }, JSON_ARRAY },
};

static bool is_known(const char *key)
{
	for (size_t i = 0; keys[i]; i++)
		if (!strcmp(key, keys[i]))
			return true;
	return strchr(key, '/') != NULL;
}

static int fail_unknown(const struct cni_call *call, const char *key)
{
	const char *nearest = diag_nearest(key, keys), *shown = escape_text(call->arena, key);

	if (nearest)
		return cni_fail(call, CNI_CONFIG_WRONG,
				"network configuration: `%.60s` is no key of msb-cni: did you mean `%s`?", shown,
				nearest);
	return cni_fail(call, CNI_CONFIG_WRONG,
			"network configuration: `%.60s` is no key of msb-cni; msb-cni(8) has them", shown);
}

static int check_shape(const struct cni_call *call, const struct shape *shape)
{
	const json_t *value = call->config;
	const char *path = "";

	for (size_t i = 0; i < 3 && shape->path[i]; i++) {
		value = cni_policy_member(value, shape->path[i]);
		path = arena_printf(call->arena, "%s%s%s", path, i ? "." : "", shape->path[i]);
	}
	if (!value || json_is_null(value) || json_typeof(value) == shape->type)
		return CNI_FINE;
	return cni_fail(call, CNI_CONFIG_WRONG, "network configuration: `%s` must be %s", path,
			shape->type == JSON_OBJECT ? "an object" : "a list");
}

int cni_keys_check(const struct cni_call *call)
{
	int code = CNI_FINE;
	const char *key;
	json_t *value;

	json_object_foreach(call->config, key, value)
	{
		if (!is_known(key))
			return fail_unknown(call, key);
	}
	for (size_t i = 0; code == CNI_FINE && i < sizeof shapes / sizeof *shapes; i++)
		code = check_shape(call, &shapes[i]);
	return code;
}
