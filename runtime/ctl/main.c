/* msb-ctl: a table of commands. */
#include "core/log.h"
#include "core/memory.h"
#include "ctl/ctl.h"
#include "diag/diag.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define GRANT_TIME "90s, 10m, 2h, 1h30m; 24h at most"

static const struct ctl_option grant_options[] = {
	[GRANT_FOR] = { "for", "TIME", GRANT_TIME ": it ends by itself.\nThe same again: a new end" },
	{ 0 },
};
static const struct ctl_option answer_options[] = {
	[ANSWER_FOR] = { "for", "TIME", GRANT_TIME },
	[ANSWER_RULE] = { "rule", "RULE", "instead of the one that `pending` shows" },
	{ 0 },
};
static const struct ctl_option events_options[] = {
	[EVENTS_FOLLOW] = { "follow", NULL, "from now on, until the sandbox ends; without:\nthe last ones" },
	{ 0 },
};
static const struct ctl_option gc_options[] = {
	[GC_DRY_RUN] = { "dry-run", NULL, "only says what it would remove" },
	{ 0 },
};
static const struct ctl_option reload_options[] = {
	[RELOAD_DRY_RUN] = { "dry-run", NULL, "only say what would change" },
	{ 0 },
};
static const struct ctl_option serve_options[] = {
	[SERVE_LISTEN] = { "listen", "ADDRESS:PORT", "127.0.0.1:9471; GET /metrics" },
	{ 0 },
};
static const struct ctl_option stats_options[] = {
	[STATS_OUTPUT] = { "output", "FILE",
			   "prometheus: into FILE, which is replaced at once,\nfor a textfile collector" },
	{ 0 },
};
static const struct ctl_option stop_options[] = {
	[STOP_KILL] = { "kill", NULL, "by force, where it does not end" },
	[STOP_WAIT] = { "wait", "S", "so many seconds for the command to end by itself: 10" },
	{ 0 },
};

static const struct ctl_command commands[] = {
	{ "ps", "", "all sandboxes of this host", ctl_ps, CTL_NAME_NONE, .watches = true },
	{ "status", "NAME", "its rules, what they decided, bindings, flows", ctl_show_status, .watches = true },
	{ "explain", "NAME FLOW...", "would this pass now, and by which rule", ctl_explain, .takes_words = true,
	  .notes = "  FLOW as of msb-policyc explain: egress@github.com:tcp:443, dns@pypi.org;\n"
		   "  names have the addresses that the sandbox was given for them, unless\n"
		   "  resolve= says others\n\n" },
	{ "reload", "NAME [policy options]", "another policy, or its files as they are now", ctl_reload,
	  .takes_words = true, .takes_policy = true, .options = reload_options,
	  .notes = "  policy options as of msb-run: --policy FILE, --net-rule RULES, … Without\n"
		   "  any: the same again, the files as they are now. Floors and the deployment\n"
		   "  profile stay as they are. Says what that changes.\n\n" },
	{ "allow", "NAME RULE --for 10m", "a rule in front of the policy, for a time", ctl_allow, .takes_words = true,
	  .options = grant_options },
	{ "deny", "NAME RULE --for 10m", "likewise a rule that denies", ctl_deny, .takes_words = true,
	  .options = grant_options },
	{ "revoke", "NAME ID|RULE", "ends such a rule early: `status` lists them", ctl_revoke, .takes_words = true },
	{ "pending", "NAME", "what waits for an answer, with --ask", ctl_pending, .watches = true },
	{ "answer", "NAME ID allow|deny|once", "answers it, by a rule in front of the policy", ctl_answer,
	  .takes_words = true, .options = answer_options,
	  .notes = "  allow, deny: until the sandbox ends, for 24h at most; once: that one\n"
		   "  connection, should it come within 60s\n\n" },
	{ "events", "NAME [--follow]", "what it denied, and what else it reports", ctl_events,
	  .options = events_options },
	{ "stop", "NAME [--kill]", "end it", ctl_stop, .options = stop_options },
	{ "stats", "[NAME]", "its counters: traffic, rules, DNS, events", ctl_stats, CTL_NAME_MAY, .watches = true,
	  .measures = true, .options = stats_options,
	  .notes = "  --format prometheus: of NAME, or of all sandboxes, text format 0.0.4\n\n" },
	{ "serve-metrics", "", "counters of all, by HTTP, for Prometheus", ctl_serve_metrics, CTL_NAME_NONE,
	  .options = serve_options },
	{ "gc", "", "removes what killed sandboxes left", ctl_gc, CTL_NAME_NONE, .options = gc_options },
	{ "doctor", "", "whether this host can run them; what to do", ctl_doctor, CTL_NAME_NONE },
};
#define COMMAND_COUNT (sizeof commands / sizeof *commands)

static void print_help(void)
{
	struct arena *arena = arena_new();

	puts("msb-ctl COMMAND: see and change sandboxes that run\n");
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		printf("  %-31s  %s\n", arena_printf(arena, "%s %s", commands[i].name, commands[i].arguments),
		       commands[i].summary);
	arena_free(arena);
	puts("\n"
	     "  --format text|json   a table, or one JSON object (docs/control.md)\n"
	     "  --watch[=SECONDS]    again every second, or so often\n"
	     "  --help, --version    msb-ctl COMMAND --help has a command's own options\n"
	     "\n"
	     "For root; for others where the sandbox was started with --control-group and\n"
	     "they are in that group.\n"
	     "Status: 0 fine, 1 the answer is no, 2 usage, 3 the system failed or\n"
	     "no such sandbox. See: man msb-ctl");
}

/* What completions are made from */
static void print_option_table(struct arena *arena)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		printf("command\t%s\t%s\n", commands[i].name, commands[i].summary);
		options_print_table(commands[i].name, ctl_option_table(arena, &commands[i]));
	}
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

static enum ctl_status run(struct ctl_line *line, int argc, char **argv)
{
	line->command = find_command(argv[0]);
	if (!line->command)
		return no_command(line, argv[0]);
	enum ctl_status status = ctl_line_read(line, argc, argv);
	return status != CTL_FINE || line->helped ? status : line->command->run(line);
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	log_name("msb-ctl");
	memory_end_with(CTL_FAILED);
	struct arena *arena = arena_new();
	struct ctl_line line = { .arena = arena };
	enum ctl_status status = CTL_FINE;

	if (argc < 2)
		status = ctl_usage(&line, "which command?");
	else if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "help"))
		print_help();
	else if (!strcmp(argv[1], "--version"))
		puts("msb-ctl " MSB_VERSION);
	else if (!strcmp(argv[1], "--option-table"))
		print_option_table(arena);
	else
		status = run(&line, argc - 1, argv + 1);
	arena_free(arena);
	return fflush(stdout) && status == CTL_FINE ? CTL_FAILED : (int)status;
}
