/* The kernel counts, by names that lowering gives; the policy says what they are. */
#include "sandbox/answers_quotas.h"
#include "base/escape.h"
#include "lower/sandbox_net.h"
#include "netlink/nft_quotas.h"
#include "policy/policy_facts.h"
#include "sandbox/answers_rules.h"
#include "sandbox/setup.h"

#include <errno.h>
#include <string.h>

#define TRIES 3 /* where the table changes meanwhile */

struct quota {
	const char *name; /* the kernel's */
	json_t *json;     /* borrowed */
	uint64_t most;
};

struct quotas {
	const struct sandbox *sandbox;
	struct arena *arena;
	const struct policy *policy;
	LIST_OF(struct quota) items;
	json_t *list;
};

static json_t *text_json(struct arena *arena, const char *text)
{
	return text ? json_string(escape_json(arena, text)) : json_null();
}

static void add(struct quotas *quotas, const char *name, const char *rule, struct span span, const char *text,
		uint64_t most)
{
	json_t *json = json_object();
	const char *place = span.source == SPAN_NO_SOURCE ? NULL : policy_origin(quotas->arena, quotas->policy, span);

	json_object_set_new(json, "rule", json_string(rule));
	json_object_set_new(json, "text", text_json(quotas->arena, text));
	json_object_set_new(json, "place", text_json(quotas->arena, place));
	json_object_set_new(json, "most", json_integer((json_int_t)most));
	json_array_append_new(quotas->list, json);
	*arena_push(quotas->arena, &quotas->items) = (struct quota){ name, json, most };
}

static void add_all(struct quotas *quotas)
{
	const struct policy *policy = quotas->policy;

	if (policy->egress_bytes.size)
		add(quotas, "egress", "egress", policy->egress_bytes.span, "limit egress bytes",
		    policy->egress_bytes.size);
	if (policy->ingress_bytes.size)
		add(quotas, "ingress", "ingress", policy->ingress_bytes.span, "limit ingress bytes",
		    policy->ingress_bytes.size);
	for (size_t i = 0; i < policy->rules.count; i++) {
		const struct policy_rule *rule = &policy->rules.items[i];
		if (rule->meter)
			add(quotas, arena_printf(quotas->arena, LOWER_QUOTA_PREFIX "%08x", rule->meter),
			    arena_printf(quotas->arena, "%zu", answer_rule_number(quotas->sandbox, i)), rule->span,
			    rule->text, rule->bytes);
	}
}

/* What was refused is in the kernel's number, too, and is not what passed. */
static void take_used(void *self, const char *name, uint64_t bytes, uint64_t used)
{
	const struct quotas *quotas = self;

	for (size_t i = 0; i < quotas->items.count; i++) {
		const struct quota *quota = &quotas->items.items[i];
		if (strcmp(quota->name, name) != 0)
			continue;
		json_object_set_new(quota->json, "used", json_integer((json_int_t)(used < bytes ? used : bytes)));
		json_object_set_new(quota->json, "spent", json_boolean(used >= bytes));
	}
}

void answer_add_quotas(const struct sandbox *sandbox, json_t *answer)
{
	struct quotas quotas = {
		.sandbox = sandbox, .arena = arena_new(), .policy = sandbox->start->config->policy, .list = json_array()
	};
	CLEANUP_NL struct nl *nl = NULL;
	int error = -EINTR;

	add_all(&quotas);
	if (quotas.items.count)
		nl = nl_open(NETLINK_NETFILTER); /* in the VM's namespace, where the supervisor is */
	for (int i = 0; nl && error == -EINTR && i < TRIES; i++)
		error = nft_quotas_read(nl, LOWER_QUOTA_TABLE, take_used, &quotas);
	json_object_set_new(answer, "quotas", quotas.list);
	arena_free(quotas.arena);
}
