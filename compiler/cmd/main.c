/* msb-policyc: a table of commands. */
#include "base/json_memory.h"
#include "cmd/cmd.h"
#include "cmd/cmd_files.h"
#include "optimise/optimise.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct cmd cmds[] = {
	{ CMD_CHECK, "check", "FILE|DIR...", "what is wrong or risky", cmd_check,
	  FORMAT_TEXT | FORMAT_JSON | FORMAT_SARIF | FORMAT_GITHUB, false, 0 },
	{ CMD_EXPLAIN, "explain", "FILE FLOW...", "would this pass, and by which rule", cmd_explain,
	  FORMAT_TEXT | FORMAT_JSON, true, 1 },
	{ CMD_TEST, "test", "FILE|DIR...", "run the policy's `expect` lines", cmd_test,
	  FORMAT_TEXT | FORMAT_JSON | FORMAT_TAP | FORMAT_JUNIT, false, 0 },
	{ CMD_DIFF, "diff", "OLD NEW|--git REV", "which flows change verdict", cmd_diff,
	  FORMAT_TEXT | FORMAT_JSON | FORMAT_MARKDOWN, false, 2 },
	{ CMD_FMT, "fmt", "FILE|DIR...", "canonical layout (--check, --diff)", cmd_fmt, FORMAT_TEXT, false, 0 },
	{ CMD_COMPILE, "compile", "FILE", "nftables text, or --emit dns|json|ast|policy|ir", cmd_compile, FORMAT_TEXT,
	  false, 1 },
	{ CMD_EVAL, "eval", "FILE FLOW...", "verdicts, tab-separated, for programs (--batch)", cmd_eval,
	  FORMAT_TEXT | FORMAT_JSON, true, 1 },
	{ CMD_REPORT, "report", "FILE", "a page to show: picture, rules, findings (-o FILE)", cmd_report, FORMAT_TEXT,
	  false, 1 },
	{ CMD_SUGGEST, "suggest", "EVENTS...", "what msb-run --events recorded, as rules to paste", cmd_suggest,
	  FORMAT_TEXT, false, 1 },
	{ CMD_INIT, "init", "[TEMPLATE]", "a policy from the library to start with (-o FILE)", cmd_init, FORMAT_TEXT,
	  false, 1, true },
	{ CMD_LSP, "lsp", "", "a language server for editors", cmd_lsp, FORMAT_TEXT, false, 0 },
};
#define CMD_COUNT (sizeof cmds / sizeof *cmds)

/* What other tools call it */
static const struct {
	const char *name, *command;
} other_names[] = { { "lint", "check" }, { "validate", "check" } };

static const struct cmd *find_command(const char *name)
{
	for (size_t i = 0; i < sizeof other_names / sizeof *other_names; i++)
		if (!strcmp(other_names[i].name, name))
			name = other_names[i].command;
	for (size_t i = 0; i < CMD_COUNT; i++)
		if (!strcmp(cmds[i].name, name))
			return &cmds[i];
	return NULL;
}

static int no_command(const struct cmd_line *line, const char *word)
{
	const char *names[CMD_COUNT + 1] = { NULL }, *near;

	for (size_t i = 0; i < CMD_COUNT; i++)
		names[i] = cmds[i].name;
	near = diag_nearest(word, names);
	if (near)
		return cmd_usage_error(line, "no such command: `%s`; did you mean `%s`?", word, near);
	return cmd_usage_error(line, "no such command: `%s`; see msb-policyc --help", word);
}

/* On the files of the line; of commands that take many, directories are those below them. */
static int run_command(struct cmd_line *line)
{
	int status, found = STATUS_FINE;

	if (line->cmd->id & (CMD_CHECK | CMD_TEST | CMD_FMT))
		found = cmd_files_expand(line);
	if (found != STATUS_FINE && !line->policy.files.count)
		return found;
	status = line->cmd->run(line);
	return status > found ? status : found;
}

static int run(struct cmd_line *line, int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : NULL;
	const struct cmd *cmd;

	if (!word) {
		cmd_help_main(stderr, cmds, CMD_COUNT);
		return STATUS_USAGE;
	}
	if (!strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help")) {
		cmd = argc > 2 ? find_command(argv[2]) : NULL;
		if (cmd)
			fputs(cmd_help_page(cmd->id), stdout);
		else
			cmd_help_main(stdout, cmds, CMD_COUNT);
		return STATUS_FINE;
	}
	if (!strcmp(word, "--version") || !strcmp(word, "-V")) {
		puts("msb-policyc " MSB_VERSION);
		return STATUS_FINE;
	}
	if (!strcmp(word, "--option-table")) {
		for (size_t i = 0; i < CMD_COUNT; i++)
			cmd_line_print_table(line->arena, &cmds[i]);
		return STATUS_FINE;
	}
	cmd = find_command(word);
	if (!cmd)
		return no_command(line, word);
	if (!cmd_line_parse(line, cmd, argc - 1, argv + 1))
		return STATUS_USAGE;
	if (line->help) {
		fputs(cmd_help_page(cmd->id), stdout);
		return STATUS_FINE;
	}
	return run_command(line);
}

static void end_without_memory(void)
{
	fputs("msb-policyc: error: out of memory\n", stderr);
	exit(STATUS_SYSTEM);
}

int main(int argc, char **argv)
{
	arena_on_exhaustion(end_without_memory);
	json_memory_must();
	struct cmd_line line = { .arena = arena_new(), .optimise = OPTIMISE_MOST };
	int status = run(&line, argc, argv);

	arena_free(line.arena);
	if (fflush(stdout) || ferror(stdout)) {
		fputs("msb-policyc: error: cannot write to standard output\n", stderr);
		return STATUS_SYSTEM;
	}
	return status;
}
