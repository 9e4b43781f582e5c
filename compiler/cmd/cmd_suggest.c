/* msb-policyc suggest: what a run was denied, as rules and expectations to paste. */
#include "cmd/cmd.h"
#include "explain/decision.h"
#include "denied/denied.h"
#include "base/escape.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct run {
	struct cmd_line *line;
	struct denied *denied;
	bool given; /* --policy or options */
};

/* ---- files ---- */

static int read_events(struct run *run, FILE *in, const char *shown)
{
	struct events_reader reader;
	struct event_line event;
	bool more = true;
	int status = STATUS_FINE;

	events_reader_open(&reader, in);
	while (more) {
		struct arena *arena = arena_new();

		more = events_reader_next(&reader, arena, &event);
		if (more)
			denied_take(run->denied, arena, &event);
		else if (reader.error) {
			fprintf(stderr, "%s:%zu: error: %s\n", shown, event.number,
				escape_text(run->line->arena, reader.error));
			status = STATUS_NO;
		} else if (ferror(in)) {
			status = cmd_system_error(run->line, shown, -errno);
		}
		arena_free(arena);
	}
	events_reader_close(&reader);
	return status;
}

static int read_file(struct run *run, const char *path)
{
	bool standard = !strcmp(path, "-");
	FILE *in = standard ? stdin : fopen(path, "re");
	int status;

	if (!in)
		return cmd_system_error(run->line, path, -errno);
	status = read_events(run, in, standard ? "<stdin>" : escape_text(run->line->arena, path));
	if (!standard)
		fclose(in);
	return status;
}

/* ---- what is said about it ---- */

static void print_rules(const struct run *run)
{
	const struct denied *denied = run->denied;
	struct arena *arena = run->line->arena;

	for (size_t i = 0; i < denied->rules.count; i++) {
		const struct denied_rule *rule = &denied->rules.items[i];
		struct eval_verdict verdict = { POLICY_DENY, decided_by_rule(rule->rule) };
		struct decision decision = decision_of(arena, denied->context.policy, verdict, rule->direction);

		fprintf(stderr, "  %s: %s denies %zu, the first %s\n", place_or_dash(decision.place), decision.text,
			rule->count, escape_text(arena, rule->flow));
	}
}

static void print_counts(const struct run *run)
{
	const struct denied *denied = run->denied;
	const struct {
		size_t count;
		const char *what;
	} counts[] = {
		{ denied->allowed, "the policy allows already" },
		{ denied->denied, "a rule of the policy denies, which is meant" },
		{ denied->not_offered, "of which none is offered: a rule denies it, or none should allow it" },
		{ denied->fragment.more, "more than 4096 different rules would be needed" },
		{ denied->limits, "refused by a limit, which no rule raises" },
		{ denied->rebinds, "answers held back by rebind protection" },
		{ denied->lost, "events were lost: the list is incomplete" },
	};

	fprintf(stderr, "msb-policyc: %zu denial%s\n", denied->denials, denied->denials == 1 ? "" : "s");
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
		if (counts[i].count)
			fprintf(stderr, "  %5zu %s\n", counts[i].count, counts[i].what);
	print_rules(run);
}

static int print_fragment(struct run *run)
{
	const char *text;

	if (!fragment_text(&run->denied->fragment, &text)) {
		fputs("msb-policyc: error: the rules do not read back as what they were made for; none is printed\n",
		      stderr);
		return STATUS_SYSTEM;
	}
	if (run->denied->fragment.count)
		puts("# What was denied, as rules. Whoever ran in the sandbox chose what it tried: keep what it needs.");
	fputs(text, stdout);
	return STATUS_FINE;
}

/* ---- the command ---- */

static bool has_policy(const struct policy_options *options)
{
	return options->files.count || options->rules.count || options->nets.count || options->net_default ||
	       options->net_default_egress || options->net_default_ingress || options->no_net;
}

static int suggest(struct cmd_line *line, struct cmd_policy *loaded, const char *file, void *context)
{
	struct run *run = context;
	int status = cmd_policy_require(loaded, line, file), worst;

	if (status != STATUS_FINE)
		return status;
	struct eval_context with = cmd_context(line, loaded->policy);
	run->denied = denied_new(loaded->arena, &with, run->given);
	for (size_t i = 0; i < line->events.count; i++) {
		worst = read_file(run, line->events.items[i]);
		status = worst > status ? worst : status;
	}
	if (status != STATUS_FINE)
		return status;
	print_counts(run);
	return print_fragment(run);
}

int cmd_suggest(struct cmd_line *line)
{
	struct run run = { .line = line, .given = has_policy(&line->policy) };

	if (!line->events.count)
		return cmd_usage_error(line, "no events: msb-policyc suggest FILE, as msb-run --events FILE wrote it");
	for (size_t i = 0; i < line->events.count; i++)
		if (fnmatch("*.msb", line->events.items[i], 0) == 0)
			return cmd_usage_error(line, "%s is a policy, not what a run recorded: --policy %s",
					       line->events.items[i], line->events.items[i]);
	if (!run.given)
		line->policy.no_net = true; /* nothing is allowed yet */
	return cmd_each_file(line, suggest, &run);
}
