/* msb-policyc eval: verdicts, a line a flow, for programs. */
#include "cmd/cmd.h"
#include "eval/builtin.h"
#include "base/escape.h"
#include "cmd/cmd.h"
#include "explain/decision.h"
#include "policy/policy_facts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES (64u << 10)

/* One answer: its own arena, so that a batch of any length needs no more memory than its longest line. */
struct answer {
	struct cmd_line *line;
	const struct policy *policy;
	struct arena *arena;
	struct flow flow;
	struct eval_result result;
	struct diags *diags;
	const char *error; /* NULL: the flow parsed */
};

static void ask(struct answer *answer, const char *text)
{
	struct sources *sources = sources_new(answer->arena);
	struct eval_context context = cmd_context(answer->line, answer->policy);

	answer->diags = diags_new(answer->arena, sources);
	if (!cmd_flow(answer->line, answer->policy, answer->arena, sources, text, answer->diags, &answer->flow)) {
		answer->error = answer->diags->list.count ? answer->diags->list.items[0].message : "no flow";
		return;
	}
	answer->result = eval_flow(&context, &answer->flow);
	if (answer->flow.sni)
		cmd_note_unenforced(answer->line);
}

static void print_line(const struct answer *answer)
{
	struct decision decision;

	if (answer->error) {
		printf("error\t%s\n", escape_text(answer->arena, answer->error));
		return;
	}
	decision = decision_of_flow(answer->arena, answer->policy, &answer->flow, &answer->result);
	printf("%s\t%s\t%s\t%s\n", policy_action_name(answer->result.verdict.action), decision.number,
	       place_or_dash(decision.place), decision.text);
}

/* ---- JSON ---- */

static const char *const syn_names[] = {
	[EVAL_SYN_ALLOW] = "allow", [EVAL_SYN_DENY] = "deny", [EVAL_SYN_DEFER] = "defer"
};

static json_t *connection_json(const struct answer *answer, json_t *object)
{
	char text[ADDR_TEXT_MAX];

	struct addr_gateway gateway = cmd_gateway(answer->line, answer->policy);
	enum addr_class class = addr_classify(answer->result.addr, &gateway);

	json_object_set_new(object, "address", json_string(addr_format(answer->result.addr, text)));
	json_object_set_new(object, "class", json_string(addr_class_name(class)));
	if (answer->result.has_syn && answer->flow.proto == PROTO_TCP && answer->flow.direction == POLICY_EGRESS)
		json_object_set_new(object, "syn", json_string(syn_names[answer->result.syn]));
	return object;
}

static bool passes_questions(const struct answer *answer)
{
	const struct flow *flow = &answer->flow;

	return !answer->error && flow->kind == FLOW_CONNECTION && answer->result.verdict.action == POLICY_ALLOW &&
	       eval_is_dns_only(flow->direction, flow->proto, flow->has_port, flow->port);
}

static json_t *answer_json(const struct answer *answer, const char *text)
{
	json_t *object = json_object();

	json_object_set_new(object, "version", json_integer(1));
	json_object_set_new(object, "flow", json_text(answer->arena, text));
	if (answer->error) {
		json_object_set_new(object, "error", json_text(answer->arena, answer->error));
		return object;
	}
	decision_flow_json(object, answer->arena, answer->policy, &answer->flow, &answer->result);
	if (passes_questions(answer))
		json_object_set_new(object, "note", json_string(EVAL_DNS_ONLY));
	if (answer->flow.sni && !answer->policy->server_names)
		json_object_set_new(object, "serverNames", json_string("not enforced"));
	if (answer->result.has_lookup) {
		json_t *lookup = json_object();

		decision_verdict_json(lookup, answer->arena, answer->policy, answer->result.lookup, POLICY_EGRESS);
		json_object_set_new(object, "lookup", lookup);
	}
	return answer->result.has_addr ? connection_json(answer, object) : object;
}

/* ---- one flow, several, a stream of them ---- */

struct printer {
	struct cmd_line *line;
	const struct policy *policy;
	bool list; /* JSON: an array around the objects */
	size_t count;
	bool failed; /* a flow did not parse */
};

static void print_json(struct printer *printer, const struct answer *answer, const char *text)
{
	json_t *object = answer_json(answer, text);

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
		.line = printer->line, .policy = printer->policy, .arena = arena_new(), .error = error
	};

	if (!error)
		ask(&answer, text);
	if (answer.error && !printer->line->batch) {
		cmd_flow_error(answer.arena, answer.diags);
		printer->failed = true;
	} else if (printer->line->format == FORMAT_JSON) {
		print_json(printer, &answer, text);
		printer->count++;
	} else {
		print_line(&answer);
		if (!printer->line->batch && passes_questions(&answer))
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
