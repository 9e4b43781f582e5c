/* How a flow fares, and why. */
#include "api/api_state.h"
#include "base/escape.h"
#include "base/text_stream.h"
#include "explain/decision.h"
#include "explain/explain_print.h"
#include "explain/flow_answer.h"
#include "policy/policy_flow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLOW_TEXT_MAX (64u << 10)

/* A verdict and where it lies */
struct answer {
	struct msbpolicy_verdict verdict; /* first: the caller's pointer is to it */
	struct arena *arena;
};

static int parse(const struct msbpolicy *loaded, struct arena *arena, const char *text, struct flow *out, char **error)
{
	struct sources *sources = sources_new(arena);
	struct diags *diags = diags_new(arena, sources);

	if (error)
		*error = NULL;
	int status = api_usable(loaded, true, error);

	if (status != MSBPOLICY_OK)
		return status;
	if (strnlen(text, FLOW_TEXT_MAX) == FLOW_TEXT_MAX)
		return api_fail(error, MSBPOLICY_USAGE, "a flow of more than 64 KiB");
	if (policy_flow_parse(loaded->policy, arena, sources, text, diags, out))
		return MSBPOLICY_OK;
	return api_fail(error, MSBPOLICY_USAGE, "%s", diags->list.count ? diags->list.items[0].message : "no flow");
}

static struct eval_context context_of(const struct msbpolicy *loaded)
{
	return (struct eval_context){ loaded->policy, api_gateway(loaded), EVAL_NO_BINDINGS };
}

static const char *because_of(const struct policy *policy, struct eval_verdict verdict, enum policy_direction direction)
{
	if (verdict.by.kind == DECIDER_RULE)
		return policy->rules.items[verdict.by.rule].because;
	return verdict.by.kind == DECIDER_FLOOR ? eval_floor_words(policy, verdict.by, direction).because : NULL;
}

static const char *kept(struct arena *arena, const char *text)
{
	return text ? arena_strdup(arena, escape_json(arena, text)) : NULL;
}

static struct msbpolicy_verdict verdict_of(struct arena *arena, const struct flow_answer *said)
{
	const struct policy *policy = said->context.policy;
	struct eval_verdict verdict = said->result.verdict;
	struct decision decision = decision_of_flow(arena, policy, &said->flow, &said->result);
	enum policy_direction direction = said->flow.kind == FLOW_CONNECTION ? said->flow.direction : POLICY_EGRESS;

	return (struct msbpolicy_verdict){
		.allowed = verdict.action == POLICY_ALLOW,
		.rule = decision.is_rule ? verdict.by.rule + 1 : 0,
		.decider = kept(arena, decision.number),
		.place = kept(arena, decision.place),
		.text = kept(arena, decision.text),
		.because = kept(arena, because_of(policy, verdict, direction)),
		.json = api_json(arena, flow_answer_json(arena, said)),
	};
}

int msbpolicy_evaluate(msbpolicy *loaded, const char *flow, struct msbpolicy_verdict **out, char **error)
{
	API_WORKS;
	struct arena *arena = arena_new();
	struct flow_answer said = { .text = flow };
	struct answer *answer;
	int status = parse(loaded, arena, flow, &said.flow, error);

	*out = NULL;
	if (status != MSBPOLICY_OK) {
		arena_free(arena);
		return status;
	}
	said.context = context_of(loaded);
	said.result = eval_flow(&said.context, &said.flow);
	answer = arena_alloc(arena, sizeof *answer);
	answer->arena = arena;
	answer->verdict = verdict_of(arena, &said);
	*out = &answer->verdict;
	return MSBPOLICY_OK;
}

void msbpolicy_verdict_free(struct msbpolicy_verdict *verdict)
{
	if (verdict)
		arena_free(((struct answer *)verdict)->arena);
}

static char *explanation_text(struct arena *arena, const struct explanation *explanation, enum msbpolicy_format format)
{
	char *text = NULL;
	size_t len = 0;
	FILE *stream;

	if (format == MSBPOLICY_FORMAT_JSON)
		return api_copy(api_json(arena, explain_json(arena, explanation)));
	stream = arena_must(open_memstream(&text, &len));
	explain_print_text(arena, explanation, stream, false);
	text_stream_close(stream, &text);
	return arena_must(text);
}

int msbpolicy_explain(msbpolicy *loaded, const char *flow, enum msbpolicy_format format, char **out, char **error)
{
	API_WORKS;
	struct arena *arena = arena_new();
	struct flow parsed;
	int status = parse(loaded, arena, flow, &parsed, error);

	*out = NULL;
	if (status == MSBPOLICY_OK) {
		struct eval_context context = context_of(loaded);

		*out = explanation_text(arena, explain_flow(arena, &context, &parsed), format);
	}
	arena_free(arena);
	return status;
}
