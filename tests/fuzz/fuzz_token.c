/* What stands on a command line: rule lists, single tokens, flow expressions with their options. */
#include "fuzz.h"
#include "policy/resolve.h"

static void try_list(const char *text)
{
	struct arena *arena = arena_new();
	struct diags *diags = diags_new(arena, sources_new(arena));
	struct policy_options options = { .arena = arena };
	*arena_push(arena, &options.rules) = text;
	struct policy *policy = options_resolve(&options, NULL, diags);
	if (!diags->errors)
		fuzz_stages(arena, policy, diags);
	fuzz_print(diags);
	arena_free(arena);
}

static void try_token(const char *text, size_t size)
{
	struct arena *arena = arena_new();
	struct diags *diags = diags_new(arena, sources_new(arena));
	struct policy_rule rule;
	struct ast_rule *token = parse_rule_token(diags, sources_add(diags->sources, SOURCE_ARG, "arg:1", text, size));
	if (token && resolve_rule(arena, token, NULL, diags, &rule))
		policy_rule_format(arena, &rule);
	fuzz_print(diags);
	arena_free(arena);
}

static void try_flow(const char *text)
{
	struct arena *arena = arena_new();
	struct diags *diags = diags_new(arena, sources_new(arena));
	struct policy_options options = { .arena = arena };
	struct policy *policy = options_resolve(&options, NULL, diags);
	struct eval_context context = { .policy = policy, .gateway = fuzz_gateway(), .bindings = EVAL_NO_BINDINGS };
	struct flow flow;
	if (flow_parse(arena, diags->sources, text, diags, &flow))
		fuzz_explain(arena, &context, &flow);
	fuzz_print(diags);
	arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	try_list(text);
	try_token(text, size);
	try_flow(text);
	free(text);
	return 0;
}
