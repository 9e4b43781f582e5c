/* msb-ctl: a table of commands. */
#include "core/run_directory.h"
#include "ctl/ctl.h"
#include "diag/diag.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WATCH_MS 1000

static const struct ctl_command commands[] = {
	{ "ps", "", "all sandboxes of this host", ctl_ps, .no_name = true, .watches = true },
	{ "status", "NAME", "its rules and what they decided, bindings, limits, flows", ctl_show_status,
	  .watches = true },
	{ "explain", "NAME FLOW...", "would this pass now, and by which rule", ctl_explain,
	  "  FLOW as of msb-policyc explain: egress@github.com:tcp:443, dns@pypi.org; names have the addresses that the\n"
	  "  sandbox was given for them, unless resolve= says others\n",
	  .own_options = true },
	{ "reload", "NAME [policy options]", "another policy, or its files as they are now; what that changes",
	  ctl_reload, .own_options = true,
	  .help = "  --dry-run            only say what would change\n"
		  "  policy options as of msb-run: --policy FILE, --net-rule RULES, … Without any: the same again,\n"
		  "  the files as they are now. Floors and the deployment profile stay as they are.\n" },
	{ "allow", "NAME RULE --for 10m", "a rule in front of the policy, for a time", ctl_allow, .own_options = true,
	  .help = "  --for TIME           90s, 10m, 2h, 1h30m; 24h at most: it ends by itself. The same again: a new end\n" },
	{ "deny", "NAME RULE --for 10m", "likewise a rule that denies", ctl_deny, .own_options = true,
	  .help = "  --for TIME           90s, 10m, 2h, 1h30m; 24h at most: it ends by itself. The same again: a new end\n" },
	{ "revoke", "NAME ID|RULE", "ends such a rule early: `status` lists them", ctl_revoke, .own_options = true },
	{ "pending", "NAME", "what waits for an answer, of a sandbox with --ask", ctl_pending, .watches = true },
	{ "answer", "NAME ID allow|deny|once", "answers it, by a rule in front of the policy", ctl_answer,
	  .own_options = true,
	  .help = "  allow, deny    until the sandbox ends, for 24h at most\n"
		  "  once           that one connection, should it come within 60s\n"
		  "  --for TIME     90s, 10m, 2h, 1h30m; 24h at most\n"
		  "  --rule RULE    instead of the one that `pending` shows\n" },
	{ "events", "NAME [--follow]", "what it denied, and what else it reports", ctl_events,
	  "  --follow   from now on, until the sandbox ends; without: the last ones\n", .own_options = true },
	{ "stop", "NAME [--kill]", "end it", ctl_stop,
	  "  --wait S   so many seconds for the command to end by itself: 10\n"
	  "  --kill     by force, where it does not\n",
	  .own_options = true },
	{ "stats", "[NAME]", "what it has counted: traffic, rules, DNS, events", ctl_stats,
	  "  --format prometheus  of NAME, or of all sandboxes: text format 0.0.4\n"
	  "  --output FILE        into FILE, which is replaced at once: for a textfile collector\n",
	  .no_name = true, .watches = true, .own_options = true, .measures = true },
	{ "serve-metrics", "", "a scrape of all sandboxes for Prometheus, by HTTP", ctl_serve_metrics,
	  "  --listen ADDRESS:PORT  127.0.0.1:9471; GET /metrics\n", .no_name = true, .own_options = true },
	{ "gc", "", "removes what killed sandboxes left", ctl_gc, "  --dry-run  only says what it would remove\n",
	  .no_name = true, .own_options = true },
	{ "doctor", "", "whether this host can run sandboxes, and what to do where not", ctl_doctor, .no_name = true },
};
#define COMMAND_COUNT (sizeof commands / sizeof *commands)

static void print_help(void)
{
	puts("msb-ctl: see and change sandboxes that run\n");
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		printf("  msb-ctl %-13s %-24s %s\n", commands[i].name, commands[i].arguments, commands[i].summary);
	puts("\n"
	     "  --format text|json   a table, or one JSON object: docs/control.md, control.schema.json\n"
	     "  --watch[=SECONDS]    again every second, or so often\n"
	     "  --help, --version    msb-ctl COMMAND --help has a command's own options\n"
	     "\n"
	     "For root; for others where the sandbox was started with --control-group and they are in that group.\n"
	     "Status: 0 fine, 1 the answer is no, 2 usage, 3 the system failed or no such sandbox. See: man msb-ctl");
}

