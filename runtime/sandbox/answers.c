/* The table of commands, and the answers that change something or go on. */
#include "sandbox/answers.h"
#include "sandbox/answers_policy.h"
#include "core/clock.h"
#include "core/log.h"
#include "report/events.h"
#include "sandbox/setup.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* What msb-run does with SIGTERM: the guest decides what that means; "kill" leaves it no choice. Either way the end is an orderly
 * one: the loop goes on until the guest is gone. */
static json_t *answer_stop(void *self, const json_t *request, struct control_call *call)
{
	struct sandbox *sandbox = self;
	bool by_force = json_is_true(json_object_get(request, "kill"));

	(void)call;
	sandbox->stops = sandbox->start->config->pod != NULL;
	if (!sandbox->stops && kill(sandbox->vmm.pid, by_force ? SIGKILL : SIGTERM))
		return control_error(NULL, "cannot reach the guest: %s", strerror(errno));
	return json_pack("{s:b}", "killed", by_force);
}

static json_t *answer_events(void *self, const json_t *request, struct control_call *call)
{
	const struct sandbox *sandbox = self;

	if (!json_is_true(json_object_get(request, "follow")))
		return json_pack("{s:o}", "events", control_history(sandbox->control));
	if (control_call_follow(call) < 0)
		return control_error("end one of them", "%d readers follow the events already", CONTROL_FOLLOWERS_MAX);
	return json_pack("{s:b}", "follow", 1);
}

static const struct control_command commands[] = {
	{ .name = "ps", .answer = answer_ps },
	{ .name = "status", .answer = answer_status },
	{ .name = "check", .answer = answer_check },
	{ .name = "stats", .answer = answer_stats },
	{ .name = "events", .answer = answer_events },
	{ .name = "stop", .answer = answer_stop },
	{ .name = "policy", .answer = answer_policy },
	{ .name = "reload", .answer = answer_reload, .large = true },
	{ .name = "grant", .answer = answer_grant },
	{ .name = "revoke", .answer = answer_revoke },
	{ .name = "pending", .answer = answer_pending },
	{ .name = "answer", .answer = answer_answer },
	{ 0 },
};

static void publish(void *self, const char *line, size_t len, size_t tells)
{
	control_publish(self, line, len, tells);
}

int sandbox_open_control(struct sandbox *sandbox)
{
	const struct run_config *config = sandbox->start->config;
	struct control_start start = {
		.listener = sandbox->start->control,
		.name = config->name,
		.id = sandbox->run,
		.group = config->has_control_group ? &config->control_group : NULL,
		.commands = commands,
		.self = sandbox,
	};

	clock_gettime(CLOCK_REALTIME, &sandbox->started);
	sandbox->started_ms = clock_ms();
	snprintf(sandbox->run, sizeof sandbox->run, "%s", events_id(denials_stream(sandbox->denials)));
	sandbox->control = control_open(&start);
	if (sandbox->control) {
		denials_subscribe(sandbox->denials, publish, sandbox->control);
		return 0;
	}
	int error = -errno;
	log_error("cannot serve the control socket: %s", strerror(-error));
	return error;
}
