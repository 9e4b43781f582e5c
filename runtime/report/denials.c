/* The denials of a run as a whole: opened, moved to another policy, counted, closed. */
#include "report/denials.h"
#include "base/text.h"
#include "core/clock.h"
#include "core/log.h"
#include "netlink/nflog.h"
#include "policy/options.h"
#include "report/denials_state.h"
#include "report/learning.h"
#include "report/suggestions.h"
#include "report/unreported.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool open_events(struct denials *denials)
{
	const struct run_config *config = denials->config;
	struct events_start start = {
		.sandbox = config->name,
		.sinks = config->events,
		.file_limit = config->events_size,
		.keep = config->events_keep ? config->events_keep : EVENT_KEEP_DEFAULT,
	};
	const char *failed;

	denials->events = events_open(&start, &failed);
	if (!denials->events)
		log_error("--events %s: %s", failed ? failed : "-", event_sink_error(failed, errno));
	return denials->events != NULL;
}

void denials_use_policy(struct denials *denials, const struct policy *policy)
{
	if (denials->unreported)
		unreported_begin_anew(denials->unreported);
	hits_free(&denials->hits); /* the rules that they are of may be gone */
	arena_free(denials->arena);
	denials->arena = arena_new();
	denials->reasons = reasons_new(denials->arena, policy);
	denials->context.policy = policy;
	denials->meters = (struct meters){ .anew = false }; /* it may leave more: what is used up is told again */
}

struct denials *denials_open(const struct run_config *config, const struct addr_gateway *gateway,
			     const struct denials_host *host, const struct limit_numbers *limits)
{
	struct denials *denials = calloc(1, sizeof *denials);
	if (!denials)
		return NULL;
	denials->host_log = host->log;
	denials->limits = *limits;
	denials->config = config;
	denials->context = (struct eval_context){ config->policy, *gateway, EVAL_NO_BINDINGS };
	denials_use_policy(denials, config->policy);
	denials_lines_init(&denials->lines, config->quiet);
	denials->started_ms = clock_ms();
	denials->nflog = nflog_open();
	denials->unreported = denials->nflog ? unreported_open(host->counts, host->table) : NULL;
	denials->learning = learning_open(config, gateway);
	denials->suggestions = config->suggest ? suggestions_new() : NULL;
	bool opened = denials->unreported && (denials->suggestions || !config->suggest);
	if (!opened)
		log_error("cannot read the log of refused packets: %s", strerror(errno));
	else
		opened = open_events(denials);
	if (opened)
		return denials;
	int saved = errno;
	denials_close(denials);
	errno = saved;
	return NULL;
}

void denials_subscribe(struct denials *denials, void (*sink)(void *self, const char *line, size_t len, size_t tells),
		       void *self)
{
	events_subscribe(denials->events, sink, self);
}

void denials_ask_ended(struct denials *denials, denials_ended *ended, const void *self)
{
	denials->ended = ended;
	denials->ended_self = self;
}

struct learning *denials_learning(struct denials *denials)
{
	return denials ? denials->learning : NULL;
}

int denials_fd(const struct denials *denials)
{
	return nl_fd(denials->nflog);
}

int denials_host_fd(const struct denials *denials)
{
	return denials->host_log ? nl_fd(denials->host_log) : -1;
}

void denials_close(struct denials *denials)
{
	if (!denials)
		return;
	denials_lines_free(&denials->lines);
	suggestions_free(denials->suggestions);
	learning_close(denials->learning);
	unreported_close(denials->unreported);
	nl_close(denials->nflog);
	nl_close(denials->host_log);
	events_close(denials->events);
	hits_free(&denials->hits);
	arena_free(denials->arena);
	free(denials);
}

static void say_audited(const struct denials *denials)
{
	log_line("%s: audit: the policy was not enforced, and would have denied %zu, %zu different",
		 denials->config->name, denials->audited.total, denials->audited.different);
}

struct made_from {
	struct text floors;
	bool more;
};

static bool note_option(void *self, const char *name, const char *value)
{
	struct made_from *made_from = self;

	if (!strcmp(name, "floor"))
		text_addf(&made_from->floors, " --floor %s", value);
	else if (strcmp(name, "policy") != 0 && strcmp(name, "today") != 0)
		made_from->more = true;
	return true;
}

/* What `msb-policyc explain` is to be given: "agent.msb", "agent.msb --floor host.msb", "[the same options]" */
static const char *same_policy(struct arena *arena, const struct policy *policy)
{
	struct made_from made_from = { .floors.arena = arena };

	options_each(policy->made_from, note_option, &made_from);
	if (!policy->file)
		return "[the same options]";
	return arena_printf(arena, "%s%s%s", policy->name, text_get(&made_from.floors),
			    made_from.more ? " [the same options]" : "");
}

void denials_finish(struct denials *denials, int learnt)
{
	const struct policy *policy = denials->config->policy;
	denials_lines_finish(&denials->lines);
	learning_finish(denials->learning, learnt);
	if (denials->config->audit)
		say_audited(denials);
	if (denials->suggestions && denials->denied.total + denials->audited.total)
		suggestions_print(denials->suggestions);
	if (denials->denied.total == 0 || denials->config->quiet)
		return;
	double seconds = (double)(clock_ms() - denials->started_ms) / 1000;
	log_line("%s: %zu denial%s, %zu different, in %.1f s; why: msb-policyc explain %s FLOW", denials->config->name,
		 denials->denied.total, denials->denied.total == 1 ? "" : "s", denials->denied.different, seconds,
		 same_policy(denials->arena, policy));
}

void denials_lookup(struct denials *denials, struct eval_verdict verdict)
{
	hits_add(&denials->hits, denials->context.policy, verdict, POLICY_EGRESS, true);
}

const struct hits *denials_hits(const struct denials *denials)
{
	return &denials->hits;
}

size_t denials_total(const struct denials *denials)
{
	return denials->denied.total;
}

struct events *denials_stream(struct denials *denials)
{
	return denials->events;
}

void denials_events(const struct denials *denials, struct events_counted *out)
{
	*out = events_counted(denials->events);
}
