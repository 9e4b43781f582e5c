/* The command line of a command: its name and its own words and options, from one table, together with those that every command has. */
#include "core/run_directory.h"
#include "ctl/ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COMMON_HELP = 1, COMMON_FORMAT, COMMON_WATCH, OWN_FIRST = 0x100 };
#define HELP_COLUMN 20

static const struct ctl_option watch_option = { "watch", "[=SECONDS]", "again every second, or so often" };

static const char *format_names(const struct ctl_command *command)
{
	return command->measures ? "text|json|prometheus" : "text|json";
}

/* ---- help ---- */

/* "  --for TIME          90s, 10m", what does not fit on its line on those below */
static void print_option(const struct ctl_option *option)
{
	const char *value = option->value ? option->value : "", *gap = *value && *value != '[' ? " " : "";
	const char *help = option->help;
	int width = printf("  --%s%s%s", option->name, gap, value);

	for (size_t length; help && *help; help += length + (help[length] == '\n')) {
		length = strcspn(help, "\n");
		printf("%*s%.*s\n", HELP_COLUMN + 2 - width > 2 ? HELP_COLUMN + 2 - width : 2, "", (int)length, help);
		width = 0;
	}
	if (width)
		putchar('\n');
}

void ctl_print_help(const struct ctl_command *command)
{
	const struct ctl_option format = { "format", format_names(command), NULL };

	printf("msb-ctl %s %s\n  %s\n\n%s", command->name, command->arguments, command->summary,
	       command->notes ? command->notes : "");
	for (const struct ctl_option *option = command->options; option && option->name; option++)
		print_option(option);
	if (command->watches)
		print_option(&watch_option);
	print_option(&format);
}

/* ---- reading ---- */

static bool read_watch(struct ctl_line *line, const char *value)
{
	char *end;
	double seconds = value ? strtod(value, &end) : 1;

	if ((value && (end == value || *end)) || !(seconds >= 0.1 && seconds <= 3600))
		return false;
	line->watch_ms = (unsigned)(seconds * 1000);
	return true;
}

static bool read_format(struct ctl_line *line, const char *value)
{
	static const char *const names[] = {
		[CTL_TEXT] = "text", [CTL_JSON] = "json", [CTL_PROMETHEUS] = "prometheus"
	};
	int last = line->command->measures ? CTL_PROMETHEUS : CTL_JSON;

	for (int format = CTL_TEXT; format <= last; format++)
		if (!strcmp(value, names[format])) {
			line->format = (enum ctl_format)format;
			return true;
		}
	return false;
}

struct option *ctl_option_table(struct arena *arena, const struct ctl_command *command)
{
	size_t own = 0, policy = 0, count = 0;

	while (command->options && command->options[own].name)
		own++;
	while (command->takes_policy && policy_long_options[policy].name)
		policy++;
	struct option *table = arena_alloc(arena, (own + policy + 4) * sizeof *table);
	for (size_t i = 0; i < own; i++)
		table[count++] = (struct option){ command->options[i].name,
						  command->options[i].value ? required_argument : no_argument, NULL,
						  OWN_FIRST + (int)i };
	memcpy(table + count, policy_long_options, policy * sizeof *table);
	count += policy;
	table[count++] = (struct option){ "format", required_argument, NULL, COMMON_FORMAT };
	if (command->watches)
		table[count++] = (struct option){ "watch", optional_argument, NULL, COMMON_WATCH };
	table[count++] = (struct option){ "help", no_argument, NULL, COMMON_HELP };
	table[count] = (struct option){ 0 };
	return table;
}

static enum ctl_status take_option(struct ctl_line *line, int value, const char *word)
{
	if (value == ':')
		return ctl_usage(line, "%s wants a value", word);
	if (value == COMMON_FORMAT && !read_format(line, optarg))
		return ctl_usage(line, line->command->measures ? "--format is text, json or prometheus" :
								 "--format is text or json");
	if (value == COMMON_WATCH && !read_watch(line, optarg))
		return ctl_usage(line, "--watch=SECONDS is 0.1 to 3600");
	if (value >= OWN_FIRST && value < OWN_FIRST + CTL_OPTIONS_MOST)
		line->values[value - OWN_FIRST] = optarg ? optarg : "";
	else if (line->command->takes_policy && options_take(&line->policy, value, optarg))
		line->policy_given = true;
	else if (value == '?' || value == 'p')
		return ctl_usage(line, "%s: no such option", word);
	return CTL_FINE;
}

/* The first is the sandbox's name, where the command has one */
static enum ctl_status take_words(struct ctl_line *line, int count, char **words)
{
	const struct ctl_command *command = line->command;

	if (count && command->name_is != CTL_NAME_NONE)
		line->sandbox = *words++, count--;
	if (!line->sandbox && command->name_is == CTL_NAME)
		return ctl_usage(line, "which sandbox? msb-ctl %s %s", command->name, command->arguments);
	if (line->sandbox && !run_name_valid(line->sandbox))
		return ctl_usage(line, "`%s` is no sandbox's name: 1 to 32 of a-z, 0-9 and -", line->sandbox);
	if (count && !command->takes_words)
		return ctl_usage(line, "%s: one word too many", *words);
	line->words = words;
	line->word_count = (size_t)count;
	return CTL_FINE;
}

enum ctl_status ctl_line_read(struct ctl_line *line, int argc, char **argv)
{
	const struct option *table = ctl_option_table(line->arena, line->command);
	enum ctl_status status = CTL_FINE;

	line->policy.arena = line->arena;
	opterr = 0;
	for (int value;
	     (value = getopt_long(argc, argv, line->command->takes_policy ? ":p:" : ":", table, NULL)) != -1;) {
		if (value == COMMON_HELP) {
			line->helped = true;
			ctl_print_help(line->command);
			return CTL_FINE;
		}
		status = take_option(line, value, argv[optind - 1]);
		if (status != CTL_FINE)
			return status;
	}
	return take_words(line, argc - optind, argv + optind);
}
