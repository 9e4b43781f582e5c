/* What waits for an answer, and the answer: a rule in front of the policy for a time. */
#include "base/escape.h"
#include "core/clock.h"
#include "policy/flow.h"
#include "report/reason.h"
#include "sandbox/answers_policy.h"
#include "sandbox/setup.h"

#include <stdlib.h>
#include <string.h>

#define UNTIL_THE_END_MS RELOAD_GRANT_LONGEST_MS

static json_t *question_json(struct arena *arena, const struct question *question, uint64_t now)
{
	json_t *json =
		json_pack("{s:I, s:s, s:s, s:I, s:I, s:I, s:b, s:s}", "id", (json_int_t)question->id, "kind",
			  question->is_name ? "name" : "flow", "flow", ask_flow_text(arena, question), "asked_ms",
			  (json_int_t)(now - question->asked_ms), "tried_ms", (json_int_t)(now - question->tried_ms),
			  "tries", (json_int_t)question->tries, "held", !question->refused, "rule", question->rule);

	if (*question->name)
		json_object_set_new(json, "name", json_string(escape_text(arena, question->name)));
	return json;
}

static json_t *not_asked(void)
{
	return control_error("msb-run --ask", "nothing is asked here: what no rule decides is denied");
}

json_t *answer_pending(void *self, const json_t *request, struct control_call *call)
{
	const struct sandbox *sandbox = self;
	const struct question *question = NULL;
	json_t *list = json_array();
	struct arena *arena = arena_new();

	(void)request, (void)call;
	while (sandbox->ask && (question = ask_next(sandbox->ask, question ? question->id : 0)))
		json_array_append_new(list, question_json(arena, question, clock_ms()));
	arena_free(arena);
	if (sandbox->ask)
		return json_pack("{s:o, s:I}", "pending", list, "most", (json_int_t)QUESTIONS_MAX);
	json_decref(list);
	return not_asked();
}

/* ---- answers ---- */

/* One that is being given: the question as it was, since it is settled by then */
struct answering {
	struct sandbox *sandbox;
	struct control_call *call;
	struct question question;
	char *rule;
	uint64_t for_ms;
	json_t *answer;
	bool later;
};

/* The rule may not reach as far as what was asked: a floor denies it, or it is on something else */
static void tell_denied(const struct answering *answering, json_t *answer)
{
	struct sandbox *sandbox = answering->sandbox;
	struct arena *arena = arena_new();
	const struct policy *policy = sandbox->start->config->policy;
	struct eval_verdict verdict =
		ask_judge(sandbox->ask, &answering->question, bindings_view(dns_bindings(sandbox->dns), clock_ms()));
	const struct reason *reason = reason_of(reasons_new(arena, policy), verdict, POLICY_EGRESS);

	if (verdict.action == POLICY_DENY)
		json_object_set_new(answer, "denied_by", json_string(reason_placed(arena, reason)));
	arena_free(arena);
}

static void answering_free(struct answering *answering)
{
	free(answering->rule);
	free(answering);
}

static void done(void *self, json_t *answer)
{
	struct answering *answering = self;

	if (json_is_true(json_object_get(answer, "ok"))) {
		json_object_set_new(answer, "rule", json_string(answering->rule));
		json_object_set_new(answer, "for_ms", json_integer((json_int_t)answering->for_ms));
		if (strncmp(answering->rule, "deny", 4) != 0)
			tell_denied(answering, answer);
	}
	answering->answer = answer;
	if (!answering->later)
		return;
	control_answer(answering->call, answer);
	answering_free(answering);
}

/* A denial of what was asked and of nothing else: of the name whatever it is for (domain=any, where the bare word would be a group),
 * of the address whatever its name */
static char *denial_of(const struct question *question)
{
	struct arena *arena = arena_new();
	char *rule;

	if (question->is_name)
		rule = strdup(arena_printf(arena, "deny@%s", flow_name_text(arena, question->name)));
	else
		rule = strdup(arena_printf(arena, "deny@%s", strchr(ask_flow_text(arena, question), '@') + 1));
	arena_free(arena);
	return arena_must(rule);
}

static struct answering *answering_new(struct sandbox *sandbox, const json_t *request, struct control_call *call,
				       const struct question *question)
{
	struct answering *answering = arena_must(calloc(1, sizeof *answering));
	const char *verdict = json_string_value(json_object_get(request, "verdict"));
	const char *rule = json_string_value(json_object_get(request, "rule"));
	const json_t *for_ms = json_object_get(request, "for_ms");

	answering->sandbox = sandbox;
	answering->call = call;
	answering->question = *question;
	answering->question.rule = NULL;
	answering->rule = rule                     ? arena_must(strdup(rule)) :
			  !strcmp(verdict, "deny") ? denial_of(question) :
						     arena_must(strdup(question->rule));
	answering->for_ms = !strcmp(verdict, "once") ? RELOAD_ONCE_MS :
			    json_is_integer(for_ms)  ? (uint64_t)json_integer_value(for_ms) :
						       UNTIL_THE_END_MS;
	return answering;
}

static const char *wrong_with(const json_t *request)
{
	const char *verdict = json_string_value(json_object_get(request, "verdict"));
	const char *rule = json_string_value(json_object_get(request, "rule"));
	const json_t *for_ms = json_object_get(request, "for_ms");

	if (!verdict || (strcmp(verdict, "allow") && strcmp(verdict, "deny") && strcmp(verdict, "once")))
		return "an answer is allow, deny or once";
	if (rule && !strncmp(rule, "deny", strlen("deny")) != !strcmp(verdict, "deny"))
		return "the rule says otherwise than the answer";
	if (for_ms && (!json_is_integer(for_ms) || json_integer_value(for_ms) < 1 || !strcmp(verdict, "once")))
		return "an answer is for a time, one for once is not";
	return NULL;
}

json_t *answer_answer(void *self, const json_t *request, struct control_call *call)
{
	struct sandbox *sandbox = self;
	json_int_t id = json_integer_value(json_object_get(request, "id"));
	const char *wrong = wrong_with(request);
	const struct question *question = NULL;

	if (!sandbox->ask)
		return not_asked();
	if (wrong)
		return control_error("msb-ctl answer --help", "%s", wrong);
	if (id > 0 && id <= UINT32_MAX)
		question = ask_find(sandbox->ask, (uint32_t)id);
	if (!question)
		return control_error("msb-ctl pending",
				     "no such question: it is answered, or over since nobody tried for five minutes");
	struct answering *answering = answering_new(sandbox, request, call, question);
	const char *verdict = json_string_value(json_object_get(request, "verdict"));
	if (!strcmp(verdict, "once"))
		reload_grant_once(sandbox, answering->rule, done, answering);
	else
		reload_grant(sandbox, answering->rule, answering->for_ms, done, answering);
	json_t *answer = answering->answer;
	answering->later = true;
	if (answer)
		answering_free(answering);
	return answer;
}
