/* The library as other programs use it: a flow, a policy and another, with a line that is one \001 between them. A function that says
 * it went well has an answer, one that does not has a text that says why, and a policy does not differ from itself. */
#include <msbpolicy.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void must(int holds)
{
	if (!holds)
		abort();
}

/* The status, with what the header promises of it */
static int answered(int status, const void *out, char *error, int may_have_both)
{
	must(status >= MSBPOLICY_OK && status <= MSBPOLICY_SYSTEM);
	must(status == MSBPOLICY_OK ? out && !error : error && *error && (!out || may_have_both));
	msbpolicy_text_free(error);
	return status;
}

static msbpolicy *load(const char *text, size_t len)
{
	struct msbpolicy_text file = { "fuzz.msb", text, len };
	struct msbpolicy_option today = { "today", "2026-01-01" };
	msbpolicy *policy;
	char *error;
	int status = msbpolicy_load_texts(&file, 1, &today, 1, &policy, &error);

	answered(status, policy, error, status == MSBPOLICY_INVALID);
	return policy;
}

static void check(msbpolicy *policy)
{
	msbpolicy_findings *findings;
	char *error;

	if (answered(msbpolicy_check(policy, &findings, &error), findings, error, 0) == MSBPOLICY_OK) {
		size_t count = msbpolicy_findings_count(findings);
		for (size_t i = 0; i < count; i++)
			must(msbpolicy_findings_get(findings, i)->text != NULL);
		must(msbpolicy_findings_get(findings, count) == NULL && *msbpolicy_findings_json(findings));
	}
	msbpolicy_findings_free(findings);
}

static void ask(msbpolicy *policy, const char *flow)
{
	struct msbpolicy_verdict *verdict;
	char *error, *text;

	int judged = answered(msbpolicy_evaluate(policy, flow, &verdict, &error), verdict, error, 0);
	if (judged == MSBPOLICY_OK)
		must((verdict->allowed == 0 || verdict->allowed == 1) && verdict->decider && verdict->json);
	msbpolicy_verdict_free(verdict);
	int explained = msbpolicy_explain(policy, flow, MSBPOLICY_FORMAT_JSON, &text, &error);
	must(answered(explained, text, error, 0) == judged);
	msbpolicy_text_free(text);
}

static void compile(msbpolicy *policy, enum msbpolicy_target target)
{
	char *error, *text;

	int status = msbpolicy_compile(policy, target, &text, &error);
	answered(status, text, error, 0);
	msbpolicy_text_free(text);
}

static void compare(msbpolicy *before, msbpolicy *after)
{
	struct msbpolicy_difference *difference;
	char *error;

	int status = msbpolicy_diff(before, after, &difference, &error);
	if (answered(status, difference, error, 0) == MSBPOLICY_OK && before == after)
		must(!difference->opens && !difference->closes && !difference->changes);
	msbpolicy_difference_free(difference);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *end = text + size;
	memcpy(text, data, size);
	*end = '\0';
	char *first = memchr(text, 1, size), *second;
	first = first ? first + 1 : end;
	second = memchr(first, 1, (size_t)(end - first));
	size_t first_len = (size_t)((second ? second : end) - first);
	second = second ? second + 1 : end;

	if (first > text && first[-1] == 1)
		first[-1] = '\0'; /* the flow's end */
	msbpolicy *one = load(first, first_len), *other = load(second, (size_t)(end - second));
	if (one && other) {
		check(one);
		ask(one, text);
		compile(one, MSBPOLICY_NFT);
		compile(one, MSBPOLICY_DNS);
		compare(one, one);
		compare(one, other);
	}
	msbpolicy_free(one);
	msbpolicy_free(other);
	free(text);
	return 0;
}