static enum ctl_status print_command_help(const struct ctl_command *command)
{
	printf("msb-ctl %s %s\n  %s\n\n%s%s  --format text|json\n", command->name, command->arguments, command->summary,
	       command->help ? command->help : "", command->watches ? "  --watch[=SECONDS]\n" : "");
	return CTL_FINE;
}

static const struct ctl_command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static enum ctl_status no_command(struct ctl_line *line, const char *word)
{
	const char *names[COMMAND_COUNT + 1] = { NULL };

	for (size_t i = 0; i < COMMAND_COUNT; i++)
		names[i] = commands[i].name;
	const char *near = diag_nearest(word, names);
	return near ? ctl_usage(line, "no such command: `%s`; did you mean `%s`?", word, near) :
		      ctl_usage(line, "no such command: `%s`", word);
}

static bool read_watch(struct ctl_line *line, const char *value)
{
	char *end;
	double seconds = value ? strtod(value, &end) : 1;

	if ((value && (end == value || *end)) || !(seconds >= 0.1 && seconds <= 3600))
		return false;
	line->watch_ms = (unsigned)(seconds * WATCH_MS);
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

/* Takes one of the options that all commands have; false: it is none. *wrong: what is wrong with it */
static bool take_option(struct ctl_line *line, char **argv, int *at, const char **wrong)
{
	const char *word = argv[*at], *value = NULL;

	if (!strcmp(word, "--format") && argv[*at + 1])
		value = argv[++*at];
	else if (!strncmp(word, "--format=", 9))
		value = word + 9;
	if (value) {
		if (!read_format(line, value))
			*wrong = line->command->measures ? "--format is text, json or prometheus" :
							   "--format is text or json";
		return true;
	}
	if (!line->command->watches || strncmp(word, "--watch", 7) || (word[7] && word[7] != '='))
		return false;
	if (!read_watch(line, word[7] ? word + 8 : NULL))
		*wrong = "--watch=SECONDS is 0.1 to 3600";
	return true;
}

/* What is left of the words for the command, behind its name; NULL: *status, said */
static char **take_words(struct ctl_line *line, char **argv, enum ctl_status *status)
{
	size_t count = 0;
	while (argv[count])
		count++;
	char **left = arena_alloc(line->arena, (count + 2) * sizeof *left);
	const char *wrong = NULL;

	left[line->argc++] = argv[0];
	for (int at = 1; argv[at] && !wrong; at++) {
		if (!strcmp(argv[at], "--help")) {
			*status = print_command_help(line->command);
			return NULL;
		}
		if (take_option(line, argv, &at, &wrong))
			continue;
		if (*argv[at] == '-' && !line->command->own_options)
			wrong = arena_printf(line->arena, "%s: no such option", argv[at]);
		else if (!line->command->no_name && !line->sandbox && *argv[at] != '-')
			line->sandbox = argv[at];
		else
			left[line->argc++] = argv[at];
	}
	if (!wrong)
		return left;
	*status = ctl_usage(line, "%s", wrong);
	return NULL;
}

static enum ctl_status run(struct ctl_line *line, char **argv)
{
	enum ctl_status status = CTL_FINE;

	line->command = find_command(argv[0]);
	if (!line->command)
		return no_command(line, argv[0]);
	line->argv = take_words(line, argv, &status);
	if (!line->argv)
		return status;
	if (!line->command->no_name && !line->sandbox)
		return ctl_usage(line, "which sandbox? msb-ctl %s %s", line->command->name, line->command->arguments);
	if (line->sandbox && !run_name_valid(line->sandbox))
		return ctl_usage(line, "`%s` is no sandbox's name: 1 to 32 of a-z, 0-9 and -", line->sandbox);
	if (line->argc > 1 && !line->command->own_options)
		return ctl_usage(line, "%s: one word too many", line->argv[1]);
	return line->command->run(line);
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	arena_on_exhaustion(CTL_FAILED);
	struct arena *arena = arena_new();
	struct ctl_line line = { .arena = arena };
	enum ctl_status status = CTL_FINE;

	if (argc < 2)
		status = ctl_usage(&line, "which command?");
	else if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "help"))
		print_help();
	else if (!strcmp(argv[1], "--version"))
		puts("msb-ctl " MSB_VERSION);
	else
		status = run(&line, argv + 1);
	arena_free(arena);
	return fflush(stdout) && status == CTL_FINE ? CTL_FAILED : (int)status;
}
