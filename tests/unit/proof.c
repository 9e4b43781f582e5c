/* What a ruleset makes of packets, held against the evaluator. */
#include "proof.h"
#include "base/escape.h"
#include "eval/builtin.h"
#include "lower/lower_bound.h"
#include "lower/sandbox_net.h"
#include "policy/policy_facts.h"
#include "policy/flow.h"
#include "tests/lib/trial_shrink.h"

#include <criterion/criterion.h>
#include <string.h>

static struct packet_ends ends_of(const struct addr_gateway *gateway, struct addr own)
{
	struct packet_ends ends = { .source = lower_guest_addr(own) };

	lower_guest_mac(gateway, ends.source_mac);
	return ends;
}

static const char *rule_comment(struct arena *arena, const struct policy *policy, size_t rule)
{
	const struct policy_rule *by = &policy->rules.items[rule];

	return escape_nft_comment(arena,
				  arena_printf(arena, "%s %s", policy_origin(arena, policy, by->span), by->text));
}

static const char *decider_comment(struct arena *arena, const struct policy *subject, struct decider by)
{
	const struct policy_default *otherwise = &subject->egress;

	if (by.kind == DECIDER_RULE)
		return rule_comment(arena, subject, by.rule);
	return escape_nft_comment(
		arena,
		otherwise->span.source == SPAN_NO_SOURCE ?
			otherwise->text :
			arena_printf(arena, "%s %s", policy_origin(arena, subject, otherwise->span), otherwise->text));
}

/* Of TCP where server names decide, what the rules say of the address alone: the ruleset knows no more, and a flow that waits
 * for its name has the words of that. */
static struct decider by_address(const struct eval_context *context, const struct eval_connection *flow)
{
	struct eval_context alone = *context;

	alone.bindings = EVAL_NO_BINDINGS;
	return eval_connection(&alone, flow).by;
}

static bool is_deferring(const struct proof *proof, const struct eval_connection *flow)
{
	return flow->proto == PROTO_TCP && policy_defers(proof->made.policy);
}

/* The words that stand in the ruleset for who decided: a floor that denies is asked before the policy's own rules. NULL: of
 * QUIC, which refuses where a rule on names is, whatever that rule says. */
static const char *words_of(const struct proof *proof, const struct eval_connection *flow, struct decider by)
{
	const struct policy *policy = proof->made.policy;
	bool defers = is_deferring(proof, flow);

	for (size_t i = 0; i < policy->floors.count; i++) {
		struct eval_context floor = eval_floor_context(&proof->made.context, i);
		struct eval_verdict verdict = eval_connection(&floor, flow);
		if (defers ? eval_syn(&floor, flow) == EVAL_SYN_DENY : verdict.action == POLICY_DENY)
			return verdict.by.kind == DECIDER_HIDDEN ?
				       NULL :
				       decider_comment(proof->made.arena, floor.policy,
						       defers ? by_address(&floor, flow) : verdict.by);
	}
	if (by.kind == DECIDER_HIDDEN)
		return NULL;
	if (defers) { /* floors aside */
		struct policy own = *policy;
		struct eval_context context = proof->made.context;
		own.floors.count = 0;
		context.policy = &own;
		by = by_address(&context, flow);
	}
	return decider_comment(proof->made.arena, policy, by);
}

bool proof_asks(const struct proof *proof, struct addr addr)
{
	const struct addr_gateway *gateway = &proof->made.context.gateway;
	struct addr guest = lower_guest_addr(addr.family == ADDR_V4 ? gateway->v4 : gateway->v6);

	return !addr_is_mapped(addr) && !addr_is_unspecified(addr) && !addr_equal(addr, guest);
}

static const char *arrives_as(enum run_end end)
{
	return end == RUN_FORWARDED ? "lets it pass" : end == RUN_DELIVERED ? "delivers it" : run_end_name(end);
}

