/* msb-ctl: one table of commands, each of which gets what the command line says and ends with a status. */
#pragma once
#include "base/arena.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit statuses: fine; the answer is no; a command line that makes no sense; the system failed, or there is no such sandbox */
enum ctl_status { CTL_FINE, CTL_NO, CTL_USAGE, CTL_FAILED };

enum ctl_format { CTL_TEXT, CTL_JSON, CTL_PROMETHEUS };

struct ctl_line {
	const struct ctl_command *command;
	struct arena *arena;
	enum ctl_format format;
	const char *sandbox; /* NAME, valid; NULL where the command has none */
	int argc;            /* what is behind it, options of the command's own included, … */
	char **argv;         /* … with the command's name as argv[0], as for getopt_long() */
	unsigned watch_ms;   /* 0: once */
};

struct ctl_command {
	const char *name, *arguments, *summary;
	enum ctl_status (*run)(struct ctl_line *);
	const char *help; /* its own options, lines "  --x  …\n"; NULL: none */
	bool no_name;     /* the first argument is no sandbox */
	bool watches;     /* --watch is for it */
	bool measures;    /* and --format prometheus */
	bool own_options; /* takes options behind NAME, by getopt_long() of its own; --format and --help are taken out before */
};

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
