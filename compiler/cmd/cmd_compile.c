/* msb-policyc compile: a policy as nftables text, or as any other stage of it. All output is made in memory
 * first: with an error anywhere nothing is printed and no file is touched. */
#include "cmd/cmd.h"
#include "diff/diff.h"
#include "explain/decision.h"
#include "base/text.h"
#include "emit/emit.h"
#include "optimise/optimise.h"
#include "syntax/parse.h"
#include "policy/policy_facts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct stage {
	const struct cmd_line *line;
	struct cmd_policy *loaded;
};

static struct lower_options lower_options(const struct stage *stage)
{
	return (struct lower_options){ .gateway = cmd_gateway(stage->line, stage->loaded->policy),
				       .optimise = stage->line->optimise };
}

static void say_given_up(const struct stage *stage, const struct ruleset *ruleset)
{
	if (optimise_has_given_up(ruleset))
		fprintf(stderr,
			"%s: note: its rules' networks overlap so much that they stay rule by rule, which is slow where they "
			"are many: rules that list fewer networks each would not\n",
			stage->loaded->name);
}

static struct ruleset *lower(const struct stage *stage, const struct lower_options *options)
{
	struct ruleset *ruleset = lower_policy(stage->loaded->arena, stage->loaded->policy, options);

	optimise(ruleset, options->optimise);
	say_given_up(stage, ruleset);
	return ruleset;
}

static const char *emit_nft_text(const struct stage *stage)
{
	struct lower_options options = lower_options(stage);

	return emit_nft(stage->loaded->arena, stage->loaded->policy, lower(stage, &options), &options);
}

static void add_pass(void *context, const struct ruleset *ruleset, int number, const char *pass)
{
	struct text *text = context;

	text_addf(text, "\n# pass %d, %s\n%s", number, pass, ruleset_format(text->arena, ruleset));
}

/* The ruleset as it is lowered, and behind each of the level's passes */
static const char *each_pass(const struct stage *stage, const struct lower_options *options)
{
	struct text text = { .arena = stage->loaded->arena };
	struct ruleset *ruleset = lower_policy(stage->loaded->arena, stage->loaded->policy, options);

	text_addf(&text, "# before the passes\n%s", ruleset_format(text.arena, ruleset));
	optimise_watched(ruleset, options->optimise, add_pass, &text);
	say_given_up(stage, ruleset);
	return text_get(&text);
}

static const char *emit_ir_text(const struct stage *stage)
{
	struct lower_options options = lower_options(stage);

	if (stage->line->passes)
		return each_pass(stage, &options);
	return ruleset_format(stage->loaded->arena, lower(stage, &options));
}

static const char *emit_dns_text(const struct stage *stage)
{
	return emit_dns(stage->loaded->arena, stage->loaded->policy);
}

static const char *emit_json_text(const struct stage *stage)
{
	return emit_json(stage->loaded->arena, stage->loaded->policy);
}

static const char *emit_rpz_text(const struct stage *stage)
{
	return emit_rpz(stage->loaded->arena, stage->loaded->policy, stage->loaded->diags);
}

static const char *emit_dnsmasq_text(const struct stage *stage)
{
	struct addr_gateway gateway = lower_options(stage).gateway;

	return emit_dnsmasq(stage->loaded->arena, stage->loaded->policy, &gateway, stage->loaded->diags);
}

/* A copy whose rules say no reasons, which other formats do not print */
static const struct policy *without_reasons(struct arena *arena, const struct policy *policy)
{
	struct policy *copy = arena_alloc(arena, sizeof *copy);

	*copy = *policy;
	memset(&copy->rules, 0, sizeof copy->rules);
	for (size_t i = 0; i < policy->rules.count; i++) {
		struct policy_rule *rule = arena_push(arena, &copy->rules);
		*rule = policy->rules.items[i];
		rule->because = NULL;
	}
	return copy;
}

