/* Texts of verdicts, made once for every rule and default. */
#include "report/reason.h"
#include "base/escape.h"
#include "eval/builtin.h"

#include <string.h>

struct reasons {
	struct reason egress, ingress, refused, node;
	struct reason dns_limits[POLICY_DNS_LIMITS];
	struct reason *rules;
	struct reason **floors[3]; /* by direction, floor and rule; the last rule of each is its default */
};

static struct reason make(struct arena *arena, const struct policy *policy, const char *text, struct span span,
			  const char *because)
{
	const char *place = span_format_line(arena, policy->sources, span);
	struct reason reason = {
		.text = escape_terminal(arena, text, strlen(text)),
		.place = place ? escape_terminal(arena, place, strlen(place)) : NULL,
		.because = because ? escape_terminal(arena, because, strlen(because)) : NULL,
	};
	reason.note = reason.place ? arena_printf(arena, "%s %s", reason.place, reason.text) : reason.text;
	return reason;
}

/* Of one floor, a reason for each rule and the default */
static struct reason *make_floor(struct arena *arena, const struct policy *policy, size_t floor,
				 enum policy_direction direction)
{
	size_t count = policy->floors.items[floor]->rules.count;
	struct reason *reasons = arena_alloc(arena, (count + 1) * sizeof *reasons);

	for (size_t i = 0; i <= count; i++) {
		struct eval_floor_words words = eval_floor_words(policy, decided_by_floor(floor, i), direction);
		reasons[i] = make(arena, policy, arena_printf(arena, "the floor: %s", words.text), words.span,
				  words.because);
	}
	return reasons;
}

struct reasons *reasons_new(struct arena *arena, const struct policy *policy)
{
	struct reasons *reasons = arena_alloc(arena, sizeof *reasons);
	reasons->egress = make(arena, policy, policy->egress.text, policy->egress.span, NULL);
	reasons->ingress = make(arena, policy, policy->ingress.text, policy->ingress.span, NULL);
	reasons->refused = make(arena, policy, "refused whatever the rules say", SPAN_NONE, NULL);
	reasons->node = make(arena, policy, EVAL_NODE_TEXT, SPAN_NONE, NULL);
	for (enum policy_dns_limit i = 0; i < POLICY_DNS_LIMITS; i++)
		reasons->dns_limits[i] = make(arena, policy, policy_dns_limit_text(arena, policy, i),
					      policy_dns_limit(policy, i)->span, NULL);
	for (int direction = POLICY_EGRESS; direction <= POLICY_INGRESS; direction++) {
		struct reason **floors = arena_alloc(arena, (policy->floors.count + 1) * sizeof(struct reason *));
		for (size_t i = 0; i < policy->floors.count; i++)
			floors[i] = make_floor(arena, policy, i, (enum policy_direction)direction);
		reasons->floors[direction] = floors;
	}
	reasons->rules = arena_alloc(arena, (policy->rules.count + 1) * sizeof *reasons->rules);
	for (size_t i = 0; i < policy->rules.count; i++) {
		const struct policy_rule *rule = &policy->rules.items[i];
		reasons->rules[i] = make(arena, policy, rule->text, rule->span, rule->because);
	}
	return reasons;
}

const char *reason_placed(struct arena *arena, const struct reason *reason)
{
	return reason->place ? arena_printf(arena, "%s (%s)", reason->text, reason->place) : reason->text;
}

const struct reason *reason_of_dns_limit(const struct reasons *reasons, enum policy_dns_limit which)
{
	return &reasons->dns_limits[which];
}

const struct reason *reason_of(const struct reasons *reasons, struct eval_verdict verdict,
			       enum policy_direction direction)
{
	switch (verdict.by.kind) {
	case DECIDER_RULE:
	case DECIDER_HIDDEN:
		return &reasons->rules[verdict.by.rule];
	case DECIDER_FLOOR:
		return &reasons->floors[direction][verdict.by.floor][verdict.by.rule];
	case DECIDER_REFUSED:
		return &reasons->refused;
	case DECIDER_LABEL:
		return &reasons->dns_limits[POLICY_DNS_LABEL];
	case DECIDER_NODE:
		return &reasons->node;
	case DECIDER_REBIND: /* of whole flow expressions, which nothing here evaluates */
	case DECIDER_NONE:
	case DECIDER_SEVERAL:
	case DECIDER_DEFAULT:
		break;
	}
	return direction == POLICY_INGRESS ? &reasons->ingress : &reasons->egress;
}
