/* Can this host run sandboxes? Checks, each a row of a table: what it tries for real, and what to do where that fails. A check runs
 * in a process of its own, most of them in throw-away namespaces, which the kernel takes away with it however it ends: nothing is
 * left on the host but kernel modules that it loaded by itself, as it would for a sandbox. */
#pragma once
#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum doctor_state {
	DOCTOR_OK,
	DOCTOR_NOTE,    /* sandboxes run; something is less than it could be, or good to know */
	DOCTOR_PROBLEM, /* sandboxes do not run, or have no network */
};
extern const char *const doctor_state_names[DOCTOR_PROBLEM + 1];

#define DOCTOR_TEXT_MAX 240 /* bytes, with their end: longer texts are cut */
#define DOCTOR_HELP_MAX 24  /* lines */

/* What a check has found. Written by its process, in memory that it shares with ours. */
struct doctor_finding {
	enum doctor_state state;
	char text[DOCTOR_TEXT_MAX];
	char help[DOCTOR_HELP_MAX]
		 [DOCTOR_TEXT_MAX]; /* what to do, a line each; "  " before what belongs to the line above */
	size_t help_count;
};

struct doctor_check;
typedef void doctor_run(const struct doctor_check *, struct doctor_finding *);

struct doctor_check {
	const char *name;
	doctor_run *run;
	const char *help;    /* what to do where it is not ok, behind what the check itself says; or NULL */
	uint64_t namespaces; /* CLONE_NEW…: the throw-away ones it runs in */
	const void *of;      /* what else the function is to know: of its own file */
};
struct doctor_group {
	const struct doctor_check *checks;
	size_t count;
};
extern const struct doctor_group doctor_kernel, doctor_features, doctor_host, doctor_guest;

/* doctor_try.c: how a check says what it has found; the last call counts */
void doctor_say(struct doctor_finding *, enum doctor_state, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void doctor_help(struct doctor_finding *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* -errno as a problem: "cannot WHAT: why" */
void doctor_fail(struct doctor_finding *, const char *what, int error);

/* doctor_try.c: one check, bounded in time. 0, or -errno where no process can be made for it */
int doctor_try(const struct doctor_check *, struct doctor_finding *out);
/* All of them, in order; 0 or -errno as doctor_try(). `each` keeps no pointer. */
int doctor_all(void (*each)(const struct doctor_check *, const struct doctor_finding *, void *), void *context);

/* doctor_cgroups.c, doctor_neighbours.c: checks of doctor_host's */
doctor_run doctor_cgroups, doctor_neighbours;

/* doctor_modules.c: a line on how to get that module of the kernel: loaded, there to be loaded, or not built at all; `config` is the
 * kernel's option for it. */
void doctor_help_module(struct doctor_finding *, const char *module, const char *config);

/* doctor_print.c: what is printed, in two formats, line by line or at once */
struct doctor_report {
	FILE *to;
	bool json;
	struct arena *arena;
	size_t counts[DOCTOR_PROBLEM + 1];
	void *checks; /* json_t *, an array; NULL: none yet */
};
void doctor_print(const struct doctor_check *, const struct doctor_finding *, void *report);
/* The last line, or all of the JSON. 0, or -errno where it could not be written */
int doctor_print_end(struct doctor_report *);
