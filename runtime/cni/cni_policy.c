/* From the plugin's configuration and what the runtime tells of the pod to the options of its policy. */
#include "cni/cni_policy.h"
#include "base/escape.h"
#include "base/name.h"
#include "cni/cni_policy_file.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define ANNOTATION "msb.dev/policy"

struct choice {
	struct arena *arena;
	const json_t *config;
	struct cni_policy *out;
	struct cni_policy_error *error;
	const char *policies, *floors;
	const char *named; /* MSB_POLICY of CNI_ARGS */
};

static bool __attribute__((format(printf, 3, 4)))
fail(struct choice *choice, enum cni_policy_code code, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	*choice->error = (struct cni_policy_error){ code, arena_strdup(choice->arena, text) };
	return false;
}

json_t *cni_policy_member(const json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key), *each;
	const char *name;

	if (value || !json_is_object(object))
		return value;
	json_object_foreach((json_t *)object, name, each) if (!strcasecmp(name, key)) return each;
	return NULL;
}

/* ---- values of the configuration ---- */

/* A text; `otherwise` where there is none */
static bool take_text(struct choice *choice, const char *key, const char *otherwise, const char **out)
{
	const json_t *value = json_object_get(choice->config, key);

	*out = otherwise;
	if (!value || json_is_null(value))
		return true;
	if (!json_is_string(value) || !json_string_length(value) ||
	    strlen(json_string_value(value)) != json_string_length(value))
		return fail(choice, CNI_POLICY_BAD_CONFIG,
			    "network configuration: `%s` must be a text that is not empty", key);
	*out = arena_strdup(choice->arena, json_string_value(value));
	return true;
}

static bool take_directory(struct choice *choice, const char *key, const char *otherwise, const char **out)
{
	if (!take_text(choice, key, otherwise, out))
		return false;
	return **out == '/' ||
	       fail(choice, CNI_POLICY_BAD_CONFIG, "network configuration: `%s` must be an absolute path, not `%s`",
		    key, escape_text(choice->arena, *out));
}

/* A list of texts */
static bool take_list(struct choice *choice, const json_t *list, const char *key, struct options_list *out)
{
	const json_t *value;
	size_t i;

	if (!list || json_is_null(list))
		return true;
	if (!json_is_array(list))
		return fail(choice, CNI_POLICY_BAD_CONFIG, "network configuration: `%s` must be a list of texts", key);
	json_array_foreach(list, i, value)
	{
		if (!json_is_string(value) || !json_string_length(value))
			return fail(choice, CNI_POLICY_BAD_CONFIG,
				    "network configuration: `%s` must be a list of texts", key);
		*arena_push(choice->arena, out) = arena_strdup(choice->arena, json_string_value(value));
	}
	return true;
}

/* ---- CNI_ARGS ---- */

static bool take_arg(struct choice *choice, const char *key, const char *value)
{
	const struct {
		const char *key;
		const char **where;
	} known[] = {
		{ "K8S_POD_NAMESPACE", &choice->out->pod_namespace },
		{ "K8S_POD_NAME", &choice->out->pod_name },
		{ "K8S_POD_UID", &choice->out->pod_uid },
		{ "MSB_POLICY", &choice->named },
	};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (strcmp(key, known[i].key) != 0)
			continue;
		if (*known[i].where)
			return fail(choice, CNI_POLICY_BAD_ENVIRONMENT, "CNI_ARGS: %s is given twice", key);
		if (!*value)
			return fail(choice, CNI_POLICY_BAD_ENVIRONMENT, "CNI_ARGS: %s is empty", key);
		*known[i].where = value;
	}
	return true;
}

static bool is_namespace(const char *text)
{
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return len && !text[len] && len < 64 && text[0] != '-';
}

static bool take_args(struct choice *choice, const char *args)
{
	char *rest = arena_strdup(choice->arena, args ? args : ""), *pair;

	while ((pair = strsep(&rest, ";"))) {
		char *equals = strchr(pair, '=');
		if (!*pair)
			continue;
		if (!equals)
			return fail(choice, CNI_POLICY_BAD_ENVIRONMENT, "CNI_ARGS: `%s` is no KEY=VALUE",
				    escape_text(choice->arena, pair));
		*equals = 0;
		if (!take_arg(choice, pair, equals + 1))
			return false;
	}
	if (choice->out->pod_namespace && !is_namespace(choice->out->pod_namespace))
		return fail(choice, CNI_POLICY_BAD_ENVIRONMENT,
			    "CNI_ARGS: K8S_POD_NAMESPACE `%s` is no namespace's name",
			    escape_text(choice->arena, choice->out->pod_namespace));
	return true;
}

