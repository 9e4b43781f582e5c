/* Events of the sandbox's own. A rule in them is "text" at "place", as in events of what it decides. */
#include "sandbox/lifecycle.h"
#include "base/escape.h"
#include "core/clock.h"
#include "report/event_line.h"
#include "sandbox/reload.h"
#include "sandbox/setup.h"

static void tell(struct sandbox *sandbox, const char *kind, json_t *members)
{
	events_tell(denials_stream(sandbox->denials), kind, members);
}

/* The policy that is in force, whatever bytes its file's name has */
static json_t *policy_members(const struct sandbox *sandbox)
{
	struct arena *arena = arena_new();
	json_t *members = json_pack("{s:s, s:o}", "policy", escape_json(arena, sandbox->start->config->policy->name),
				    "generation", event_number(reload_generation(sandbox->reload)));

	arena_free(arena);
	return members;
}

void lifecycle_started(struct sandbox *sandbox)
{
	const struct run_config *config = sandbox->start->config;
	json_t *members = policy_members(sandbox);

	json_object_set_new(members, "vmm",
			    json_string(config->pod             ? "pod" :
					config->vmm == VMM_NONE ? "none" :
								  "qemu"));
	json_object_set_new(members, "pid", json_integer(sandbox->start->pid));
	if (config->audit)
		json_object_set_new(members, "audit", json_true());
	tell(sandbox, "start", members);
}

void lifecycle_stops(struct sandbox *sandbox, int status)
{
	tell(sandbox, "stop",
	     json_pack("{s:i, s:o, s:o}", "status", status, "denied", event_number(denials_total(sandbox->denials)),
		       "up_ms", event_number(clock_ms() - sandbox->started_ms)));
}

void lifecycle_killed_for_memory(struct sandbox *sandbox, uint64_t kills)
{
	json_t *members = json_pack("{s:o}", "killed", event_number(kills));
	uint64_t most = sandbox->start->config->memory_max;

	if (most)
		json_object_set_new(members, "memory_max", event_number(most));
	tell(sandbox, "oom", members);
}

void lifecycle_reloaded(struct sandbox *sandbox, size_t ended)
{
	json_t *members = policy_members(sandbox);

	json_object_set_new(members, "flows_ended", event_number(ended));
	tell(sandbox, "reload", members);
}

/* The first finding may quote a line of a policy, which whoever asked chose */
#define WHY_MOST 300

void lifecycle_refused(struct sandbox *sandbox, const char *rule, uint32_t grant, const char *why)
{
	struct arena *arena = arena_new();
	json_t *members = policy_members(sandbox);

	if (grant)
		json_object_set_new(members, "grant", event_number(grant));
	if (rule)
		json_object_set_new(members, "text", json_string(escape_json(arena, rule)));
	json_object_set_new(members, "because",
			    json_string(escape_json(arena, arena_printf(arena, "%.*s", WHY_MOST, why))));
	arena_free(arena);
	tell(sandbox, "reload-failed", members);
}

static json_t *grant_members(const struct sandbox *sandbox, uint32_t id, const char *rule, size_t ended)
{
	struct arena *arena = arena_new();
	json_t *members =
		json_pack("{s:o, s:s, s:s, s:o, s:o}", "grant", event_number(id), "place",
			  arena_printf(arena, "grant:%u", id), "text", escape_json(arena, rule), "generation",
			  event_number(reload_generation(sandbox->reload)), "flows_ended", event_number(ended));

	arena_free(arena);
	return members;
}

void lifecycle_granted(struct sandbox *sandbox, uint32_t id, const char *rule, uint64_t for_ms, size_t ended)
{
	json_t *members = grant_members(sandbox, id, rule, ended);

	json_object_set_new(members, "for_ms", event_number(for_ms));
	tell(sandbox, "grant", members);
}

void lifecycle_grant_ended(struct sandbox *sandbox, uint32_t id, const char *rule, bool early, size_t ended)
{
	json_t *members = grant_members(sandbox, id, rule, ended);

	json_object_set_new(members, "because", json_string(early ? "revoked" : "its time is over"));
	tell(sandbox, "grant-end", members);
}
