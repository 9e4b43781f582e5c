/* msb-policyc suggest: what a run was denied, as rules and expectations to paste. Who was denied chose what it tried, so
 * each rule is the narrowest that lets it pass (eval/suggest), and what none should allow is only counted. */
#include "cmd/cmd.h"
#include "cmd/events_read.h"
#include "cmd/suggest_fragment.h"
#include "base/escape.h"
#include "base/name.h"
#include "policy/flow.h"
#include "policy/policy_facts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REASONS_MOST 20 /* lines that deny; the rest is counted */

struct reason_count {
	const char *place, *text, *flow; /* flow: the first it denied */
	size_t count;
};

struct run {
	struct cmd_line *line;
	const struct policy *policy;
	struct eval_context context;
	bool given; /* --policy or options: judge anew; else events are taken at their word */
	struct fragment fragment;
	struct {
		struct reason_count *items;
		size_t count, cap;
	} reasons;
	size_t denials, allowed, denied, not_offered, limits, rebinds, lost;
};

/* ---- one denial ---- */

static void count_reason(struct run *run, const struct event_line *event, const char *place, const char *text)
{
	struct arena *arena = run->line->arena;

	run->denied++;
	for (size_t i = 0; i < run->reasons.count; i++)
		if (!strcmp(run->reasons.items[i].place, place) && !strcmp(run->reasons.items[i].text, text)) {
			run->reasons.items[i].count++;
			return;
		}
	if (run->reasons.count < REASONS_MOST)
		*arena_push(arena, &run->reasons) =
			(struct reason_count){ arena_strdup(arena, place), arena_strdup(arena, text),
					       arena_strdup(arena, event->flow), 1 };
}

/* What it is bound to, where the event says so in a form that a rule has too */
static const char *bound_name(struct arena *arena, const struct event_line *event)
{
	const char *why, *name = event->name ? name_from_rule(arena, event->name, &why) : NULL;

	return name && !strcmp(name, event->name) ? name : NULL;
}

static void add_binding(struct arena *arena, struct flow *flow, const char *name)
{
	struct flow_binding *binding = arena_push(arena, &flow->resolve);

	binding->name = name;
	*arena_push(arena, &binding->addrs) = flow->addr;
}

static struct eval_connection connection_of(const struct flow *flow)
{
	return (struct eval_connection){ .direction = flow->direction,
					 .proto = flow->proto,
					 .addr = flow->addr,
					 .has_port = flow->has_port,
					 .port = flow->port };
}

/* A verdict by the policy given, else the event's own */
static struct eval_verdict judge(const struct run *run, const struct eval_context *context, const struct flow *flow,
				 const struct event_line *event)
{
	struct eval_connection connection = connection_of(flow);

	if (!run->given)
		return (struct eval_verdict){
			POLICY_DENY, { !strcmp(event->decided_by, "default") ? DECIDER_DEFAULT : DECIDER_REFUSED, 0 }
		};
	return flow->kind == FLOW_DNS ? eval_dns(context, flow->name, flow->transport) :
					eval_connection(context, &connection);
}

/* As a rule writes it: a name without a dot would be a keyword or a group */
static const char *target_text(struct arena *arena, const struct flow *flow, const char *name)
{
	struct policy_target target = { .kind = TARGET_DOMAIN, .name = name };
	char text[ADDR_TEXT_MAX];

	return name ? policy_target_format(arena, &target) :
		      arena_strdup(arena, addr_format_bracketed(flow->addr, text));
}

static const char *expectation(struct arena *arena, const struct fragment_item *item, const struct flow *flow)
{
	const char *target = item->name ? item->name : item->target;

	if (item->rank == SUGGEST_LOOKUP)
		return arena_printf(arena, "dns@%s:%s", target, item->proto);
	return arena_printf(arena, item->has_port ? "%s@%s:%s:%u" : "%s@%s:%s", policy_direction_name(flow->direction),
			    target, item->proto, item->port);
}

static void fill_item(struct run *run, struct fragment_item *item, const struct flow *flow,
		      const struct suggestion *suggestion)
{
	struct arena *arena = run->line->arena;
	bool query = flow->kind == FLOW_DNS;

	item->rank = suggestion->rank;
	item->name = suggestion->name ? arena_strdup(arena, suggestion->name) : NULL;
	item->target = target_text(arena, flow, item->name);
	item->proto = policy_proto_name(query ? flow_transport_proto(flow->transport) : flow->proto);
	item->has_port = query || flow->has_port;
	item->port = query ? FLOW_DNS_PORT : flow->port;
	item->expect = expectation(arena, item, flow);
}

/* Whether the rule alone, read as --net-rule reads it, is one rule and lets the expectation pass: that an address lies
 * behind rebind protection, or a name has no family, shows here. */
static bool holds(const struct run *run, const struct fragment_item *item, struct arena *arena)
{
	struct policy_options options = { .arena = arena, .no_net = true };
	struct sources *sources = sources_new(arena);
	struct diags *diags = diags_new(arena, sources);
	struct flow flow;

	*arena_push(arena, &options.rules) = item->rule;
	struct policy *policy = options_resolve(&options, NULL, diags);
	struct eval_context context = { policy, run->context.gateway, EVAL_NO_BINDINGS };
	return !diags->errors && policy->rules.count == 1 && flow_parse(arena, sources, item->expect, diags, &flow) &&
	       eval_flow(&context, &flow).verdict.action == POLICY_ALLOW;
}

