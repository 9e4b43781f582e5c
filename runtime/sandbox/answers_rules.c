/* A rule's counters are all those whose comment names it, wherever the optimiser has put its copies; lookups, and what was refused, are the
 * supervisor's own. */
#include "sandbox/answers_rules.h"
#include "base/escape.h"
#include "core/clock.h"
#include "lower/sandbox_net.h"
#include "netlink/nft_counters.h"
#include "report/learning.h"
#include "sandbox/setup.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define TRIES 3 /* where the table changes meanwhile */

struct counted {
	const char *comment; /* as lowering writes it */
	size_t index;        /* of the rule; the default's behind all */
	uint64_t packets, bytes;
};

struct count {
	struct arena *arena;
	const struct policy *policy;
	struct counted *items; /* sorted by comment, of each the first rule that has it */
	size_t count;
};

static int by_comment(const void *a, const void *b)
{
	const struct counted *x = a, *y = b;
	int order = strcmp(x->comment, y->comment);

	return order ? order : COMPARE(x->index, y->index);
}

static const char *place_of(struct arena *arena, const struct policy *policy, struct span span)
{
	return span.source == SPAN_NO_SOURCE ? NULL : policy_origin(arena, policy, span);
}

static const char *comment_of(const struct count *count, struct span span, const char *text, bool is_rule)
{
	const char *place = is_rule ? policy_origin(count->arena, count->policy, span) :
				      place_of(count->arena, count->policy, span);

	return escape_nft_comment(count->arena, place ? arena_printf(count->arena, "%s %s", place, text) : text);
}

static void prepare(struct count *count)
{
	const struct policy *policy = count->policy;
	size_t rules = policy->rules.count;

	count->items = arena_alloc(count->arena, (rules + 1) * sizeof *count->items);
	for (size_t i = 0; i < rules; i++)
		count->items[i] = (struct counted){
			comment_of(count, policy->rules.items[i].span, policy->rules.items[i].text, true), i, 0, 0
		};
	count->items[rules] =
		(struct counted){ comment_of(count, policy->egress.span, policy->egress.text, false), rules, 0, 0 };
	count->count = rules + 1;
	qsort(count->items, count->count, sizeof *count->items, by_comment);
}

static void add(void *self, const char *comment, uint64_t packets, uint64_t bytes)
{
	struct count *count = self;
	size_t at = FIND_FIRST(count->count, i, strcmp(count->items[i].comment, comment) < 0);

	if (at == count->count || strcmp(count->items[at].comment, comment) != 0)
		return;
	count->items[at].packets += packets;
	count->items[at].bytes += bytes;
}

static int read_kernel(struct count *count)
{
	CLEANUP_NL struct nl *nl = nl_open(NETLINK_NETFILTER); /* in the VM's namespace, where the supervisor is */
	int error = nl ? -EINTR : -errno;

	for (int i = 0; i < TRIES && error == -EINTR; i++) {
		for (size_t k = 0; k < count->count; k++)
			count->items[k].packets = count->items[k].bytes = 0;
		error = nft_counters(nl, LOWER_TABLE, add, count);
	}
	return error;
}

static json_t *text_json(struct arena *arena, const char *text)
{
	return text ? json_string(escape_json(arena, text)) : json_null();
}

/* When something was last reported of it */
static json_t *last_json(uint64_t last_ms)
{
	struct timespec now;

	if (!last_ms)
		return json_null();
	clock_gettime(CLOCK_REALTIME, &now);
	uint64_t then = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 - (clock_ms() - last_ms);
	now = (struct timespec){ .tv_sec = (time_t)(then / 1000), .tv_nsec = (long)(then % 1000) * 1000000 };
	return control_time(&now);
}

static void add_hit(json_t *rule, const struct counted *counted, struct hit hit, bool has_lookups)
{
	if (counted) {
		json_object_set_new(rule, "connections", json_integer((json_int_t)counted->packets));
		json_object_set_new(rule, "bytes", json_integer((json_int_t)counted->bytes));
	}
	if (has_lookups)
		json_object_set_new(rule, "lookups", json_integer((json_int_t)hit.lookups));
	json_object_set_new(rule, "last", last_json(hit.last_ms));
}

