/* From a command line to a policy, a flow and a verdict's description: what check, eval, explain, test and
 * compile do alike. */
#include "cmd/cmd.h"
#include "base/escape.h"
#include "policy/flow.h"
#include "policy/policy_facts.h"
#include "policy/policy_flow.h"
#include "policy/policy_status.h"

#include <string.h>

void cmd_policy_load(struct cmd_policy *loaded, const struct cmd_line *line, const char *file)
{
	struct policy_options options = line->policy;

	options.takes_library = line->cmd->id & (CMD_CHECK | CMD_TEST);
	loaded->policy = options_resolve(&options, file, loaded->diags);
	loaded->name = escape_text(loaded->arena, loaded->policy->name);
}

int cmd_policy_status(const struct cmd_policy *loaded)
{
	static const int statuses[] = { [POLICY_FINE] = STATUS_FINE,
					[POLICY_WRONG] = STATUS_NO,
					[POLICY_BAD_OPTION] = STATUS_USAGE,
					[POLICY_UNREADABLE] = STATUS_SYSTEM };

	return statuses[policy_status(loaded->diags)];
}

/* A rule past its date cannot be compiled or started; what runs keeps it, and can be asked about. */
static bool merely_expired(const struct cmd_policy *loaded, const struct cmd_line *line)
{
	return line->cmd->id != CMD_COMPILE && policy_is_merely_expired(loaded->diags);
}

bool cmd_policy_quotable(const struct cmd_policy *loaded)
{
	for (size_t i = 0; i < loaded->sources->count; i++) {
		const struct source *source = loaded->sources->items[i];
		if (source->quotable)
			continue;
		fprintf(stderr,
			"msb-policyc: error: %s: a link leads to it, out of its directory, so nothing of it is shown "
			"[include-outside]\n"
			"  help: name the file itself, or allow where it lies by --include-root DIR\n",
			escape_text(loaded->arena, source->name));
		return false;
	}
	return true;
}

int cmd_policy_require(struct cmd_policy *loaded, const struct cmd_line *line, const char *file)
{
	int status;

	cmd_policy_load(loaded, line, file);
	status = cmd_policy_status(loaded);
	if (status != STATUS_FINE) {
		diags_print_text(loaded->diags, stderr, color_wanted(line->color, stderr));
		fprintf(stderr, "%s: %s\n", loaded->name, diags_counts(loaded->diags));
	}
	if (status == STATUS_FINE || merely_expired(loaded, line))
		return cmd_policy_quotable(loaded) ? STATUS_FINE : STATUS_NO;
	return status;
}

const char *cmd_library_text(const struct cmd_policy *loaded)
{
	size_t count = loaded->policy->groups.count;

	return arena_printf(loaded->arena, "library, %zu group%s", count, count == 1 ? "" : "s");
}

struct addr_gateway cmd_gateway(const struct cmd_line *line, const struct policy *policy)
{
	struct addr_gateway gateway = policy_gateway(policy, line->gateway);

	return line->given_gateway ? gateway : policy_place_gateway(policy, gateway);
}

struct eval_context cmd_context(const struct cmd_line *line, const struct policy *policy)
{
	return (struct eval_context){ .policy = policy,
				      .gateway = cmd_gateway(line, policy),
				      .bindings = EVAL_NO_BINDINGS };
}

static int one_file(struct cmd_line *line, cmd_each *each, void *context, const char *file)
{
	struct cmd_policy loaded = { .arena = arena_new() };
	int status;

	loaded.sources = sources_new(loaded.arena);
	loaded.diags = diags_new(loaded.arena, loaded.sources);
	status = each(line, &loaded, file, context);
	arena_free(loaded.arena);
	return status;
}

int cmd_each_file(struct cmd_line *line, cmd_each *each, void *context)
{
	int worst = STATUS_FINE;

	if (!line->policy.files.count)
		return one_file(line, each, context, NULL);
	for (size_t i = 0; i < line->policy.files.count; i++) {
		int status = one_file(line, each, context, line->policy.files.items[i]);

		if (status > worst)
			worst = status;
	}
	return worst;
}

bool cmd_flow(const struct cmd_line *line, const struct policy *policy, struct arena *arena, struct sources *sources,
	      const char *text, struct diags *diags, struct flow *out)
{
	const char *why;

	if (!policy_flow_parse(policy, arena, sources, text, diags, out))
		return false;
	for (size_t i = 0; i < line->resolves.count; i++)
		if (!flow_add_resolve(arena, out, line->resolves.items[i], &why)) {
			diag_error(diags, "bad-flow", SPAN_NONE, "--resolve: %s", why);
			return false;
		}
	if (!out->sni)
		out->sni = line->sni;
	out->ech = out->ech || line->ech;
	/* for several flows they may concern one of these only */
	return line->flows.count != 1 || flow_check_options(diags, out);
}

void cmd_flow_error(struct arena *arena, const struct diags *diags)
{
	for (size_t i = 0; i < diags->list.count; i++) {
		const struct diag *diag = &diags->list.items[i];

		fprintf(stderr, "error: %s\n", escape_text(arena, diag->message));
		if (diag->label)
			fprintf(stderr, "  %s\n", escape_text(arena, diag->label));
		if (diag->help)
			fprintf(stderr, "  help: %s\n", escape_text(arena, diag->help));
	}
}

void cmd_note_unenforced(struct cmd_line *line)
{
	if (!line->policy.no_server_names || line->said_unenforced)
		return;
	line->said_unenforced = true;
	fputs("note: server names are not enforced (--no-server-names): the addresses that the guest was given decide\n",
	      stderr);
}
