/* Forked twice, so that whoever called need not wait for them. */
#include "cni/cni_daemon.h"
#include "cni/cni_policy.h"
#include "core/config.h"
#include "core/exit_status.h"
#include "core/fd.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/process.h"
#include "diag/diag.h"
#include "eval/eval.h"
#include "report/event_sink.h"
#include "run/host_floor.h"
#include "run/launcher.h"
#include "run/policy_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define START_TIMEOUT_MS 60000

static unsigned wrong(const char *key, const char *wanted)
{
	log_error("network configuration: `%s`: wanted is %s", key, wanted);
	return CNI_CONFIG_WRONG;
}

/* It is opened once more where the sandbox is set up, too late for a pod's link to be left as it was. */
static unsigned try_events(const char *target)
{
	struct event_sink sink;
	struct stat st;

	if (stat(target, &st) == 0 &&
	    S_ISFIFO(st.st_mode)) /* whose reader would take the end of this try for the end */
		return CNI_FINE;
	int error = event_sink_open(&sink, target, 0, EVENT_KEEP_DEFAULT);

	if (error < 0) {
		log_error("network configuration: `events`: %s: %s", target, event_sink_error(target, -error));
		return CNI_CONFIG_WRONG;
	}
	event_sink_close(&sink);
	return CNI_FINE;
}

static unsigned read_events(const json_t *value, struct run_config *config)
{
	size_t count = json_is_array(value) ? json_array_size(value) : value ? 1 : 0;

	if (count > RUN_EVENTS_MAX)
		return wrong("events", "a file or \"journald\", or a list of four at most");
	for (size_t i = 0; i < count; i++) {
		config->events[i] = json_string_value(json_is_array(value) ? json_array_get(value, i) : value);
		if (!config->events[i] || (*config->events[i] != '/' && strcmp(config->events[i], "journald") != 0))
			return wrong("events", "an absolute path of a file, or \"journald\"");
		if (try_events(config->events[i]))
			return CNI_CONFIG_WRONG;
	}
	return CNI_FINE;
}

static unsigned read_switch(const json_t *config, const char *key, bool *out)
{
	const json_t *value = json_object_get(config, key);

	if (value && !json_is_boolean(value))
		return wrong(key, "true or false");
	*out = json_is_true(value);
	return CNI_FINE;
}

static unsigned read_own(const json_t *json, struct run_config *config)
{
	const json_t *mode = json_object_get(json, "denyMode");
	const char *text = json_string_value(mode);
	bool verbose = false;

	if (mode && (!text || (strcmp(text, "refuse") != 0 && strcmp(text, "drop") != 0)))
		return wrong("denyMode", "\"refuse\" or \"drop\"");
	config->silent_deny = text && !strcmp(text, "drop");
	unsigned code = read_switch(json, "eventsAll", &config->events_all);
	if (!code)
		code = read_switch(json, "logDenials", &verbose);
	config->quiet = !verbose;
	if (!code)
		code = read_switch(json, "watch", &config->watch);
	return code ? code : read_events(json_object_get(json, "events"), config);
}

static bool resolve(struct arena *arena, struct cni_policy *chosen, struct run_config *config)
{
	struct diags *diags = diags_new(arena, sources_new(arena));

	if (!host_floor_take(&chosen->options))
		return false;
	options_set_today(&chosen->options, time(NULL));
	struct policy *policy = options_resolve(&chosen->options, chosen->file, diags);
	diags_print_text(diags, stderr, false);
	if (diags->errors || !host_floor_trusted(policy))
		return false;
	if (policy->publishes.count) {
		log_error("%s: a pod's ports are published by its runtime, not by `publish`", policy->name);
		return false;
	}
	const char *unwatched = config->watch ? policy_watch_cannot(policy) : NULL;
	if (unwatched) {
		log_error("network configuration: `watch`: %s", unwatched);
		return false;
	}
	eval_prepare_if_worth(policy);
	config->policy = policy;
	return true;
}

static unsigned configure(const struct cni_call *call, struct run_pod *pod, struct run_config *config)
{
	struct cni_policy chosen;
	struct cni_policy_error error;

	unsigned code = read_own(call->config, config);
	if (code)
		return code;
	if (!cni_policy_choose(call->arena, call->config, call->args, &chosen, &error)) {
		log_error("%s", error.message);
		return error.code;
	}
	config->dns_search = chosen.search;
	config->pod = pod;
	config->vmm = VMM_NONE;
	return resolve(call->arena, &chosen, config) ? CNI_FINE : CNI_CONFIG_WRONG;
}

static _Noreturn void run(const struct cni_call *call, struct run_pod *pod, const char *name)
{
	struct run_config config = { .name = name };
	struct pod_ready ready = { .code = configure(call, pod, &config) };

	if (ready.code) {
		ssize_t ignored = write(pod->ready, &ready, sizeof ready);
		(void)ignored;
		_exit(1);
	}
	_exit(launcher_run(&config));
}

static bool leave_caller(struct run_pod *pod, int log)
{
	int keep[] = { pod->netns, pod->ready }, null = open("/dev/null", O_RDWR);

	umask(022);
	process_reset_signals();
	return null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(null, STDOUT_FILENO) >= 0 &&
	       dup2(log, STDERR_FILENO) >= 0 && chdir("/") == 0 && process_close_others(keep, 2) == 0;
}

static _Noreturn void detach(const struct cni_call *call, struct run_pod *pod, const char *name, int log)
{
	setsid();
	pid_t pid = fork();
	if (pid != 0)
		_exit(pid < 0);
	if (!leave_caller(pod, log))
		_exit(1);
	log_open();
	memory_end_with(EXIT_STATUS_FAILED);
	run(call, pod, name);
}

static bool wait_until_ready(int fd, struct pod_ready *ready)
{
	struct pollfd watched = { .fd = fd, .events = POLLIN };

	*ready = (struct pod_ready){ .code = CNI_FAILED };
	int count = poll(&watched, 1, START_TIMEOUT_MS);
	if (count == 0)
		ready->code = CNI_TRY_AGAIN;
	if (count != 1)
		return false;
	struct pod_ready read_one;
	if (read(fd, &read_one, sizeof read_one) != sizeof read_one)
		return false;
	*ready = read_one;
	return ready->code == CNI_FINE;
}

bool cni_daemon_start(const struct cni_call *call, struct run_pod *pod, const char *name, int log,
		      struct pod_ready *ready)
{
	int ends[2], status;

	*ready = (struct pod_ready){ .code = CNI_FAILED };
	if (pipe2(ends, O_CLOEXEC))
		return false;
	CLEANUP_FD int ours = ends[0], theirs = ends[1];
	pod->ready = theirs;
	pid_t pid = fork();
	if (pid == 0)
		detach(call, pod, name, log);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return false;
	fd_closep(&theirs);
	return wait_until_ready(ours, ready);
}
