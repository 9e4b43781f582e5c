/* What the commands of msb-policyc share: the parsed command line, loading a policy, exit statuses.
 * Texts belong to the arena given, else to that of the line. */
#pragma once
#include "eval/eval.h"
#include "policy/options.h"

#include <stdio.h>

/* Exit statuses; of several files the greatest counts */
enum cmd_status {
	STATUS_FINE = 0,
	STATUS_NO = 1, /* errors in the policy, an expectation failed, nothing to test, a difference */
	STATUS_USAGE = 2,
	STATUS_SYSTEM = 3, /* a file or the system failed */
};

enum cmd_id {
	CMD_CHECK = 1,
	CMD_EXPLAIN = 2,
	CMD_TEST = 4,
	CMD_DIFF = 8,
	CMD_FMT = 16,
	CMD_COMPILE = 32,
	CMD_EVAL = 64,
	CMD_INIT = 128,
	CMD_SUGGEST = 256,
	CMD_REPORT = 512,
	CMD_LSP = 0x10000
};

/* A file of that name that was not there: whole, or not at all. 0 or -errno, -EEXIST among them */
int cmd_write_new(const char *path, const char *text);
/* The same, or in the place of the file that the path leads to, whose owner and mode stay: it has the old bytes or the new
 * ones. Temporary texts go to the arena. */
int cmd_write_over(struct arena *, const char *path, const char *text);

enum cmd_format {
	FORMAT_TEXT = 1,
	FORMAT_JSON = 2,
	FORMAT_SARIF = 4,
	FORMAT_GITHUB = 8,
	FORMAT_MARKDOWN = 16,
	FORMAT_TAP = 32,
	FORMAT_JUNIT = 64
};

struct cmd_words {
	const char **items;
	size_t count, cap;
};

struct cmd;

/* Options that the command at hand does not take keep their zero. */
struct cmd_line {
	struct arena *arena;
	const struct cmd *cmd;
	struct policy_options policy; /* files: --policy and plain FILE arguments, in their order */
	struct cmd_words flows;       /* arguments with an `@`, where the command takes them */
	struct cmd_words events;      /* suggest: its plain arguments */
	enum cmd_format format;
	enum color_when color;
	bool help;
	struct addr_gateway gateway; /* --gateway; without it the first of the default pools: see cmd_gateway() */
	struct cmd_words resolves, expects, disabled;
	bool ech, said_unenforced;
	const char *sni, *emit, *out_dir, *explain_id, *fail_on, *git;
	int optimise;
	bool given_today, given_gateway;
	bool batch, werror, verbose, check_only, show_diff, passes;
	long min_coverage; /* percent */
	long rule;         /* from 1; 0: none */
};

struct cmd {
	enum cmd_id id;
	const char *name, *arguments, *what; /* for the list of commands */
	int (*run)(struct cmd_line *);
	unsigned formats; /* FORMAT_ bits */
	bool takes_flows;
	size_t max_files; /* 0: any number */
	bool no_policy;   /* takes none of the policy options */
};

/* argv[0] is the command's name. Reports what is wrong to standard error; false: status 2. */
bool cmd_line_parse(struct cmd_line *, const struct cmd *, int argc, char **argv);
/* What --option-table prints of it: see options_print_table() */
void cmd_line_print_table(struct arena *, const struct cmd *);
/* "msb-policyc: error: …" to standard error; returns the status, of the first STATUS_USAGE */
int cmd_usage_error(const struct cmd_line *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int cmd_system_error(const struct cmd_line *, const char *path, int error);
/* What --help prints: the first screen, which lists the commands, and a page for each */
void cmd_help_main(FILE *, const struct cmd *, size_t count);
const char *cmd_help_page(enum cmd_id);

/* A policy as one command sees it. */
struct cmd_policy {
	struct arena *arena; /* the line's arena unless cmd_each_file() made one */
	struct sources *sources;
	struct diags *diags;
	struct policy *policy;
	const char *name; /* escaped: the file, or "command line" */
};

/* Resolves FILE (NULL: the command line alone) with the line's options; findings stay in diags. */
void cmd_policy_load(struct cmd_policy *, const struct cmd_line *, const char *file);
/* STATUS_FINE, or why diags make the policy useless: STATUS_NO, STATUS_USAGE, STATUS_SYSTEM */
int cmd_policy_status(const struct cmd_policy *);
/* Whether what was loaded may be shown; else an error is reported, and the status is STATUS_NO. */
bool cmd_policy_quotable(const struct cmd_policy *);
/* Loads; findings of errors go to standard error. STATUS_FINE: the policy can be used, and shown. */
int cmd_policy_require(struct cmd_policy *, const struct cmd_line *, const char *file);
/* Of a file that is a library: "library, 3 groups" */
const char *cmd_library_text(const struct cmd_policy *);
/* Without --gateway: where the policy puts the guest */
struct addr_gateway cmd_gateway(const struct cmd_line *, const struct policy *);
struct eval_context cmd_context(const struct cmd_line *, const struct policy *);
/* Runs `each` for every FILE, or once with NULL where there is none, in an arena of its own */
typedef int cmd_each(struct cmd_line *, struct cmd_policy *, const char *file, void *context);
int cmd_each_file(struct cmd_line *, cmd_each *, void *context);

/* A flow argument, with --resolve and --sni added. false: why is in diags. */
bool cmd_flow(const struct cmd_line *, const struct policy *, struct arena *, struct sources *, const char *text,
	      struct diags *, struct flow *out);

/* "error: no flow: write egress@github.com:tcp:443", a line for each, to standard error */
void cmd_flow_error(struct arena *, const struct diags *);

/* Says once, on standard error, that --no-server-names leaves unjudged what `sni=` or rules on names say */
void cmd_note_unenforced(struct cmd_line *);

int cmd_check(struct cmd_line *);
int cmd_compile(struct cmd_line *);
int cmd_eval(struct cmd_line *);
int cmd_test(struct cmd_line *);
int cmd_explain(struct cmd_line *);
int cmd_explain_rule(struct cmd_line *, struct cmd_policy *); /* explain --rule N */
int cmd_diff(struct cmd_line *);
int cmd_diff_git(struct cmd_line *); /* diff --git REV */
int cmd_fmt(struct cmd_line *);
int cmd_init(struct cmd_line *);
int cmd_suggest(struct cmd_line *);
int cmd_report(struct cmd_line *);
int cmd_lsp(struct cmd_line *);
