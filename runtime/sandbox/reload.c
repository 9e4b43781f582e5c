/* Requests for another policy, one at a time, and the grants with their ends. What a policy takes is in reload_apply.c. */
#include "sandbox/reload_state.h"
#include "base/escape.h"
#include "core/clock.h"
#include "core/log.h"
#include "sandbox/lifecycle.h"
#include "policy/policy_facts.h"
#include "sandbox/setup.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define WORKER_PATIENCE_MS 20000 /* for the DNS worker to make a policy: the largest take seconds */
#define PENDING_MS 20            /* to look whether what goes on is over */
#define END_AGAIN_MS 500         /* a grant that could not be ended */
#define END_TRIES 20

static void answer(reload_done *done, void *self, json_t *json)
{
	if (done)
		done(self, json);
	else
		json_decref(json);
}

static void tell_failed(struct sandbox *sandbox, const json_t *json)
{
	const struct reload_pending *pending = &sandbox->reload->pending;
	const char *why = json_string_value(json_object_get(json, "error"));

	if (pending->kind != RELOAD_TRY && why)
		lifecycle_refused(sandbox, pending->rule, pending->kind == RELOAD_REVOKE ? pending->ends : 0, why);
}

/* The request is over, well or not; what was made for it goes unless it was taken. */
static void finish(struct sandbox *sandbox, json_t *json)
{
	struct reload *reload = sandbox->reload;

	tell_failed(sandbox, json);
	struct reload_pending pending = reload->pending;

	reload->pending = (struct reload_pending){ .kind = RELOAD_IDLE };
	arena_free(pending.arena);
	free(pending.rule);
	answer(pending.done, pending.self, json);
}

/* ---- beginnings ---- */

char *reload_bundle(const struct sandbox *sandbox, size_t *len)
{
	struct arena *arena = arena_new();
	char *text = policy_bundle(arena, sandbox->start->config->policy, len), *copy = NULL;

	if (text && (copy = malloc(*len + 1)))
		memcpy(copy, text, *len + 1);
	arena_free(arena);
	return copy;
}

static void set_grants(struct reload *reload, struct arena *arena, struct policy_options *options, uint32_t without)
{
	options->grants.items = NULL;
	options->grants.count = options->grants.cap = 0;
	if (reload->pending.rule)
		*arena_push(arena, &options->grants) =
			(struct policy_grant){ without ? without : reload->last_id + 1, reload->pending.rule };
	for (size_t i = reload->grant_count; i-- > 0;)
		if (reload->grants[i].id != without)
			*arena_push(arena, &options->grants) =
				(struct policy_grant){ reload->grants[i].id, reload->grants[i].rule };
}

/* The bundle that is wanted, with what the sandbox keeps. NULL, or why not */
static const char *wanted_bundle(struct sandbox *sandbox, const char *text, size_t len, struct policy_bundle *out)
{
	struct reload *reload = sandbox->reload;
	struct arena *arena = reload->pending.arena;
	struct policy_bundle running;

	if (!policy_bundle_of(arena, sandbox->start->config->policy, &running))
		return "the policy in force was read from text that is no UTF-8: the sandbox cannot be given another";
	*out = running;
	const char *why = text ? policy_bundle_read(arena, text, len, out) : NULL;
	if (!why && text)
		why = policy_bundle_keep(out, &running);
	if (!why)
		set_grants(reload, arena, &out->options, reload->pending.ends);
	return why;
}

/* From here on the request is answered by reload_turn(), unless it is over by now */
static void begin(struct sandbox *sandbox, const char *text, size_t len)
{
	struct reload *reload = sandbox->reload;
	struct reload_pending *pending = &reload->pending;
	struct policy_bundle bundle;

	pending->arena = arena_new();
	pending->until_ms = clock_ms() + WORKER_PATIENCE_MS;
	const char *why = wanted_bundle(sandbox, text, len, &bundle);
	pending->text = why ? NULL : policy_bundle_write(pending->arena, &bundle, &pending->len);
	json_t *wrong = why                         ? reload_failed(why) :
			!pending->text              ? reload_failed("no memory") :
			pending->kind == RELOAD_TRY ? reload_compile(sandbox) :
						      reload_make(sandbox);
	if (wrong)
		finish(sandbox, wrong);
	else if (pending->kind == RELOAD_TRY)
		finish(sandbox, reload_tell_would_end(sandbox, pending->policy));
}

static bool is_busy(const struct reload *reload, reload_done *done, void *self)
{
	if (reload->pending.kind != RELOAD_IDLE)
		answer(done, self, reload_failed("busy: another change of the policy is under way; try again"));
	return reload->pending.kind != RELOAD_IDLE;
}

static void ask(struct sandbox *sandbox, enum reload_kind kind, const char *bundle, size_t len, reload_done *done,
		void *self)
{
	struct reload *reload = sandbox->reload;

	if (is_busy(reload, done, self))
		return;
	reload->pending = (struct reload_pending){ .kind = kind, .done = done, .self = self };
	begin(sandbox, bundle, len);
}

