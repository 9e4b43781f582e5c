/* msb-policyc eval: verdicts, a line a flow, for programs. */
#include "cmd/cmd.h"
#include "base/escape.h"
#include "eval/builtin.h"
#include "explain/decision.h"
#include "explain/flow_answer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES (64u << 10)

/* One answer and its own arena, so that a batch of any length needs no more memory than its longest line. */
struct answer {
	struct cmd_line *line;
	struct arena *arena;
	struct diags *diags;
	struct flow_answer said;
};

static void ask(struct answer *answer, const char *text)
{
	struct sources *sources = sources_new(answer->arena);
	struct flow_answer *said = &answer->said;

	answer->diags = diags_new(answer->arena, sources);
	if (!cmd_flow(answer->line, said->context.policy, answer->arena, sources, text, answer->diags, &said->flow)) {
		said->error = answer->diags->list.count ? answer->diags->list.items[0].message : "no flow";
		return;
	}
	said->result = eval_flow(&said->context, &said->flow);
	if (said->flow.sni)
		cmd_note_unenforced(answer->line);
}

static void print_line(const struct answer *answer)
{
	const struct flow_answer *said = &answer->said;
	struct decision decision;

	if (said->error) {
		printf("error\t%s\n", escape_text(answer->arena, said->error));
		return;
	}
	decision = decision_of_flow(answer->arena, said->context.policy, &said->flow, &said->result);
	printf("%s\t%s\t%s\t%s\n", policy_action_name(said->result.verdict.action), decision.number,
	       place_or_dash(decision.place), decision.text);
}

/* ---- one flow, several, a stream of them ---- */

struct printer {
	struct cmd_line *line;
	const struct policy *policy;
	bool list; /* JSON: an array around the objects */
	size_t count;
	bool failed; /* a flow did not parse */
};

static void print_json(struct printer *printer, const struct answer *answer)
{
	json_t *object = flow_answer_json(answer->arena, &answer->said);

	if (printer->list)
		fputs(printer->count ? ",\n" : "[\n", stdout);
	json_dumpf(object, stdout,
		   JSON_PRESERVE_ORDER | JSON_ENSURE_ASCII | (printer->list ? JSON_COMPACT : JSON_INDENT(2)));
	if (!printer->list)
		putchar('\n');
	json_decref(object);
}

/* error: known already why `text` is no flow, or NULL */
static void print_answer(struct printer *printer, const char *text, const char *error)
{
	struct answer answer = {
		.line = printer->line,
		.arena = arena_new(),
		.said = { .context = cmd_context(printer->line, printer->policy), .text = text, .error = error }
	};

	if (!error)
		ask(&answer, text);
	if (answer.said.error && !printer->line->batch) {
		cmd_flow_error(answer.arena, answer.diags);
		printer->failed = true;
	} else if (printer->line->format == FORMAT_JSON) {
		print_json(printer, &answer);
		printer->count++;
	} else {
		print_line(&answer);
		if (!printer->line->batch && flow_answer_is_dns_only(&answer.said))
			fprintf(stderr, "note: %s\n", EVAL_DNS_ONLY);
	}
	arena_free(answer.arena);
}

/* A line without its end; one that is too long is read to its end and cut. false at the end of the input. */
static bool read_line(FILE *in, char *line, bool *too_long)
{
	size_t len = 0;
	int c;

	*too_long = false;
	while ((c = getc(in)) != EOF && c != '\n') {
		if (len + 1 < LINE_MAX_BYTES)
			line[len++] = c ? (char)c : ' ';
		else
			*too_long = true;
	}
	if (len && line[len - 1] == '\r')
		len--;
	line[len] = '\0';
	return c != EOF || len || *too_long;
}

static int print_batch(struct printer *printer)
{
	char *line = malloc(LINE_MAX_BYTES);
	bool too_long;

	if (!line)
		return STATUS_SYSTEM;
	setvbuf(stdout, NULL, _IOLBF, 0);
	while (read_line(stdin, line, &too_long))
		print_answer(printer, too_long ? "" : line, too_long ? "a line of more than 64 KiB" : NULL);
	free(line);
	if (ferror(stdin)) {
		fprintf(stderr, "msb-policyc: error: standard input: %s\n", strerror(errno));
		return STATUS_SYSTEM;
	}
	return STATUS_FINE;
}

static int eval_policy(struct cmd_line *line, struct cmd_policy *loaded, const char *file, void *unused)
{
	struct printer printer = { .line = line };
	int status = cmd_policy_require(loaded, line, file);

	(void)unused;
	if (status != STATUS_FINE)
		return status;
	printer.policy = loaded->policy;
	if (line->batch)
		eval_prepare(loaded->policy);
	printer.list = line->batch || line->flows.count > 1;
	for (size_t i = 0; i < line->flows.count; i++)
		print_answer(&printer, line->flows.items[i], NULL);
	if (line->batch)
		status = print_batch(&printer);
	if (printer.list && line->format == FORMAT_JSON)
		puts(printer.count ? "\n]" : "[]");
	return printer.failed ? STATUS_USAGE : status;
}

int cmd_eval(struct cmd_line *line)
{
	if (!line->flows.count && !line->batch)
		return cmd_usage_error(line, "no flow to judge: egress@github.com:tcp:443, or --batch");
	if (line->flows.count && line->batch)
		return cmd_usage_error(line, "--batch reads the flows from standard input; `%s` cannot be given too",
				       line->flows.items[0]);
	if (line->batch && line->policy.files.count && source_is_stdin(line->policy.files.items[0]))
		return cmd_usage_error(line, "standard input cannot be the policy and the batch");
	return cmd_each_file(line, eval_policy, NULL);
}
