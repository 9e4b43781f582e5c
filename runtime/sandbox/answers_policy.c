/* What is asked about the policy, and for another one. */
#include "sandbox/answers_policy.h"
#include "sandbox/lifecycle.h"
#include "sandbox/setup.h"

#include <stdlib.h>
#include <string.h>

static json_t *address_list(const struct addr *items, size_t count)
{
	char text[ADDR_TEXT_MAX];
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_string(addr_format(items[i], text)));
	return list;
}

static json_t *gateway_addresses(const struct addr_gateway *gateway)
{
	struct addr items[2];
	size_t count = 0;

	if (gateway->has4)
		items[count++] = gateway->v4;
	if (gateway->has6)
		items[count++] = gateway->v6;
	return address_list(items, count);
}

/* What a pod has instead of a host: by it rules are judged. NULL: it is no pod */
static json_t *pod_addresses(const struct addr_pod *pod)
{
	return pod ? json_pack("{s:o, s:o}", "nodes", address_list(pod->nodes, pod->node_count), "resolvers",
			       address_list(pod->resolvers, pod->resolver_count)) :
		     NULL;
}

/* Those that the network's resolver told, which no policy names */
static json_t *found_prefixes(const struct addr_nat64 *nat64)
{
	char text[ADDR_TEXT_MAX];
	json_t *list = json_array();

	for (size_t i = nat64->count - nat64->found; i < nat64->count; i++)
		json_array_append_new(
			list, json_sprintf("%s/%u", addr_format(nat64->items[i].addr, text), nat64->items[i].len));
	return list;
}

json_t *answer_policy(void *self, const json_t *request, struct control_call *call)
{
	const struct sandbox *sandbox = self;
	size_t len = 0;
	char *text = reload_bundle(sandbox, &len);
	json_t *bundle = text ? json_loadb(text, len, JSON_ALLOW_NUL, NULL) : NULL;

	(void)request, (void)call;
	free(text);
	if (!bundle)
		return control_error(NULL, "the policy was read from text that is no UTF-8: it cannot be told");
	return json_pack("{s:o, s:I, s:s, s:o, s:o, s:o*}", "policy", bundle, "generation",
			 (json_int_t)reload_generation(sandbox->reload), "directory", reload_directory(sandbox->reload),
			 "gateway", gateway_addresses(&sandbox->gateway), "nat64",
			 found_prefixes(&sandbox->gateway.nat64), "pod", pod_addresses(sandbox->gateway.pod));
}

/* A request that is answered before its function returns, or later */
struct asked {
	struct control_call *call;
	json_t *answer;
	bool later;
};

static struct asked *asked_new(struct control_call *call)
{
	struct asked *asked = arena_must(calloc(1, sizeof *asked));

	asked->call = call;
	return asked;
}

static void done(void *self, json_t *answer)
{
	struct asked *asked = self;

	asked->answer = answer;
	if (!asked->later)
		return;
	control_answer(asked->call, answer);
	free(asked);
}

static json_t *answer_or_later(struct asked *asked)
{
	json_t *answer = asked->answer;

	asked->later = true;
	if (answer)
		free(asked);
	return answer;
}

/* Of a file that who asks could make no bundle of */
static json_t *note_failure(struct sandbox *sandbox, const char *because)
{
	lifecycle_refused(sandbox, NULL, 0, because);
	return json_pack("{s:I, s:[], s:i, s:i}", "generation", (json_int_t)reload_generation(sandbox->reload), "ended",
			 "ended_total", 0, "kept_total", 0);
}

json_t *answer_reload(void *self, const json_t *request, struct control_call *call)
{
	struct sandbox *sandbox = self;
	const char *because = json_string_value(json_object_get(request, "because"));

	if (because)
		return note_failure(sandbox, because);
	char *text = json_dumps(json_object_get(request, "bundle"), JSON_COMPACT);
	struct asked *asked = text ? asked_new(call) : NULL;

	if (!text)
		return control_error("msb-ctl reload", "a reload needs a bundle");
	if (json_is_true(json_object_get(request, "dry_run")))
		reload_try(sandbox, text, strlen(text), done, asked);
	else
		reload_ask(sandbox, text, strlen(text), done, asked);
	free(text);
	return answer_or_later(asked);
}

json_t *answer_grant(void *self, const json_t *request, struct control_call *call)
{
	const char *rule = json_string_value(json_object_get(request, "rule"));
	const json_t *for_ms = json_object_get(request, "for_ms");

	if (!rule || !json_is_integer(for_ms) || json_integer_value(for_ms) < 1)
		return control_error("msb-ctl allow", "a grant needs a rule and a time");
	struct asked *asked = asked_new(call);
	reload_grant(self, rule, (uint64_t)json_integer_value(for_ms), done, asked);
	return answer_or_later(asked);
}

json_t *answer_revoke(void *self, const json_t *request, struct control_call *call)
{
	const struct sandbox *sandbox = self;
	const char *rule = json_string_value(json_object_get(request, "rule"));
	json_int_t id =
		rule ? reload_granted(sandbox->reload, rule) : json_integer_value(json_object_get(request, "id"));

	if (rule && !id)
		return control_error("msb-ctl status", "no grant of that rule");
	if (id < 1 || id > UINT32_MAX)
		return control_error("msb-ctl status", "which grant? its id is a number, or say its rule");
	struct asked *asked = asked_new(call);
	reload_revoke(self, (uint32_t)id, done, asked);
	return answer_or_later(asked);
}