static void take_suggestion(struct run *run, struct arena *arena, const struct flow *flow,
			    const struct suggestion *suggestion)
{
	struct fragment_item *item = fragment_item(&run->fragment, suggestion->rule);

	if (!item || item->count++)
		return;
	fill_item(run, item, flow, suggestion);
	if (!holds(run, item, arena))
		item->expect = NULL;
}

/* Judged anew; what passes or is denied by a rule is counted. False: nothing is to be offered */
static bool is_to_be_offered(struct run *run, const struct event_line *event, const struct flow *flow,
			     struct eval_verdict verdict)
{
	struct arena *arena = run->line->arena;

	if (verdict.action == POLICY_ALLOW) {
		run->allowed++;
		return false;
	}
	if (run->given && verdict.by.kind == DECIDER_RULE) {
		struct cmd_decision decision = cmd_decision(arena, run->policy, verdict,
							    flow->kind == FLOW_DNS ? POLICY_EGRESS : flow->direction);

		count_reason(run, event, place_or_dash(decision.place), decision.text);
		return false;
	}
	return true;
}

static void offer(struct run *run, struct arena *arena, const struct event_line *event, struct flow *flow)
{
	const char *name = NULL;
	struct eval_context context = run->context;
	struct eval_connection connection = connection_of(flow);
	struct suggestion suggestion;
	bool offered;

	if (flow->kind == FLOW_CONNECTION && flow->direction == POLICY_EGRESS)
		name = bound_name(arena, event);
	if (name)
		add_binding(arena, flow, name);
	context.bindings = eval_flow_bindings(flow);
	struct eval_verdict verdict = judge(run, &context, flow, event);
	if (!is_to_be_offered(run, event, flow, verdict))
		return;
	/* a name was seen that no rule can say: nothing is offered for its address instead */
	offered = flow->kind == FLOW_DNS ?
			  suggest_query(arena, &context, flow->name, flow->transport, verdict, &suggestion) :
			  (name || !event->name) &&
				  suggest_connection(arena, &context, &connection, verdict, name, &suggestion);
	if (offered)
		take_suggestion(run, arena, flow, &suggestion);
	else
		run->not_offered++;
}

static void take_denial(struct run *run, struct arena *arena, const struct event_line *event)
{
	struct sources *sources = sources_new(arena);
	struct flow flow;

	run->denials++;
	/* a name may hold what no flow can say */
	if (!flow_parse(arena, sources, event->flow, diags_new(arena, sources), &flow) || flow.kind == FLOW_ANSWER ||
	    flow.to_name)
		run->not_offered++;
	else
		offer(run, arena, event, &flow);
}

/* ---- files ---- */

static void take_event(struct run *run, struct arena *arena, const struct event_line *event)
{
	if (!strcmp(event->kind, "deny"))
		take_denial(run, arena, event);
	run->limits += !strcmp(event->kind, "limit");
	run->rebinds += !strcmp(event->kind, "rebind");
	run->lost += event->lost;
}

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
			take_event(run, arena, &event);
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

static void print_counts(const struct run *run)
{
	const struct {
		size_t count;
		const char *what;
	} counts[] = {
		{ run->allowed, "the policy allows already" },
		{ run->denied, "a rule of the policy denies, which is meant" },
		{ run->not_offered, "of which none is offered: a rule denies it, or none should allow it" },
		{ run->fragment.more, "more than 4096 different rules would be needed" },
		{ run->limits, "refused by a limit, which no rule raises" },
		{ run->rebinds, "answers held back by rebind protection" },
		{ run->lost, "events were lost: the list is incomplete" },
	};

	fprintf(stderr, "msb-policyc: %zu denial%s\n", run->denials, run->denials == 1 ? "" : "s");
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
		if (counts[i].count)
			fprintf(stderr, "  %5zu %s\n", counts[i].count, counts[i].what);
	for (size_t i = 0; i < run->reasons.count; i++) {
		const struct reason_count *reason = &run->reasons.items[i];

		fprintf(stderr, "  %s: %s denies %zu, the first %s\n", reason->place, reason->text, reason->count,
			escape_text(run->line->arena, reason->flow));
	}
}

static int print_fragment(struct run *run)
{
	const char *text;

	if (!fragment_text(&run->fragment, &text)) {
		fputs("msb-policyc: error: the rules do not read back as what they were made for; none is printed\n",
		      stderr);
		return STATUS_SYSTEM;
	}
	if (run->fragment.count)
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
	run->policy = loaded->policy;
	run->context = cmd_context(line, loaded->policy);
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
	struct run run = { .line = line, .fragment = { .arena = line->arena }, .given = has_policy(&line->policy) };

	if (!line->events.count)
		return cmd_usage_error(line, "no events: msb-policyc suggest FILE, as msb-run --events FILE wrote it");
	if (!run.given)
		line->policy.no_net = true; /* nothing is allowed yet */
	return cmd_each_file(line, suggest, &run);
}
