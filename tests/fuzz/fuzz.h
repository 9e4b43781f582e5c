/* What the fuzzers of policy text share: bytes become a policy file, and a policy that was understood goes
 * through every later stage. */
#pragma once
#include "emit/emit.h"
#include "eval/eval.h"
#include "expect/expect.h"
#include "explain/explain.h"
#include "policy/flow.h"
#include "lint/lint.h"
#include "policy/options.h"
#include "syntax/parse.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The file is given as standard input, so that its name, and with it its format, can be chosen. */
static inline void fuzz_set_stdin(const uint8_t *data, size_t size)
{
	static int fd = -1;
	if (fd < 0) {
		fd = memfd_create("fuzz", MFD_CLOEXEC);
		if (fd < 0 || dup2(fd, STDIN_FILENO) < 0)
			abort();
	}
	if (ftruncate(STDIN_FILENO, 0) < 0 || pwrite(STDIN_FILENO, data, size, 0) != (ssize_t)size ||
	    lseek(STDIN_FILENO, 0, SEEK_SET) != 0)
		abort();
}

static inline struct addr_gateway fuzz_gateway(void)
{
	struct addr_gateway gateway = { .has4 = true, .has6 = true };
	if (!addr_parse("172.16.0.1", &gateway.v4) || !addr_parse("fd42:6d73:62::1", &gateway.v6))
		abort();
	return gateway;
}

/* What explain shows as the match is what the evaluator decided by. */
static inline void fuzz_explain(struct arena *arena, const struct eval_context *context, const struct flow *flow)
{
	struct explanation *explanation = explain_flow(arena, context, flow);
	const struct explain_step *step = &explanation->steps.items[explanation->steps.count - 1];
	struct decider shown = step->rows.count ? step->rows.items[step->rows.count - 1].by : decided_by(DECIDER_NONE);
	if (step->verdict.by.kind == DECIDER_RULE && !decider_equal(shown, step->verdict.by))
		abort();
}

/* Every backend, and the policy's own expectations. */
static inline void fuzz_stages(struct arena *arena, struct policy *policy, struct diags *diags)
{
	struct lower_options lower = { .gateway = fuzz_gateway() };
	struct ruleset *ruleset = lower_policy(arena, policy, &lower);
	emit_nft(arena, policy, ruleset, &lower);
	ruleset_format(arena, ruleset);
	emit_dns(arena, policy);
	emit_json(arena, policy);
	policy_format(arena, policy);
	struct eval_context context = { .policy = policy, .gateway = lower.gateway, .bindings = EVAL_NO_BINDINGS };
	expect_explain(expect_run(arena, &context), policy, diags);
	for (size_t i = 0; i < policy->expects.count; i++)
		if (!policy->expects.items[i].region)
			fuzz_explain(arena, &context, &policy->expects.items[i].flow);
	struct lint_options options = { .gateway = lower.gateway, .today = { 2026, 11, 24 } };
	lint_policy(policy, &options, diags);
}

static inline void fuzz_print(const struct diags *diags)
{
	static void (*const printers[])(const struct diags *, FILE *) = { diags_print_json, diags_print_sarif,
									  diags_print_github };
	static FILE *nowhere;
	if (!nowhere)
		nowhere = fopen("/dev/null", "w");
	diags_print_text(diags, nowhere, true);
	for (size_t i = 0; i < sizeof printers / sizeof *printers; i++)
		printers[i](diags, nowhere);
}

/* One file called `name`. Includes are looked for in a directory that holds none. */
static inline void fuzz_file(const char *name, const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct diags *diags = diags_new(arena, sources_new(arena));
	struct policy_options options = {
		.arena = arena, .stdin_name = name, .include_root = "/proc/self/fdinfo", .today = "2026-11-24"
	};
	fuzz_set_stdin(data, size);
	struct policy *policy = options_resolve(&options, "-", diags);
	if (!diags->errors)
		fuzz_stages(arena, policy, diags);
	fuzz_print(diags);
	arena_free(arena);
}