/* ---- the floor and the policy ---- */

static bool take_network_floor(struct choice *choice)
{
	const char *name, *why, *path;
	bool missing;

	if (!take_text(choice, "floor", NULL, &name))
		return false;
	if (!name)
		return true;
	path = cni_policy_file(choice->arena, choice->floors, name, &why, &missing);
	if (!path)
		return fail(choice, CNI_POLICY_BAD_CONFIG, "network configuration: `floor`: %s", why);
	*arena_push(choice->arena, &choice->out->options.floors) = path;
	return true;
}

static bool take_namespace_floor(struct choice *choice)
{
	const char *of = choice->out->pod_namespace, *why, *path;
	bool missing;

	if (!of)
		return true;
	path = cni_policy_file(choice->arena, choice->floors, arena_printf(choice->arena, "%s.msb", of), &why,
			       &missing);
	/* a directory that is named and not there would take away every floor */
	if (!path && missing && json_object_get(choice->config, "floors") && access(choice->floors, F_OK))
		return fail(choice, CNI_POLICY_BAD_CONFIG, "network configuration: `floors`: %s: %s", choice->floors,
			    strerror(errno));
	if (!path && !missing)
		return fail(choice, CNI_POLICY_REFUSED, "the floor of namespace %s cannot be used: %s", of, why);
	if (path)
		*arena_push(choice->arena, &choice->out->options.floors) = path;
	return true;
}

/* Those of the network and of the pod's namespace, which both hold; *has: whether there is any */
static bool take_floors(struct choice *choice, bool *has)
{
	if (!take_network_floor(choice) || !take_namespace_floor(choice))
		return false;
	*has = choice->out->options.floors.count > 0;
	return true;
}

/* What the pod names; *name NULL: nothing */
static bool find_named(struct choice *choice, const char **name, const char **by)
{
	const json_t *annotations =
		cni_policy_member(cni_policy_member(choice->config, "runtimeConfig"), CNI_POLICY_ANNOTATIONS);
	const json_t *annotation = json_object_get(annotations, ANNOTATION);
	const char *text = annotation ? json_string_value(annotation) : NULL;

	if (annotation && (!text || strlen(text) != json_string_length(annotation)))
		return fail(choice, CNI_POLICY_BAD_CONFIG, "the pod's annotation " ANNOTATION " must be a text");
	if (text && choice->named && strcmp(text, choice->named) != 0)
		return fail(choice, CNI_POLICY_REFUSED,
			    "the pod names two policies: `%s` by its annotation " ANNOTATION
			    ", `%s` by MSB_POLICY in CNI_ARGS",
			    escape_text(choice->arena, text), escape_text(choice->arena, choice->named));
	*name = text ? arena_strdup(choice->arena, text) : choice->named;
	*by = text ? "the pod's annotation" : "CNI_ARGS";
	return true;
}

static bool take_file(struct choice *choice, const char *name, const char *by)
{
	const char *why;
	bool missing;

	choice->out->chosen_by = by;
	choice->out->file = cni_policy_file(choice->arena, choice->policies, name, &why, &missing);
	if (!choice->out->file)
		return fail(choice, CNI_POLICY_REFUSED, "the policy named by %s cannot be used: %s", by, why);
	choice->out->options.include_root = choice->policies;
	return true;
}

/* Of the network configuration, or none at all */
static bool take_own(struct choice *choice)
{
	struct policy_options *options = &choice->out->options;
	const char *name;

	if (!take_text(choice, "policy", NULL, &name) ||
	    !take_list(choice, json_object_get(choice->config, "rules"), "rules", &options->rules))
		return false;
	if (name)
		return take_file(choice, name, "the network configuration");
	options->net_default = "deny";
	choice->out->chosen_by = options->rules.count ? "the network configuration" : "no policy: all is denied";
	return true;
}

/* A pod's author chooses within bounds, or not at all. */
static bool refuse_unbounded(struct choice *choice, const char *by)
{
	const char *of = choice->out->pod_namespace;

	if (of)
		return fail(
			choice, CNI_POLICY_REFUSED,
			"namespace %s has no floor, so its pods may name no policy: write %s/%s.msb, or take away %s's policy",
			of, choice->floors, of, by);
	return fail(
		choice, CNI_POLICY_REFUSED,
		"a policy is named by %s, no K8S_POD_NAMESPACE in CNI_ARGS says whose floor bounds it, and the network "
		"configuration has none: give it \"floor\", a file in %s",
		by, choice->floors);
}