/* What no rule can allow is refused before the rules are asked, whoever the evaluator says decided. */
bool proof_refuses_always(const struct proof *proof, const struct eval_connection *flow)
{
	const struct addr_gateway *gateway = &proof->made.context.gateway;

	return eval_port_refused(flow) || eval_refused_address(POLICY_EGRESS, flow->addr, gateway) ||
	       addr_is_malformed(flow->addr, &gateway->nat64);
}

/* How a refusal by the rules looks: at once, and reported */
static bool refused_rightly(const struct run_result *result, bool tcp)
{
	return result->end == (tcp ? RUN_RESET : RUN_PROHIBITED) && result->logged & 1u << LOWER_LOG_GROUP;
}

static void show(const struct proof *proof, const struct eval_connection *flow, const struct eval_verdict *verdict,
		 const struct run_result *result, const char *words)
{
	struct arena *arena = proof->made.arena;

	static const char *const syns[] = { "allow", "deny", "defer" };

	cr_log_error("%s, bound to %s\n%s\neval: %s by \"%s\" (its SYN: %s); the ruleset %s, by \"%s\" (chain %s)",
		     flow_format_connection(arena, POLICY_EGRESS, flow->addr, flow->proto, flow->has_port, flow->port),
		     proof->bound.count ? "some names" : "no name", policy_format(arena, proof->made.policy),
		     policy_action_name(verdict->action), words ? words : "(what no rule changes)",
		     syns[eval_syn(&proof->made.context, flow)], arrives_as(result->end),
		     result->decided ? result->decided : "", result->chain);
}

/* By what its bytes are to be counted */
static uint32_t meter_of(const struct proof *proof, struct eval_verdict verdict)
{
	return verdict.by.kind == DECIDER_RULE ? proof->made.policy->rules.items[verdict.by.rule].meter : 0;
}

/* Some rules get a limit of bytes. */
void proof_meter(struct proof *proof, struct random *random)
{
	struct policy *policy = proof->made.policy;

	for (size_t i = 0; i < policy->rules.count; i++) {
		struct policy_rule *rule = &policy->rules.items[i];
		if (rule->action != POLICY_ALLOW || rule->directions != POLICY_EGRESS || random_below(random, 3))
			continue;
		rule->bytes = UINT64_C(1) << 40;
		rule->meter = POLICY_METER_FLAG | (uint32_t)i;
	}
}

static bool is_denying_default(const struct proof *proof, const char *words)
{
	const struct policy *policy = proof->made.policy;

	return words && policy->egress.action == POLICY_DENY &&
	       !strcmp(words, decider_comment(proof->made.arena, policy, decided_by(DECIDER_DEFAULT)));
}

/* Whether the frame fared as the evaluator says; *words: of who must have decided, NULL where that does not matter */
static bool fared(const struct proof *proof, const struct eval_connection *flow, const struct eval_verdict *verdict,
		  const struct run_result *result, const char **words)
{
	const struct addr_gateway *gateway = &proof->made.context.gateway;
	bool arrived = result->end == RUN_FORWARDED || result->end == RUN_DELIVERED;

	*words = NULL;
	if (!(flow->addr.family == ADDR_V4 ? gateway->has4 : gateway->has6))
		return result->end == RUN_DROPPED;
	if (flow->has_port && flow->port == LOWER_DNS_PORT)
		return !arrived;
	if (proof_refuses_always(proof, flow))
		return verdict->action == POLICY_DENY && !arrived;
	*words = words_of(proof, flow, verdict->by);
	bool diverted = result->ct_mark == LOWER_DIVERTED_CT;
	enum eval_syn syn = verdict->action == POLICY_ALLOW ? EVAL_SYN_ALLOW : EVAL_SYN_DENY;
	if (is_deferring(proof, flow))
		syn = eval_syn(&proof->made.context, flow);
	if (syn == EVAL_SYN_DEFER && (policy_meters(proof->made.policy) || is_denying_default(proof, *words)))
		*words =
			NULL; /* whichever of the rules was met whose bytes the name tells; the default counts what it denies alone */
	if (syn == EVAL_SYN_DEFER)
		return diverted && result->end == RUN_DELIVERED && result->mark == LOWER_DIVERT_MARK;
	if (syn == EVAL_SYN_DENY)
		return refused_rightly(result, flow->proto == PROTO_TCP);
	return result->ct_mark == meter_of(proof, *verdict) &&
	       result->end == (addr_gateway_has(gateway, flow->addr) ? RUN_DELIVERED : RUN_FORWARDED);
}

