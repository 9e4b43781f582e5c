/* Asks a sandbox for its policy's bundle. */
#include "ctl/running.h"
#include "base/escape.h"
#include "core/fd.h"
#include "core/run_directory.h"
#include "ctl/client.h"
#include "policy/policy_facts.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define PATIENCE_MS 30000
#define BUSY_MS 100
#define BUSY_TRIES 100

static json_t *ask(struct ctl_line *line, json_t *request, enum ctl_status *status)
{
	CLEANUP_FD int directory = run_directory_look(false);
	struct client_ask ask = { .name = line->sandbox, .error = directory };

	if (directory >= 0)
		client_ask_all(directory, &ask, 1, request, PATIENCE_MS);
	if (directory < 0 || ask.error < 0) {
		*status = ctl_fail(line, ask.error == -ENOENT || ask.error == -ECONNREFUSED ? "msb-ctl ps" : NULL,
				   "%s: %s", line->sandbox, client_error_text(ask.error));
		return NULL;
	}
	client_close(&ask);
	return ask.answer;
}

static bool is_busy(const json_t *answer)
{
	const char *error = json_string_value(json_object_get(answer, "error"));

	return error && !strncmp(error, "busy", strlen("busy"));
}

/* Another change of the policy, or the end of a grant, is over soon */
json_t *ctl_ask_patiently(struct ctl_line *line, json_t *request, enum ctl_status *status)
{
	json_object_set_new(request, "version", json_integer(1));
	json_t *answer = ask(line, request, status);

	for (int tries = 0; tries < BUSY_TRIES && is_busy(answer); tries++) {
		json_decref(answer);
		poll(NULL, 0, BUSY_MS);
		answer = ask(line, request, status);
	}
	json_decref(request);
	return answer;
}

enum ctl_status ctl_say_no(struct ctl_line *line, const json_t *answer)
{
	const json_t *findings = json_object_get(answer, "findings"), *finding;
	const char *error = json_string_value(json_object_get(answer, "error"));
	size_t index;

	if (!json_array_size(findings)) {
		ctl_fail(line, json_string_value(json_object_get(answer, "help")), "%s: %s", line->sandbox,
			 error ? error : "refused");
		return CTL_NO;
	}
	json_array_foreach(findings, index, finding)
	{
		const char *place = json_string_value(json_object_get(finding, "place"));
		const char *message = json_string_value(json_object_get(finding, "message"));
		ctl_fail(line, json_string_value(json_object_get(finding, "help")), "%s%s%s", place ? place : "",
			 place ? ": " : "", message ? message : "");
	}
	return CTL_NO;
}

static const struct addr *read_addresses(struct arena *arena, const json_t *list, size_t *count)
{
	struct addr *items = arena_alloc(arena, (json_array_size(list) + 1) * sizeof *items);
	size_t index;
	json_t *value;

	*count = 0;
	json_array_foreach(list, index, value)
	{
		if (json_is_string(value) && addr_parse(json_string_value(value), &items[*count]))
			*count += 1;
	}
	return items;
}

static void read_gateway(struct arena *arena, const json_t *answer, struct addr_gateway *out)
{
	const json_t *prefixes = json_object_get(answer, "nat64");
	struct addr_prefix prefix;
	size_t count, index;
	json_t *value;

	const struct addr *own = read_addresses(arena, json_object_get(answer, "gateway"), &count);
	for (size_t i = 0; i < count; i++)
		addr_gateway_set(out, own[i]);
	json_array_foreach(prefixes, index, value)
	{
		if (json_is_string(value) && addr_prefix_parse(json_string_value(value), &prefix))
			addr_nat64_find(&out->nat64, prefix);
	}
}

static const struct addr_pod *read_pod(struct arena *arena, const json_t *object)
{
	struct addr_pod *pod;

	if (!object)
		return NULL;
	pod = arena_alloc(arena, sizeof *pod);
	pod->nodes = read_addresses(arena, json_object_get(object, "nodes"), &pod->node_count);
	pod->resolvers = read_addresses(arena, json_object_get(object, "resolvers"), &pod->resolver_count);
	return pod;
}

static enum ctl_status take(struct ctl_line *line, const json_t *answer, struct ctl_running *out)
{
	struct diags *diags = diags_new(line->arena, sources_new(line->arena));
	char *text = json_dumps(json_object_get(answer, "policy"), JSON_COMPACT);
	const char *why = text ? policy_bundle_read(line->arena, text, strlen(text), &out->bundle) : "no bundle";

	free(text);
	if (why)
		return ctl_fail(line, "msb-ctl and msb-run of one version go together", "%s: %s", line->sandbox, why);
	out->policy = policy_bundle_resolve(&out->bundle, diags);
	if (diags->errors)
		return ctl_fail(line, "msb-ctl and msb-run of one version go together",
				"%s: its policy is none here: %s", line->sandbox, diags->list.items[0].message);
	out->gateway = policy_gateway(out->policy, out->gateway);
	read_gateway(line->arena, answer, &out->gateway);
	out->gateway.pod = read_pod(line->arena, json_object_get(answer, "pod"));
	out->generation = (uint64_t)json_integer_value(json_object_get(answer, "generation"));
	const char *directory = json_string_value(json_object_get(answer, "directory"));
	out->directory = directory ? arena_strdup(line->arena, directory) : ".";
	return CTL_FINE;
}

enum ctl_status ctl_running(struct ctl_line *line, struct ctl_running *out)
{
	enum ctl_status status = CTL_FAILED;
	json_t *answer = ctl_ask_patiently(line, json_pack("{s:s}", "command", "policy"), &status);

	*out = (struct ctl_running){ .generation = 0 };
	if (!answer)
		return status;
	status = json_is_true(json_object_get(answer, "ok")) ? take(line, answer, out) : ctl_say_no(line, answer);
	json_decref(answer);
	return status;
}

enum ctl_status ctl_change(struct ctl_line *line, json_t *request,
			   void (*print)(struct ctl_line *, const json_t *answer, const void *context),
			   const void *context)
{
	enum ctl_status status = CTL_FAILED;
	json_t *answer = ctl_ask_patiently(line, request, &status);

	if (!answer)
		return status;
	if (!json_is_true(json_object_get(answer, "ok"))) {
		status = ctl_say_no(line, answer);
	} else if (line->format == CTL_JSON) {
		return ctl_print_json(line, answer);
	} else {
		print(line, answer, context);
		status = fflush(stdout) ? CTL_FAILED : CTL_FINE;
	}
	json_decref(answer);
	return status;
}