static json_t *rule_json(const struct count *count, size_t index, size_t number, const struct counted *counted,
			 struct hit hit)
{
	const struct policy_rule *rule = &count->policy->rules.items[index];
	json_t *out = json_object();
	bool names = false;

	for (size_t i = 0; i < rule->targets.count; i++)
		names |= rule->targets.items[i].kind == TARGET_DOMAIN || rule->targets.items[i].kind == TARGET_SUFFIX ||
			 rule->targets.items[i].kind == TARGET_ANY;
	json_object_set_new(out, "number", json_integer((json_int_t)number));
	json_object_set_new(out, "action", json_string(policy_action_name(rule->action)));
	json_object_set_new(out, "text", text_json(count->arena, rule->text));
	json_object_set_new(out, "place",
			    text_json(count->arena, policy_origin(count->arena, count->policy, rule->span)));
	if (rule->because)
		json_object_set_new(out, "because", text_json(count->arena, rule->because));
	if (rule->until.year)
		json_object_set_new(
			out, "until",
			json_sprintf("%04d-%02d-%02d", rule->until.year, rule->until.month, rule->until.day));
	add_hit(out, rule->directions & POLICY_EGRESS ? counted : NULL, hit, names || hit.lookups);
	return out;
}

static json_t *default_json(const struct count *count, enum policy_direction direction, const struct counted *counted,
			    struct hit hit)
{
	const struct policy_default *by = direction == POLICY_EGRESS ? &count->policy->egress : &count->policy->ingress;
	json_t *out = json_object();

	json_object_set_new(out, "direction", json_string(policy_direction_name(direction)));
	json_object_set_new(out, "action", json_string(policy_action_name(by->action)));
	json_object_set_new(out, "text", text_json(count->arena, by->text));
	json_object_set_new(out, "place", text_json(count->arena, place_of(count->arena, count->policy, by->span)));
	add_hit(out, counted, hit, direction == POLICY_EGRESS);
	return out;
}

size_t answer_rule_number(const struct sandbox *sandbox, size_t index)
{
	return learning_rule_number(sandbox->start->config->bound, index);
}

/* A run that learns has a rule in the place of a default that allows; the one in front of all decides nothing. */
static void add_to_default(struct counted *counted, struct hit *hit, const struct counted *rule, struct hit more)
{
	counted->packets += rule ? rule->packets : 0;
	counted->bytes += rule ? rule->bytes : 0;
	hit->lookups += more.lookups;
	hit->last_ms = more.last_ms > hit->last_ms ? more.last_ms : hit->last_ms;
}

void answer_add_rules(const struct sandbox *sandbox, json_t *answer)
{
	struct count count = { .arena = arena_new(), .policy = sandbox->start->config->policy };
	const struct hits *hits = denials_hits(sandbox->denials);
	size_t rules = count.policy->rules.count;
	json_t *list = json_array(), *defaults = json_array();

	prepare(&count);
	bool known = read_kernel(&count) == 0;
	const struct counted **of = arena_alloc(count.arena, (rules + 1) * sizeof *of);
	for (size_t i = 0; known && i < count.count; i++)
		of[count.items[i].index] = &count.items[i];
	struct counted egress = of[rules] ? *of[rules] : (struct counted){ .index = rules };
	struct hit hit = hits_of(hits, count.policy, rules);
	for (size_t i = 0; i < rules; i++) {
		size_t number = answer_rule_number(sandbox, i);
		struct hit own = hits_of(hits, count.policy, i);
		if (number)
			json_array_append_new(list, rule_json(&count, i, number, of[i], own));
		else
			add_to_default(&egress, &hit, of[i], own);
	}
	json_array_append_new(defaults, default_json(&count, POLICY_EGRESS, known ? &egress : NULL, hit));
	json_array_append_new(defaults,
			      default_json(&count, POLICY_INGRESS, NULL, hits_of(hits, count.policy, rules + 1)));
	json_object_set_new(answer, "rules", list);
	json_object_set_new(answer, "defaults", defaults);
	json_object_set_new(answer, "counted", json_boolean(known));
	arena_free(count.arena);
}
