/* msb-policyc: a table of commands. */
#include "cmd/cmd.h"

#include <stdio.h>
#include <string.h>

static const struct cmd cmds[] = {
	{ CMD_CHECK, "check", cmd_check, FORMAT_TEXT | FORMAT_JSON | FORMAT_SARIF | FORMAT_GITHUB, false, 0 },
	{ CMD_EXPLAIN, "explain", cmd_explain, FORMAT_TEXT | FORMAT_JSON, true, 1 },
	{ CMD_TEST, "test", cmd_test, FORMAT_TEXT | FORMAT_JSON | FORMAT_TAP | FORMAT_JUNIT, false, 0 },
	{ CMD_DIFF, "diff", cmd_diff, FORMAT_TEXT | FORMAT_JSON | FORMAT_MARKDOWN, false, 2 },
	{ CMD_FMT, "fmt", cmd_fmt, FORMAT_TEXT, false, 0 },
	{ CMD_COMPILE, "compile", cmd_compile, FORMAT_TEXT, false, 1 },
	{ CMD_EVAL, "eval", cmd_eval, FORMAT_TEXT | FORMAT_JSON, true, 1 },
};
#define CMD_COUNT (sizeof cmds / sizeof *cmds)

static const struct cmd *find_command(const char *name)
{
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

static int run(struct cmd_line *line, int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : NULL;
	const struct cmd *cmd;

	if (!word) {
		fputs(cmd_help_main, stderr);
		return CMD_USAGE;
	}
	if (!strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help")) {
		cmd = argc > 2 ? find_command(argv[2]) : NULL;
		fputs(cmd ? cmd_help_text(cmd->id) : cmd_help_main, stdout);
		return CMD_FINE;
	}
	if (!strcmp(word, "--version") || !strcmp(word, "-V")) {
		puts("msb-policyc " MSB_VERSION);
		return CMD_FINE;
	}
	cmd = find_command(word);
	if (!cmd)
		return no_command(line, word);
	if (!cmd_line_parse(line, cmd, argc - 1, argv + 1))
		return CMD_USAGE;
	if (line->help) {
		fputs(cmd_help_text(cmd->id), stdout);
		return CMD_FINE;
	}
	return cmd->run(line);
}

int main(int argc, char **argv)
{
	struct cmd_line line = { .arena = arena_new() };
	int status = run(&line, argc, argv);

	arena_free(line.arena);
	if (fflush(stdout) || ferror(stdout)) {
		fputs("msb-policyc: error: cannot write to standard output\n", stderr);
		return CMD_SYSTEM;
	}
	return status;
}
