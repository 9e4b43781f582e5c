/* msb-ctl: one table of commands, each of which gets what the command line says and ends with a status. */
#pragma once
#include "policy/options.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit statuses: fine; the answer is no; a command line that makes no sense; the system failed, or there is no such sandbox */
enum ctl_status { CTL_FINE, CTL_NO, CTL_USAGE, CTL_FAILED };

enum ctl_format { CTL_TEXT, CTL_JSON, CTL_PROMETHEUS };

/* One of a command's own */
struct ctl_option {
	const char *name, *value; /* what --help calls its value; NULL: it has none */
	const char *help;         /* lines */
};
#define CTL_OPTIONS_MOST 4

struct ctl_line {
	const struct ctl_command *command;
	struct arena *arena;
	enum ctl_format format;
	const char *sandbox; /* NAME, valid; NULL where the command has none */
	char **words;        /* what is behind it, … */
	size_t word_count;
	const char *values
		[CTL_OPTIONS_MOST];   /* … and its options' values by their index; NULL: not given; "": it has none */
	struct policy_options policy; /* those of a policy, where it takes them */
	bool policy_given;
	unsigned watch_ms; /* 0: once */
	bool helped;       /* --help: all is said */
	bool tells;        /* `reload`: the sandbox is told of a file with errors, too, for its events */
};

enum ctl_name { CTL_NAME, CTL_NAME_MAY, CTL_NAME_NONE };

struct ctl_command {
	const char *name, *arguments, *summary;
	enum ctl_status (*run)(struct ctl_line *);
	enum ctl_name name_is;            /* whether its first word is a sandbox's name */
	bool watches;                     /* --watch is for it */
	bool measures;                    /* and --format prometheus */
	bool takes_words;                 /* behind NAME */
	bool takes_policy;                /* the policy options, among its own */
	const struct ctl_option *options; /* ends with a zero entry; NULL: none of its own */
	const char *notes;                /* lines above the options */
};

/* What --help prints of a command */
void ctl_print_help(const struct ctl_command *);
/* All options that it takes, for getopt_long() */
struct option *ctl_option_table(struct arena *, const struct ctl_command *);
/* argv[0] is the command's name; the command is set. What is wrong is said. */
enum ctl_status ctl_line_read(struct ctl_line *, int argc, char **argv);

enum { GRANT_FOR };
enum { ANSWER_FOR, ANSWER_RULE };
enum { EVENTS_FOLLOW };
enum { GC_DRY_RUN };
enum { RELOAD_DRY_RUN };
enum { SERVE_LISTEN };
enum { STATS_OUTPUT };
enum { STOP_KILL, STOP_WAIT };

/* "msb-ctl: error: …" and "  help: …" on standard error, bytes that could steer a terminal escaped; CTL_FAILED and CTL_USAGE */
enum ctl_status ctl_fail(struct ctl_line *, const char *help, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
enum ctl_status ctl_usage(struct ctl_line *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Prints it as one line, with "version" where it is an object; takes it over. CTL_FINE, or CTL_FAILED where nobody takes it */
enum ctl_status ctl_print_json(struct ctl_line *, json_t *);
/* The command of a line with a sandbox, asked, answered and printed: for those who only pass on. NULL: *status is why, said. */
json_t *ctl_ask(struct ctl_line *, json_t *request, enum ctl_status *);

/* Once, or, with --watch, again and again on a screen that is wiped before */
enum ctl_status ctl_repeat(struct ctl_line *, enum ctl_status (*once)(struct ctl_line *));

/* "allow@x" of the action `allow`; what says no action gets that one; NULL: it says another */
const char *ctl_grant_rule(struct ctl_line *, const char *action, const char *word);
/* "10m", "90s", "1h30m": 24 hours at most */
bool ctl_read_grant_time(struct arena *, const char *text, uint64_t *for_ms);

enum ctl_status ctl_ps(struct ctl_line *);
enum ctl_status ctl_show_status(struct ctl_line *);
enum ctl_status ctl_explain(struct ctl_line *);
enum ctl_status ctl_reload(struct ctl_line *);
enum ctl_status ctl_allow(struct ctl_line *);
enum ctl_status ctl_deny(struct ctl_line *);
enum ctl_status ctl_revoke(struct ctl_line *);
enum ctl_status ctl_pending(struct ctl_line *);
enum ctl_status ctl_answer(struct ctl_line *);
enum ctl_status ctl_events(struct ctl_line *);
enum ctl_status ctl_stop(struct ctl_line *);
enum ctl_status ctl_stats(struct ctl_line *);
enum ctl_status ctl_serve_metrics(struct ctl_line *);
enum ctl_status ctl_gc(struct ctl_line *);
enum ctl_status ctl_doctor(struct ctl_line *);