void reload_ask(struct sandbox *sandbox, const char *bundle, size_t len, reload_done *done, void *self)
{
	ask(sandbox, RELOAD_POLICY, bundle, len, done, self);
}

void reload_try(struct sandbox *sandbox, const char *bundle, size_t len, reload_done *done, void *self)
{
	ask(sandbox, RELOAD_TRY, bundle, len, done, self);
}

uint32_t reload_granted(const struct reload *reload, const char *rule)
{
	for (size_t i = 0; i < reload->grant_count; i++)
		if (!strcmp(reload->grants[i].rule, rule))
			return reload->grants[i].id;
	return 0;
}

/* One that is there begins anew, in front of those that came after it */
static void grant(struct sandbox *sandbox, const char *rule, uint64_t for_ms, bool once, reload_done *done, void *self)
{
	struct reload *reload = sandbox->reload;
	uint32_t renewed = reload_granted(reload, rule);
	bool full = !renewed && reload->grant_count == RELOAD_GRANTS_MAX;
	const char *why = for_ms == 0 || for_ms > RELOAD_GRANT_LONGEST_MS ? "a grant is for a time, of a day at most" :
			  full ? "a sandbox has 32 grants at most: revoke one" :
				 NULL;

	if (why)
		answer(done, self, reload_failed(why));
	if (why || is_busy(reload, done, self))
		return;
	reload->pending = (struct reload_pending){ .kind = RELOAD_GRANT,
						   .done = done,
						   .self = self,
						   .for_ms = for_ms,
						   .rule = arena_must(strdup(rule)),
						   .once = once,
						   .ends = renewed };
	begin(sandbox, NULL, 0);
}

void reload_grant(struct sandbox *sandbox, const char *rule, uint64_t for_ms, reload_done *done, void *self)
{
	grant(sandbox, rule, for_ms, false, done, self);
}

void reload_grant_once(struct sandbox *sandbox, const char *rule, reload_done *done, void *self)
{
	grant(sandbox, rule, RELOAD_ONCE_MS, true, done, self);
}

static const struct reload_granted *find_grant(const struct reload *reload, uint32_t id)
{
	for (size_t i = 0; i < reload->grant_count; i++)
		if (reload->grants[i].id == id)
			return &reload->grants[i];
	return NULL;
}

void reload_revoke(struct sandbox *sandbox, uint32_t id, reload_done *done, void *self)
{
	struct reload *reload = sandbox->reload;

	if (!find_grant(reload, id)) {
		answer(done, self, reload_failed("no such grant: `msb-ctl status` lists them"));
		return;
	}
	if (is_busy(reload, done, self))
		return;
	reload->pending = (struct reload_pending){ .kind = RELOAD_REVOKE, .done = done, .self = self, .ends = id };
	begin(sandbox, NULL, 0);
}

/* ---- grants ---- */

/* With the time that the machine sleeps */
static uint64_t boot_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

json_t *reload_grants(const struct reload *reload)
{
	json_t *list = json_array();
	uint64_t now = boot_ms();

	for (size_t i = 0; i < reload->grant_count; i++) {
		const struct reload_granted *grant = &reload->grants[i];
		json_int_t left = grant->until_ms > now ? (json_int_t)(grant->until_ms - now) : 0;
		json_t *item =
			json_pack("{s:I, s:s, s:I}", "id", (json_int_t)grant->id, "rule", grant->rule, "left_ms", left);
		if (grant->once)
			json_object_set_new(item, "once", json_true());
		json_array_append_new(list, item);
	}
	return list;
}

static void drop_grant(struct reload *reload, uint32_t id)
{
	for (size_t i = 0; i < reload->grant_count; i++) {
		if (reload->grants[i].id != id)
			continue;
		free(reload->grants[i].rule);
		memmove(&reload->grants[i], &reload->grants[i + 1],
			(reload->grant_count - i - 1) * sizeof *reload->grants);
		reload->grant_count--;
		return;
	}
}

static void add_grant(struct reload *reload)
{
	uint32_t renewed = reload->pending.ends;

	if (renewed)
		drop_grant(reload, renewed);
	reload->grants[reload->grant_count++] = (struct reload_granted){ .id = renewed ? renewed : ++reload->last_id,
									 .rule = reload->pending.rule,
									 .until_ms = boot_ms() + reload->pending.for_ms,
									 .once = reload->pending.once };
	reload->pending.rule = NULL;
}

/* The one that ends first; NULL: none */
static const struct reload_granted *next_end(const struct reload *reload)
{
	const struct reload_granted *next = NULL;

	for (size_t i = 0; i < reload->grant_count; i++)
		if (!next || reload->grants[i].until_ms < next->until_ms)
			next = &reload->grants[i];
	return next;
}

static void ended(void *self, json_t *json)
{
	struct reload *reload = self;

	reload->end_after_ms = boot_ms() + END_AGAIN_MS;
	reload->end_failures++;
	if (json_is_true(json_object_get(json, "ok"))) {
		reload->end_after_ms = 0;
		reload->end_failures = 0;
	}
	json_decref(json);
}