/* Read back it is the same policy, settings and all, or why not is an error */
static bool says_the_same(const struct stage *stage, const char *text, const char *what, const char *name)
{
	const struct policy *policy = stage->loaded->policy;
	struct arena *arena = stage->loaded->arena;
	struct policy_options options = { .arena = arena, .text = text };
	struct diags *diags = diags_new(arena, sources_new(arena));
	const struct policy *again = options_resolve(&options, name, diags);
	struct addr_gateway gateway = cmd_gateway(stage->line, policy);
	struct fuel fuel = { .left = analysis_fuel(policy->rules.count) };

	if (diags->errors) {
		diag_error(stage->loaded->diags, "cannot-say", SPAN_NONE, "it would not be read back: %s",
			   diags_sorted(diags)[0]->message);
		return false;
	}
	struct diff *diff =
		diff_policies(arena, without_reasons(arena, policy), without_reasons(arena, again), &gateway, &fuel);
	if (!fuel.out && !diff_opens(diff) && !diff_closes(diff) && !diff->settings.count && !diff->networks.count)
		return true;
	diag_error(stage->loaded->diags, "cannot-say", SPAN_NONE, "a %s cannot say all of this policy", what)->help =
		fuel.out ? "it is too complex to compare" :
			   arena_printf(arena, "it would change:\n%s", diff_text(arena, diff));
	return false;
}

static const char *emit_networkpolicy_text(const struct stage *stage)
{
	const char *text = emit_networkpolicy(stage->loaded->arena, stage->loaded->policy, stage->loaded->diags);

	return text && says_the_same(stage, text, "NetworkPolicy", "networkpolicy.json") ? text : NULL;
}

static const char *emit_cilium_text(const struct stage *stage)
{
	const char *text = emit_cilium(stage->loaded->arena, stage->loaded->policy, stage->loaded->diags);

	return text && says_the_same(stage, text, "CiliumNetworkPolicy", "cilium.json") ? text : NULL;
}

static const char *emit_policy_text(const struct stage *stage)
{
	return policy_format(stage->loaded->arena, stage->loaded->policy);
}

/* The tree of every text that was given, as parsed. Resolving has read the same texts without an error. */
static const char *emit_ast_text(const struct stage *stage)
{
	struct sources *sources = stage->loaded->sources;
	size_t count = sources->count;
	struct text text = { .arena = stage->loaded->arena };

	for (uint32_t i = 0; i < count; i++) {
		const struct source *source = sources_get(sources, i);
		struct ast_file *file = source->kind == SOURCE_FILE ? parse_policy(stage->loaded->diags, i) :
					source->kind == SOURCE_ARG  ? parse_rule_list(stage->loaded->diags, i) :
								      NULL;

		if (file)
			text_add(&text, ast_format(stage->loaded->arena, sources, file));
	}
	return text_get(&text);
}

static const struct emitter {
	const char *name, *file;                   /* file: under -o DIR */
	bool by_default;                           /* with -o and no --emit */
	bool one_policy;                           /* the target has no word for a floor below it */
	const char *(*emit)(const struct stage *); /* NULL: the target cannot say it, why is in the findings */
} emitters[] = {
	{ "nft", "ruleset.nft", true, false, emit_nft_text },
	{ "dns", "names.dns", true, false, emit_dns_text },
	{ "json", "policy.json", true, true, emit_json_text },
	{ "ast", "policy.ast", false, false, emit_ast_text },
	{ "policy", "policy.txt", true, false, emit_policy_text },
	{ "ir", "ruleset.ir", false, false, emit_ir_text },
	{ "rpz", "names.rpz", false, true, emit_rpz_text },
	{ "dnsmasq", "dnsmasq.conf", false, true, emit_dnsmasq_text },
	{ "networkpolicy", "networkpolicy.json", false, true, emit_networkpolicy_text },
	{ "cilium", "cilium.json", false, true, emit_cilium_text },
};
#define EMITTER_COUNT (sizeof emitters / sizeof *emitters)

static const struct emitter *find_emitter(const char *name)
{
	for (size_t i = 0; i < EMITTER_COUNT; i++)
		if (!strcmp(emitters[i].name, name))
			return &emitters[i];
	return NULL;
}

/* That of a multi-tenant host has a word in microsandbox's JSON, and is about no name */
static bool has_floor(const struct policy *policy)
{
	for (size_t i = 0; i < policy->floors.count; i++)
		if (!policy->floors.items[i]->is_tenancy)
			return true;
	return false;
}

/* What the emitter makes; NULL: the target cannot say it, why is in the findings */
static const char *emit(const struct stage *stage, const struct emitter *emitter)
{
	const struct policy *policy = stage->loaded->policy;

	if (!emitter->one_policy || !has_floor(policy))
		return emitter->emit(stage);
	diag_error(stage->loaded->diags, "floor", SPAN_NONE, "%s has no word for a floor: it would say more is allowed",
		   emitter->name)
		->help = "--emit nft, dns or policy say it";
	return NULL;
}

/* ---- files ---- */

struct output {
	const char *path, *temporary, *text;
	bool written;
};