static bool agrees(const struct proof *proof, const struct eval_connection *flow, const struct run_result *result,
		   bool shown)
{
	struct eval_verdict verdict = eval_connection(&proof->made.context, flow);
	const char *words;
	bool same = fared(proof, flow, &verdict, result, &words);
	bool named = !words || (result->decided && !strcmp(result->decided, words));

	if (shown && (!same || !named))
		show(proof, flow, &verdict, result, words);
	return same && named;
}

struct eval_connection proof_connection(const struct packet_flow *packet)
{
	bool has_port = packet->proto == IPPROTO_TCP || packet->proto == IPPROTO_UDP;

	return (struct eval_connection){ .direction = POLICY_EGRESS,
					 .addr = packet->to,
					 .proto = packet_policy_proto(packet->proto),
					 .has_port = has_port,
					 .port = has_port ? packet->port : 0 };
}

struct run_result proof_run(const struct proof *proof, const struct run_world *world, const struct packet_flow *packet)
{
	uint8_t frame[PACKET_MAX];
	size_t len = packet_build(frame, packet->to.family == ADDR_V4 ? &proof->ends4 : &proof->ends6, packet);

	return ruleset_run_frame(proof->run, world, LOWER_TAP, frame, len);
}

bool proof_packet(const struct proof *proof, const struct packet_flow *packet, bool shown, struct run_result *out)
{
	struct eval_connection flow = proof_connection(packet);
	struct run_result result = proof_run(proof, &proof->world, packet);

	if (out)
		*out = result;
	return agrees(proof, &flow, &result, shown);
}

/* ---- names ---- */

/* What the runtime does with the kernel's table: sets and chains first, then elements */
static void apply(struct proof *proof, const struct bindings_changes *changes, uint64_t now_ms)
{
	const struct rs_table *made = changes->ruleset ? &changes->ruleset->tables.items[0] : NULL;

	for (size_t i = 0; made && i < made->sets.count; i++)
		ruleset_run_add_set(proof->run, &made->sets.items[i]);
	for (size_t i = 0; made && i < made->chains.count; i++)
		ruleset_run_add_chain(proof->run, &made->chains.items[i]);
	for (size_t i = 0; i < changes->count; i++) {
		const struct bindings_change *change = &changes->items[i];
		const u128 key[RS_KEY_PARTS] = { change->addr.value };
		struct rs_verdict verdict = { change->jump ? RS_JUMP : RS_GOTO, change->chain };
		if (change->remove)
			ruleset_run_remove(proof->run, change->set, key);
		else
			ruleset_run_add(proof->run, change->set, key, change->chain ? &verdict : NULL,
					now_ms + change->timeout_ms);
	}
}

void proof_bind(struct proof *proof, const char *name, struct addr addr, uint64_t ttl_ms)
{
	struct bindings_changes changes;

	if (!proof_asks(proof, addr) ||
	    !(addr.family == ADDR_V4 ? proof->world.gateway.has4 : proof->world.gateway.has6))
		return;
	cr_assert_eq(bindings_set(proof->bindings, name, addr.family, &addr, 1, ttl_ms, PROOF_START_MS, &changes), 0);
	apply(proof, &changes, PROOF_START_MS);
	*arena_push(proof->made.arena, &proof->bound) = addr;
}

