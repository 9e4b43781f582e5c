/* The command line of every command: one table of options, which command takes each, and how its value is
 * read. Given argv; hands on a struct cmd_line. */
#include "cmd/cmd.h"
#include "base/escape.h"
#include "base/text.h"
#include "policy/flow.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define OWN_FIRST 0x2000
#define LETTERS_MOST 64

static void print_error(const struct cmd_line *line, const char *text)
{
	fprintf(stderr, "msb-policyc: error: %s\n", escape_text(line->arena, text));
}

int cmd_usage_error(const struct cmd_line *line, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_error(line, arena_vprintf(line->arena, fmt, args));
	va_end(args);
	return STATUS_USAGE;
}

int cmd_system_error(const struct cmd_line *line, const char *path, int error)
{
	print_error(line, arena_printf(line->arena, "%s: %s", path, strerror(-error)));
	return STATUS_SYSTEM;
}

/* ---- values: each reader returns NULL, or why it refuses ---- */

static const struct {
	const char *name;
	enum cmd_format format;
} formats[] = {
	{ "text", FORMAT_TEXT },     { "json", FORMAT_JSON },         { "sarif", FORMAT_SARIF },
	{ "github", FORMAT_GITHUB }, { "markdown", FORMAT_MARKDOWN }, { "tap", FORMAT_TAP },
	{ "junit", FORMAT_JUNIT },
};

static const char *read_format(struct cmd_line *line, const char *value)
{
	struct text known = { .arena = line->arena };

	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
		if (!(line->cmd->formats & formats[i].format))
			continue;
		if (!strcmp(value, formats[i].name)) {
			line->format = formats[i].format;
			return NULL;
		}
		text_addf(&known, "%s%s", known.count ? ", " : "", formats[i].name);
	}
	return arena_printf(line->arena, "%s takes %s", line->cmd->name, text_get(&known));
}

static const char *read_color(struct cmd_line *line, const char *value)
{
	if (!strcmp(value, "auto"))
		line->color = COLOR_AUTO;
	else if (!strcmp(value, "always"))
		line->color = COLOR_ALWAYS;
	else if (!strcmp(value, "never"))
		line->color = COLOR_NEVER;
	else
		return "auto, always or never";
	return NULL;
}

static const char *read_gateway(struct cmd_line *line, const char *value)
{
	line->given_gateway = true;
	return addr_gateway_parse(value, &line->gateway);
}

static const char *read_resolve(struct cmd_line *line, const char *value)
{
	struct flow scratch = { .kind = FLOW_DNS };
	const char *why;

	if (!flow_add_resolve(line->arena, &scratch, value, &why))
		return why;
	*arena_push(line->arena, &line->resolves) = value;
	return NULL;
}

static const char *read_number(const char *value, long low, long high, long *out)
{
	char *end;
	long number;

	errno = 0;
	number = strtol(value, &end, 10);
	if (end == value || *end || errno || number < low || number > high)
		return "a number is wanted";
	*out = number;
	return NULL;
}

static const char *read_optimise(struct cmd_line *line, const char *value)
{
	long level;

	if (read_number(value, 0, 2, &level))
		return "0, 1 or 2";
	line->optimise = (int)level;
	return NULL;
}

static const char *read_passes(struct cmd_line *line, const char *value)
{
	(void)value;
	line->passes = true;
	return NULL;
}

static const char *read_coverage(struct cmd_line *line, const char *value)
{
	return read_number(value, 0, 100, &line->min_coverage) ? "a percentage, 0 to 100" : NULL;
}

static const char *read_rule(struct cmd_line *line, const char *value)
{
	return read_number(value, 1, 10000000, &line->rule) ? "a rule's number, from 1" : NULL;
}

static const char *read_fail_on(struct cmd_line *line, const char *value)
{
	if (strcmp(value, "any") && strcmp(value, "opened") && strcmp(value, "none"))
		return "any, opened or none";
	line->fail_on = value;
	return NULL;
}

static const char *read_expect(struct cmd_line *line, const char *value)
{
	*arena_push(line->arena, &line->expects) = value;
	return NULL;
}

static const char *read_disable(struct cmd_line *line, const char *value)
{
	*arena_push(line->arena, &line->disabled) = value;
	return NULL;
}

/* Some editors say what is so anyway */
static const char *read_stdio(struct cmd_line *line, const char *value)
{
	(void)line;
	(void)value;
	return NULL;
}