static int write_temporary(struct output *output)
{
	int fd = open(output->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	size_t len = strlen(output->text), done = 0;

	if (fd < 0)
		return -errno;
	output->written = true;
	while (done < len) {
		ssize_t count = write(fd, output->text + done, len - done);

		if (count < 0 && errno != EINTR)
			break;
		done += count > 0 ? (size_t)count : 0;
	}
	int error = done < len || fsync(fd) ? -errno : 0;
	close(fd);
	return error;
}

/* Either every file is there whole, or none of them was touched. */
static int write_outputs(const struct cmd_line *line, struct output *outputs, size_t count)
{
	const char *failed = NULL;
	int error = 0;

	if (mkdir(line->out_dir, 0777) && errno != EEXIST) {
		error = -errno;
		failed = line->out_dir;
	}
	for (size_t i = 0; i < count && !error; i++) {
		error = write_temporary(&outputs[i]);
		failed = outputs[i].path;
	}
	for (size_t i = 0; i < count && !error; i++) {
		error = rename(outputs[i].temporary, outputs[i].path) ? -errno : 0;
		outputs[i].written = outputs[i].written && error;
		failed = outputs[i].path;
	}
	for (size_t i = 0; i < count; i++)
		if (outputs[i].written)
			unlink(outputs[i].temporary);
	if (!error)
		return STATUS_FINE;
	return cmd_system_error(line, failed, error);
}

static int cannot_say(const struct stage *stage)
{
	diags_print_text(stage->loaded->diags, stderr, color_wanted(stage->line->color, stderr));
	fprintf(stderr, "%s: %s\n", stage->loaded->name, diags_counts(stage->loaded->diags));
	return STATUS_NO;
}

static int compile_to_directory(struct stage *stage, const struct emitter *only)
{
	struct output outputs[EMITTER_COUNT] = { { .path = NULL } };
	struct arena *arena = stage->loaded->arena;
	const char *dir = stage->line->out_dir;
	size_t count = 0;

	for (size_t i = 0; i < EMITTER_COUNT; i++) {
		if (only ? only != &emitters[i] : !emitters[i].by_default)
			continue;
		if (!only && emitters[i].one_policy && has_floor(stage->loaded->policy))
			continue;
		outputs[count].path = arena_printf(arena, "%s/%s", dir, emitters[i].file);
		outputs[count].temporary = arena_printf(arena, "%s/.%s.%ld", dir, emitters[i].file, (long)getpid());
		outputs[count].text = emit(stage, &emitters[i]);
		if (!outputs[count++].text)
			return cannot_say(stage);
	}
	return write_outputs(stage->line, outputs, count);
}

/* Only where that form was asked for: whoever writes all of them with -o keeps the policy beside it */
static void warn_of_json(const struct stage *stage)
{
	struct diags *diags = diags_new(stage->loaded->arena, stage->loaded->sources);

	if (!stage->line->emit || strcmp(stage->line->emit, "json") != 0)
		return;
	emit_json_weaker(stage->loaded->policy, diags);
	diags_print_text(diags, stderr, color_wanted(stage->line->color, stderr));
}

static int compile(struct cmd_line *line, struct cmd_policy *loaded, const char *file, void *unused)
{
	struct stage stage = { line, loaded };
	int status = cmd_policy_require(loaded, line, file);

	(void)unused;
	if (status != STATUS_FINE)
		return status;
	warn_of_json(&stage);
	if (line->out_dir)
		return compile_to_directory(&stage, line->emit ? find_emitter(line->emit) : NULL);
	const char *text = emit(&stage, find_emitter(line->emit ? line->emit : "nft"));
	if (!text)
		return cannot_say(&stage);
	fputs(text, stdout);
	return STATUS_FINE;
}

/* "nft, dns, … or cilium" */
static const char *emitter_names(struct arena *arena)
{
	struct text text = { .arena = arena };

	for (size_t i = 0; i < EMITTER_COUNT; i++)
		text_addf(&text, "%s%s", !i ? "" : i + 1 < EMITTER_COUNT ? ", " : " or ", emitters[i].name);
	return text_get(&text);
}

int cmd_compile(struct cmd_line *line)
{
	if (line->emit && !find_emitter(line->emit))
		return cmd_usage_error(line, "--emit: `%s`: %s", line->emit, emitter_names(line->arena));
	if (line->passes && (!line->emit || strcmp(line->emit, "ir") != 0))
		return cmd_usage_error(line, "--passes: only with --emit ir");
	return cmd_each_file(line, compile, NULL);
}