/* A grant must not outlive its time: where it does for long, nothing passes any more */
static int end_grants(struct sandbox *sandbox)
{
	struct reload *reload = sandbox->reload;
	const struct reload_granted *next = next_end(reload);
	uint64_t now = boot_ms();

	if (!next || reload->pending.kind != RELOAD_IDLE || now < reload->end_after_ms)
		return 0;
	uint32_t over = next->until_ms <= now ? next->id : reload_once_used(sandbox);
	if (!over)
		return 0;
	if (reload->end_failures == END_TRIES) {
		log_error("grant %u cannot be ended: the sandbox is closed", over);
		return -EIO;
	}
	reload_revoke(sandbox, over, ended, reload);
	return 0;
}

/* ---- the loop ---- */

static json_t *done_answer(struct sandbox *sandbox)
{
	const struct reload *reload = sandbox->reload;
	json_t *json = json_pack("{s:b, s:I}", "ok", 1, "generation", (json_int_t)reload->generation);

	if (reload->pending.kind == RELOAD_GRANT)
		json_object_set_new(json, "id", json_integer((json_int_t)reload->grants[reload->grant_count - 1].id));
	reload_tell_ended(flows_result(sandbox->flows), json);
	return json;
}

/* What has been put in force, as an event */
static void tell(struct sandbox *sandbox)
{
	const struct reload *reload = sandbox->reload;
	const struct reload_pending *pending = &reload->pending;
	const struct reload_granted *grant = find_grant(reload, pending->ends ? pending->ends : reload->last_id);
	size_t ended_flows = flows_result(sandbox->flows)->total;

	if (pending->kind == RELOAD_POLICY)
		lifecycle_reloaded(sandbox, ended_flows);
	else if (pending->kind == RELOAD_GRANT && grant)
		lifecycle_granted(sandbox, grant->id, grant->rule, pending->for_ms, ended_flows);
	else if (grant)
		lifecycle_grant_ended(sandbox, grant->id, grant->rule, pending->done != ended, ended_flows);
}

/* The DNS worker has the policy, too: all of it can be put in force */
static int take(struct sandbox *sandbox)
{
	struct reload *reload = sandbox->reload;
	char why[512] = "";
	int error = reload_apply(sandbox, why, sizeof why);

	if (*why) {
		finish(sandbox, reload_failed(why));
		return error;
	}
	if (error < 0)
		return error;
	reload->generation++;
	reload->pending.applied = true;
	if (reload->pending.kind == RELOAD_GRANT)
		add_grant(reload);
	tell(sandbox);
	if (reload->pending.kind == RELOAD_REVOKE)
		drop_grant(reload, reload->pending.ends);
	return 0;
}

static int go_on(struct sandbox *sandbox)
{
	struct reload *reload = sandbox->reload;

	if (reload->pending.applied) {
		if (!flows_result(sandbox->flows)->done)
			return 0;
		if (policy_meters(sandbox->start->config->policy))
			reload_use_fast_path(sandbox, sandbox->start->config->policy);
		finish(sandbox, done_answer(sandbox));
		return 0;
	}
	switch (dns_policy_offered(sandbox->dns)) {
	case DNS_OFFER_READY:
		return flows_result(sandbox->flows)->done ? take(sandbox) : 0;
	case DNS_OFFER_NONE: /* it has only now taken the one before */
		reload_offer(sandbox);
		break;
	case DNS_OFFER_REFUSED:
		reload_abandon(sandbox);
		finish(sandbox,
		       reload_failed("the DNS worker cannot make this policy, for want of memory most likely"));
		return 0;
	case DNS_OFFER_WAITS:
		break;
	}
	if (clock_ms() < reload->pending.until_ms)
		return 0;
	reload_abandon(sandbox);
	finish(sandbox, reload_failed("the DNS worker does not answer"));
	return 0;
}

/* A rule's limit of bytes was used up: what it let pass ends. Behind what goes on, whose result is told first. */
static int end_spent(struct sandbox *sandbox)
{
	if (sandbox->reload->pending.applied || !flows_result(sandbox->flows)->done ||
	    !denials_spent_anew(sandbox->denials))
		return 0;
	return flows_revoke(sandbox->flows, sandbox->start->config->policy, dns_bindings(sandbox->dns));
}

int reload_turn(struct sandbox *sandbox)
{
	int error = end_spent(sandbox);

	if (error < 0) {
		log_error("flows of a rule whose limit of bytes is used up cannot be ended: the sandbox is closed: %s",
			  strerror(-error));
		return error;
	}

	if (sandbox->reload->pending.kind != RELOAD_IDLE)
		error = go_on(sandbox);
	return error < 0 ? error : end_grants(sandbox);
}

int reload_wait(const struct reload *reload)
{
	const struct reload_granted *next = next_end(reload);
	uint64_t now = boot_ms(), at = next ? next->until_ms : 0;

	if (reload->pending.kind != RELOAD_IDLE)
		return PENDING_MS;
	if (!next)
		return -1;
	if (at < reload->end_after_ms)
		at = reload->end_after_ms;
	int once = reload_once_wait(reload), wait = at <= now ? 0 : at - now > INT_MAX ? INT_MAX : (int)(at - now);
	return once >= 0 && once < wait ? once : wait;
}