static bool choose(struct choice *choice)
{
	const char *name = NULL, *by = NULL;
	bool has_floor;

	if (!take_floors(choice, &has_floor) || !find_named(choice, &name, &by))
		return false;
	if (!name)
		return take_own(choice);
	return has_floor ? take_file(choice, name, by) : refuse_unbounded(choice, by);
}

/* ---- the cluster ---- */

/* NAME=NETWORK,NETWORK */
static const char *networks_text(struct arena *arena, const char *name, const struct options_list *networks)
{
	const char *text = name;

	for (size_t i = 0; i < networks->count; i++)
		text = arena_printf(arena, "%s%c%s", text, i ? ',' : '=', networks->items[i]);
	return text;
}

static bool are_networks(struct choice *choice, const char *key, const struct options_list *networks)
{
	struct addr_prefix prefix;

	for (size_t i = 0; i < networks->count; i++)
		if (!addr_prefix_parse(networks->items[i], &prefix))
			return fail(choice, CNI_POLICY_BAD_CONFIG,
				    "network configuration: `clusterNetworks.%s`: `%s` is no network: wanted is one "
				    "such as 10.96.0.0/12",
				    key, escape_text(choice->arena, networks->items[i]));
	return true;
}

static bool take_networks(struct choice *choice)
{
	static const char *const keys[] = { "pods", "services" };
	const json_t *object = json_object_get(choice->config, "clusterNetworks");
	struct policy_options *options = &choice->out->options;
	struct options_list all = { 0 };
	const char *domain;
	size_t known = 0;

	if (!take_text(choice, "clusterDomain", "cluster.local", &domain))
		return false;
	if (object && !json_is_object(object) && !json_is_null(object))
		return fail(choice, CNI_POLICY_BAD_CONFIG,
			    "network configuration: `clusterNetworks` must be an object of `pods` and `services`");
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		const json_t *list = json_object_get(object, keys[i]);
		struct options_list networks = { 0 };
		known += list != NULL;
		if (!take_list(choice, list, arena_printf(choice->arena, "clusterNetworks.%s", keys[i]), &networks) ||
		    !are_networks(choice, keys[i], &networks))
			return false;
		if (networks.count)
			*arena_push(choice->arena, &options->groups) = networks_text(
				choice->arena, arena_printf(choice->arena, "cluster-%s", keys[i]), &networks);
		for (size_t k = 0; k < networks.count; k++)
			*arena_push(choice->arena, &all) = networks.items[k];
	}
	if (known != json_object_size(object))
		return fail(choice, CNI_POLICY_BAD_CONFIG,
			    "network configuration: `clusterNetworks` has `pods` and `services` and nothing else");
	if (all.count)
		*arena_push(choice->arena, &options->clusters) = networks_text(choice->arena, domain, &all);
	return true;
}

/* As the guest's resolver asks for them. What is none is an operator's mistake; of a pod's resolv.conf it is passed over, as "." is. */
static bool take_domains(struct choice *choice, const struct options_list *domains, bool own)
{
	const char *why;

	for (size_t i = 0; i < domains->count; i++) {
		const char *name = name_from_rule(choice->arena, domains->items[i], &why);
		if (!name && own)
			return fail(choice, CNI_POLICY_BAD_CONFIG,
				    "network configuration: `searchDomains`: `%s` is no domain: %s",
				    escape_text(choice->arena, domains->items[i]), why);
		if (name)
			*arena_push(choice->arena, &choice->out->search) = name;
	}
	return true;
}

static bool take_search(struct choice *choice)
{
	const json_t *own = json_object_get(choice->config, "searchDomains");
	const json_t *dns = cni_policy_member(cni_policy_member(choice->config, "runtimeConfig"), "dns");
	struct options_list domains = { 0 };

	if (own && !json_is_null(own))
		return take_list(choice, own, "searchDomains", &domains) && take_domains(choice, &domains, true);
	return take_list(choice, cni_policy_member(dns, "searches"), "runtimeConfig.dns.searches", &domains) &&
	       take_domains(choice, &domains, false);
}

bool cni_policy_choose(struct arena *arena, const json_t *config, const char *args, struct cni_policy *out,
		       struct cni_policy_error *error)
{
	struct choice choice = { .arena = arena, .config = config, .out = out, .error = error };

	*out = (struct cni_policy){ .options = { .arena = arena } };
	if (!json_is_object(config))
		return fail(&choice, CNI_POLICY_BAD_CONFIG, "the network configuration is no JSON object");
	return take_directory(&choice, "policies", "/etc/msb/policies", &choice.policies) &&
	       take_directory(&choice, "floors", "/etc/msb/floors", &choice.floors) && take_args(&choice, args) &&
	       choose(&choice) && take_networks(&choice) && take_search(&choice);
}