/* A negative answer */
void proof_unbind(struct proof *proof, const char *name, enum addr_family family)
{
	struct bindings_changes changes;

	cr_assert_eq(bindings_set(proof->bindings, name, family, NULL, 0, 0, PROOF_START_MS, &changes), 0);
	apply(proof, &changes, PROOF_START_MS);
}

/* Time goes on, and what ends by then ends: what the supervisor's timer does */
void proof_pass_time(struct proof *proof, uint64_t now_ms)
{
	struct bindings_changes changes;
	uint64_t next;

	while ((next = bindings_next_ms(proof->bindings)) <= now_ms) {
		bindings_expire(proof->bindings, next, &changes);
		apply(proof, &changes, next);
	}
	ruleset_run_set_time(proof->run, now_ms);
	proof->made.context.bindings = bindings_view(proof->bindings, now_ms);
}

/* ---- policies ---- */

void proof_prepare(struct proof *proof, int level)
{
	const struct addr_gateway *gateway = &proof->made.context.gateway;
	struct trial as = { .gateway = *gateway, .level = level };

	const struct ruleset *ruleset = trial_ruleset(proof->made.arena, &as, proof->made.policy);
	proof->run = ruleset_run_new(proof->made.arena, ruleset);
	proof->world = (struct run_world){ .gateway = *gateway, .ct_state = RUN_CT_NEW, .name_relay = true };
	proof->ends4 = ends_of(gateway, gateway->v4);
	proof->ends6 = ends_of(gateway, gateway->v6);
	proof->bindings = bindings_new(proof->made.policy, gateway, lower_bound_maps(ruleset));
}

void proof_finish(struct proof *proof)
{
	bindings_free(proof->bindings);
	for (size_t i = 0; i < proof->others.count; i++)
		arena_free(proof->others.items[i]);
	arena_free(proof->made.arena);
}

/* The trial's policy, with its names bound as they are at first */
struct proof proof_of_trial(struct arena *arena, const struct trial *trial)
{
	struct proof proof = { .made = { .arena = arena, .policy = trial_policy(arena, trial) }, .trial = trial };

	proof.made.context = (struct eval_context){ .policy = proof.made.policy, .gateway = trial->gateway };
	proof_prepare(&proof, trial->level);
	for (size_t i = 0; i < trial->bindings.count; i++) {
		const struct trial_binding *binding = &trial->bindings.items[i];
		if (binding->how == TRIAL_GONE) {
			proof_unbind(&proof, binding->name, ADDR_V4);
			proof_unbind(&proof, binding->name, ADDR_V6);
		} else {
			proof_bind(&proof, binding->name, binding->addr,
				   binding->how == TRIAL_ENDS ? PROOF_STEP_MS / 2 : 3 * PROOF_STEP_MS);
		}
	}
	proof_pass_time(&proof, PROOF_START_MS);
	return proof;
}

/* Whether the flow alone differs, at first or when some names have ended */
static bool trial_is_wrong(void *context, const struct trial *trial, const struct packet_flow *packet)
{
	struct proof proof = proof_of_trial(arena_new(), trial);
	bool wrong = false;

	for (uint64_t now_ms = PROOF_START_MS; now_ms <= PROOF_START_MS + PROOF_STEP_MS && !wrong;
	     now_ms += PROOF_STEP_MS) {
		proof_pass_time(&proof, now_ms);
		wrong = !proof_packet(&proof, packet, context != NULL, NULL);
	}
	proof_finish(&proof);
	return wrong;
}

/* What it was, made small */
void proof_explain(const struct proof *proof, struct packet_flow packet)
{
	if (!proof->trial)
		return;
	struct trial trial = *proof->trial;
	if (!trial_is_wrong(NULL, &trial, &packet))
		return;
	trial_shrink(&trial, &packet, trial_is_wrong, NULL);
	trial_print(stderr, &trial, &packet);
	trial_is_wrong(&trial, &trial, &packet);
}