#define READ_INTO(field, value)                                                  \
	static const char *read_##field(struct cmd_line *line, const char *text) \
	{                                                                        \
		(void)text;                                                      \
		line->field = (value);                                           \
		return NULL;                                                     \
	}
READ_INTO(sni, text)
READ_INTO(emit, text)
READ_INTO(out_dir, text)
READ_INTO(explain_id, text)
READ_INTO(git, text)
READ_INTO(ech, true)
READ_INTO(batch, true)
READ_INTO(werror, true)
READ_INTO(verbose, true)
READ_INTO(check_only, true)
READ_INTO(show_diff, true)
READ_INTO(help, true)

/* ---- the table ---- */

#define EVERY (~0u)
static const struct own_option {
	const char *name;
	int letter; /* 0: none */
	bool has_value;
	unsigned cmds;
	const char *(*read)(struct cmd_line *, const char *value);
} own_options[] = {
	{ "help", 'h', false, EVERY, read_help },
	{ "format", 0, true, EVERY, read_format },
	{ "color", 0, true, EVERY, read_color },
	{ "gateway", 0, true,
	  CMD_COMPILE | CMD_EVAL | CMD_EXPLAIN | CMD_TEST | CMD_DIFF | CMD_CHECK | CMD_SUGGEST | CMD_REPORT | CMD_LSP,
	  read_gateway },
	{ "resolve", 0, true, CMD_EVAL | CMD_EXPLAIN, read_resolve },
	{ "sni", 0, true, CMD_EVAL | CMD_EXPLAIN, read_sni },
	{ "ech", 0, false, CMD_EVAL | CMD_EXPLAIN, read_ech },
	{ "batch", 0, false, CMD_EVAL, read_batch },
	{ "rule", 0, true, CMD_EXPLAIN, read_rule },
	{ "emit", 0, true, CMD_COMPILE, read_emit },
	{ "optimise", 'O', true, CMD_COMPILE, read_optimise },
	{ "passes", 0, false, CMD_COMPILE, read_passes },
	{ "output", 'o', true, CMD_COMPILE | CMD_INIT | CMD_REPORT, read_out_dir },
	{ "werror", 0, false, CMD_CHECK, read_werror },
	{ "explain", 0, true, CMD_CHECK, read_explain_id },
	{ "disable", 0, true, CMD_CHECK | CMD_LSP, read_disable },
	{ "stdio", 0, false, CMD_LSP, read_stdio },
	{ "expect", 0, true, CMD_TEST, read_expect },
	{ "min-coverage", 0, true, CMD_TEST, read_coverage },
	{ "verbose", 'v', false, CMD_TEST, read_verbose },
	{ "fail-on", 0, true, CMD_DIFF, read_fail_on },
	{ "git", 0, true, CMD_DIFF, read_git },
	{ "check", 0, false, CMD_FMT, read_check_only },
	{ "diff", 0, false, CMD_FMT, read_show_diff },
};
#define OWN_COUNT (sizeof own_options / sizeof *own_options)

static size_t policy_option_count(void)
{
	size_t count = 0;

	while (policy_long_options[count].name)
		count++;
	return count;
}

static struct option *long_options(const struct cmd_line *line, char *letters)
{
	size_t count = line->cmd->no_policy ? 0 : policy_option_count(), own = 0;
	struct option *options = arena_alloc(line->arena, (count + OWN_COUNT + 1) * sizeof *options);

	letters += sprintf(letters, line->cmd->no_policy ? ":" : ":p:");
	for (size_t i = 0; i < OWN_COUNT; i++) {
		const struct own_option *option = &own_options[i];

		if (!(option->cmds & line->cmd->id))
			continue;
		options[own++] = (struct option){ option->name, option->has_value ? required_argument : no_argument,
						  NULL, OWN_FIRST + (int)i };
		if (option->letter)
			letters += sprintf(letters, "%c%s", option->letter, option->has_value ? ":" : "");
	}
	memcpy(options + own, policy_long_options, count * sizeof *options); /* the rest is zero: the end */
	return options;
}

void cmd_line_print_table(struct arena *arena, const struct cmd *cmd)
{
	const struct cmd_line line = { .arena = arena, .cmd = cmd };
	char letters[LETTERS_MOST];

	printf("command\t%s\t%s\n", cmd->name, cmd->what);
	options_print_table(cmd->name, long_options(&line, letters));
}

static const struct own_option *own_option(const struct cmd_line *line, int value)
{
	for (size_t i = 0; i < OWN_COUNT; i++)
		if ((own_options[i].cmds & line->cmd->id) &&
		    (value == OWN_FIRST + (int)i || (own_options[i].letter && value == own_options[i].letter)))
			return &own_options[i];
	return NULL;
}

/* ---- arguments ---- */

static bool unknown_option(const struct cmd_line *line, const char *word, const struct option *options)
{
	const char **names, *near;
	size_t count = 0;

	while (options[count].name)
		count++;
	names = arena_alloc(line->arena, (count + 1) * sizeof *names);
	for (size_t i = 0; i < count; i++)
		names[i] = options[i].name;
	near = !strncmp(word, "--", 2) ?
		       diag_nearest(arena_strndup(line->arena, word + 2, strcspn(word + 2, "=")), names) :
		       NULL;
	if (near)
		cmd_usage_error(line, "%s has no option `%s`; did you mean `--%s`?", line->cmd->name, word, near);
	else
		cmd_usage_error(line, "%s has no option `%s`; see msb-policyc %s --help", line->cmd->name, word,
				line->cmd->name);
	return false;
}

/* `github.com:443`, `https://github.com/x`: no file is called so, and no flow begins so. */
static bool meant_as_flow(const char *word)
{
	const char *colon = strrchr(word, ':');

	if (access(word, F_OK) == 0)
		return false;
	return strstr(word, "://") || (colon && colon[1] && strspn(colon + 1, "0123456789") == strlen(colon + 1));
}

static bool take_argument(struct cmd_line *line, const char *word)
{
	bool at = strchr(word, '@');

	if (line->cmd->id == CMD_SUGGEST) {
		*arena_push(line->arena, &line->events) = word;
		return true;
	}
	if (line->cmd->takes_flows && (at || meant_as_flow(word))) {
		*arena_push(line->arena, &line->flows) = word;
		return true;
	}
	if (at && access(word, F_OK) != 0) {
		cmd_usage_error(line, "%s takes files, `%s` is none; a rule is given as --net-rule '%s'",
				line->cmd->name, word, word);
		return false;
	}
	*arena_push(line->arena, &line->policy.files) = word;
	return true;
}

static bool take_option(struct cmd_line *line, int value, const char *shown)
{
	const struct own_option *own = own_option(line, value);
	const char *why;

	if (!own)
		return options_take(&line->policy, value, optarg);
	why = own->read(line, optarg);
	if (!why)
		return true;
	cmd_usage_error(line, "%s: `%s`: %s", shown, optarg ? optarg : "", why);
	return false;
}

static const char *shown_option(const struct cmd_line *line, const struct option *options, int value, int index)
{
	if (index >= 0)
		return arena_printf(line->arena, "--%s", options[index].name);
	return arena_printf(line->arena, "-%c", value);
}

static bool enough(const struct cmd_line *line)
{
	size_t max = line->cmd->max_files;

	if (!max || line->git || line->policy.files.count <= max)
		return true;
	cmd_usage_error(line, "%s takes %s: `%s` is one too many", line->cmd->name, max == 1 ? "one file" : "two files",
			line->policy.files.items[max]);
	return false;
}

bool cmd_line_parse(struct cmd_line *line, const struct cmd *cmd, int argc, char **argv)
{
	char letters[LETTERS_MOST];
	struct option *options;
	int value, index;

	line->cmd = cmd;
	line->format = FORMAT_TEXT;
	line->policy.arena = line->arena;
	read_gateway(line, ADDR_GATEWAY_DEFAULT);
	line->given_gateway = false;
	options = long_options(line, letters);
	opterr = 0;
	while (index = -1, (value = getopt_long(argc, argv, letters, options, &index)) != -1) {
		const char *word = argv[optind - 1];

		if (value == ':') {
			cmd_usage_error(line, "`%s` wants a value", word);
			return false;
		}
		if (value == '?')
			return unknown_option(
				line,
				optopt && optopt < OPTIONS_FIRST ? arena_printf(line->arena, "-%c", optopt) : word,
				options);
		if (!take_option(line, value, shown_option(line, options, value, index)))
			return false;
		if (line->help)
			return true;
	}
	for (; optind < argc; optind++)
		if (!take_argument(line, argv[optind]))
			return false;
	line->given_today = line->policy.today;
	options_set_today(&line->policy, time(NULL));
	return enough(line);
}
