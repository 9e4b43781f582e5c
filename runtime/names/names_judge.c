/* A table of flows by serial: an index, and a generation that tells one use of a place from the next. */
#include "names/names_judge.h"
#include "eval/audit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define INDEX_BITS 13
#define KEPT_MAX 4096   /* bytes of the names of one flow's address; with more, those it has when it is judged count */
#define FORESEEN_MOST 4 /* names that are tried */

struct waiting {
	uint32_t generation; /* of this use, or the last */
	bool used, asked;
	struct addr addr; /* unmapped */
	uint16_t port;
	char *names; /* each ends with NUL, the last with two; NULL: those of the time of the verdict */
	/* Once it is admitted, or foreseen */
	char *sni; /* NULL: none was said */
	bool ech;
	struct names_origin origin;
	bool to_end, told;
	uint64_t asked_ms; /* when the worker was first to be told; 0: not yet */
	uint32_t meter;    /* its bytes are counted by; 0: by none */
};

struct names_judge {
	struct eval_context context;
	const struct policy *spared; /* of an audit; NULL: none */
	struct waiting *flows;
	size_t room, first_free;                              /* no flow before this one is */
	size_t ending;                                        /* are to end, and have not */
	void (*ended)(void *self, const struct names_flow *); /* NULL: nobody is told */
	void *ended_self;
	names_count *count; /* NULL: there is no way */
	void *count_self;
};

struct names_judge *names_judge_new(const struct policy *policy, const struct policy *spared,
				    const struct addr_gateway *gateway, size_t room)
{
	struct names_judge *judge = calloc(1, sizeof *judge);

	if (!judge)
		return NULL;
	judge->context = (struct eval_context){ policy, *gateway, EVAL_NO_BINDINGS };
	judge->spared = spared;
	judge->room = room < 1u << INDEX_BITS ? room : 1u << INDEX_BITS;
	judge->flows = calloc(judge->room, sizeof *judge->flows);
	if (judge->flows)
		return judge;
	free(judge);
	return NULL;
}

void names_judge_use_policy(struct names_judge *judge, const struct policy *policy)
{
	judge->context.policy = policy;
}

void names_judge_free(struct names_judge *judge)
{
	if (!judge)
		return;
	for (size_t i = 0; i < judge->room; i++) {
		free(judge->flows[i].names);
		free(judge->flows[i].sni);
	}
	free(judge->flows);
	free(judge);
}

/* ---- names of an address ---- */

struct kept {
	char *names;
	size_t len;
};

static bool keep_name(const char *name, void *context)
{
	struct kept *kept = context;
	size_t len = strlen(name) + 1;

	if (kept->len + len + 1 > KEPT_MAX)
		return true;
	memcpy(kept->names + kept->len, name, len);
	kept->len += len;
	return false;
}

static char *keep_names(struct eval_bindings now, struct addr addr)
{
	struct kept kept = { .names = malloc(KEPT_MAX) };

	bool all = kept.names && now.any_name && !now.any_name(now.self, addr, keep_name, &kept);

	if (!all) {
		free(kept.names);
		return NULL;
	}
	kept.names[kept.len++] = '\0';
	char *fit = realloc(kept.names, kept.len);
	return fit ? fit : kept.names;
}

static bool any_kept(const void *self, struct addr addr, bool (*each)(const char *name, void *context), void *context)
{
	const struct waiting *flow = self;

	for (const char *name = flow->names; addr_equal(addr, flow->addr) && *name; name += strlen(name) + 1)
		if (each(name, context))
			return true;
	return false;
}

/* ---- the table ---- */

uint32_t names_judge_open(struct names_judge *judge, const struct eval_connection *connection, struct eval_bindings now)
{
	while (judge->first_free < judge->room && judge->flows[judge->first_free].used)
		judge->first_free++;
	if (judge->first_free == judge->room)
		return NAMES_NO_SERIAL;
	struct waiting *flow = &judge->flows[judge->first_free];
	uint32_t generation = (flow->generation + 1) & (UINT32_MAX >> INDEX_BITS);
	*flow = (struct waiting){ .generation = generation ? generation : 1,
				  .used = true,
				  .addr = addr_unmap(connection->addr),
				  .port = connection->port };
	flow->names = keep_names(now, flow->addr);
	return flow->generation << INDEX_BITS | (uint32_t)judge->first_free;
}

static struct waiting *find(const struct names_judge *judge, uint32_t serial)
{
	size_t index = serial & ((1u << INDEX_BITS) - 1);
	struct waiting *flow = index < judge->room ? &judge->flows[index] : NULL;

	return flow && flow->used && flow->generation == serial >> INDEX_BITS ? flow : NULL;
}

void names_judge_drop(struct names_judge *judge, uint32_t serial)
{
	struct waiting *flow = find(judge, serial);

	if (!flow)
		return;
	free(flow->names);
	free(flow->sni);
	flow->names = flow->sni = NULL;
	judge->ending -= flow->to_end;
	flow->to_end = flow->used = false;
	if ((size_t)(flow - judge->flows) < judge->first_free)
		judge->first_free = (size_t)(flow - judge->flows);
}

/* The names of a flow whose address had too many are those it has by now. */
static struct names_flow describe(const struct names_judge *judge, const struct waiting *flow, struct eval_bindings now)
{
	return (struct names_flow){
		.serial = flow->generation << INDEX_BITS | (uint32_t)(flow - judge->flows),
		.connection = { .direction = POLICY_EGRESS,
				.proto = PROTO_TCP,
				.addr = flow->addr,
				.has_port = true,
				.port = flow->port,
				.sni = flow->sni,
				.ech = flow->ech },
		.waits = flow->origin.judged && !flow->asked && !flow->sni,
		.names = flow->names ? (struct eval_bindings){ any_kept, flow } : now,
		.guest = flow->origin.guest,
		.guest_port = flow->origin.guest_port,
		.began_ms = flow->origin.began_ms,
	};
}

/* One that the worker gives back, unless it was refused: that is not there any more. */
static void give_back(struct names_judge *judge, uint32_t serial, struct eval_bindings now)
{
	const struct waiting *flow = find(judge, serial);

	if (!flow)
		return;
	struct names_flow out = describe(judge, flow, now);
	if (judge->ended)
		judge->ended(judge->ended_self, &out);
	names_judge_drop(judge, serial);
}

/* ---- the verdict ---- */

/* What is said of the flow, for the evaluator; `name` has room for the server name */
static struct eval_connection connection_of(const struct waiting *flow, const struct names_ask *ask, char *name)
{
	/* A server may take the name to end at a NUL; it is judged nowhere. */
	bool named = ask->has_name && !memchr(ask->name, '\0', ask->name_len);

	memcpy(name, ask->name, ask->name_len);
	name[ask->name_len] = '\0';
	return (struct eval_connection){
		.direction = POLICY_EGRESS,
		.proto = PROTO_TCP,
		.addr = flow->addr,
		.has_port = true,
		.port = flow->port,
		.sni = named ? name : NULL,
		.ech = ask->ech,
	};
}

static struct eval_context context_of(const struct names_judge *judge, const struct waiting *flow,
				      struct eval_bindings now)
{
	struct eval_context context = judge->context;

	context.bindings = flow->names ? (struct eval_bindings){ any_kept, flow } : now;
	return context;
}

/* Whether the name would have done without the extension */
static enum denial_hello reason_of(const struct eval_context *context, struct eval_connection connection)
{
	bool ech = connection.ech;

	connection.ech = false;
	return ech && eval_connection(context, &connection).action == POLICY_ALLOW ? DENIAL_ECH : DENIAL_NAME;
}

static bool is_logged(const struct policy *policy, struct eval_verdict verdict)
{
	return verdict.by.kind == DECIDER_RULE && policy->rules.items[verdict.by.rule].log;
}

static uint32_t meter_of(const struct policy *policy, struct eval_verdict verdict)
{
	return verdict.action == POLICY_ALLOW && verdict.by.kind == DECIDER_RULE ?
		       policy->rules.items[verdict.by.rule].meter :
		       0;
}

static bool passes_unlogged(const struct eval_context *context, const struct eval_connection *connection)
{
	struct eval_verdict verdict = eval_connection(context, connection);

	return verdict.action == POLICY_ALLOW && !is_logged(context->policy, verdict) &&
	       !meter_of(context->policy, verdict);
}

/* ---- limits of bytes ---- */

void names_judge_count_with(struct names_judge *judge, names_count *count, void *self)
{
	judge->count = count;
	judge->count_self = self;
}

static int set_meter(struct names_judge *judge, struct waiting *flow, uint32_t meter)
{
	if (flow->meter == meter)
		return 0;
	int error = judge->count && flow->origin.far.proto ? judge->count(judge->count_self, &flow->origin.far, meter) :
							     -EOPNOTSUPP;
	if (error == 0)
		flow->meter = meter;
	return error;
}

/* Before anything of it passes; what cannot be counted does not. `unsaid`: it may say a name yet, and be let pass by that */
static bool is_counted(struct names_judge *judge, struct waiting *flow, const struct eval_context *context,
		       const struct eval_connection *connection, bool unsaid, struct denials *denials)
{
	struct eval_verdict verdict = eval_connection(context, connection);
	uint32_t meter = meter_of(context->policy, verdict);

	if (meter && denials_is_spent(denials, &context->policy->rules.items[verdict.by.rule])) {
		if (!unsaid)
			denials_spent_flow(denials, connection, verdict.by.rule);
		return false;
	}
	return set_meter(judge, flow, meter) == 0;
}

bool names_judge_count_unnamed(struct names_judge *judge, uint32_t serial, const struct eval_connection *connection,
			       struct eval_bindings now, struct denials *denials)
{
	struct waiting *flow = find(judge, serial);

	if (!flow)
		return false;
	struct eval_context context = context_of(judge, flow, now);
	return is_counted(judge, flow, &context, connection, flow->origin.judged, denials);
}

/* What was connected for a flow may be gone already. */
int names_judge_meter(struct names_judge *judge, uint32_t serial, uint32_t meter)
{
	struct waiting *flow = find(judge, serial);
	int error = flow ? set_meter(judge, flow, meter) : 0;

	if (error == -ENOENT)
		return 0;
	return error < 0 ? names_judge_end(judge, serial) : 0;
}

/* Of one that says nothing else, since it is not asked about then, or of one that was asked about */
static void keep_said(struct waiting *flow, const char *name, bool ech)
{
	free(flow->sni);
	flow->sni = name ? strdup(name) : NULL;
	flow->ech = ech;
}

void names_judge_foresee(const struct names_judge *judge, uint32_t serial, struct names_message *pair)
{
	const struct waiting *flow = find(judge, serial);
	struct names_ask none = { 0 };
	char ignored[HELLO_NAME_MAX + 1];

	if (!flow || !flow->names)
		return;
	struct eval_context context = context_of(judge, flow, EVAL_NO_BINDINGS);
	struct eval_connection connection = connection_of(flow, &none, ignored);
	const char *name = flow->names;
	for (int i = 0; i < FORESEEN_MOST && *name; i++, name += strlen(name) + 1) {
		connection.sni = name;
		if (strlen(name) > HELLO_NAME_MAX || !passes_unlogged(&context, &connection))
			continue;
		pair->foreseen_len = (uint8_t)strlen(name);
		memcpy(pair->foreseen, name, pair->foreseen_len);
		keep_said(find(judge, serial), name, false);
		return;
	}
}

/* To be told: a name of its address only where it has said none, which is the one that counts */
static struct denial_flow told_flow(const struct waiting *flow, const struct eval_context *context,
				    const struct eval_connection *connection, struct eval_verdict verdict)
{
	return (struct denial_flow){
		.connection = connection,
		.verdict = verdict,
		.source_port = flow->origin.guest_port,
		.name = connection->sni ? NULL : eval_first_name(&context->bindings, connection->addr),
	};
}

static bool may_go_on(const struct policy *spared, const struct waiting *flow, const struct eval_context *context,
		      const struct eval_connection *connection, struct denials *denials)
{
	struct eval_verdict verdict = eval_connection(context, connection);
	bool allowed = verdict.action == POLICY_ALLOW;

	bool passes = allowed || audit_spares_connection(spared, context, connection);
	const struct denial_flow told = told_flow(flow, context, connection, verdict);
	if (denials && (!allowed || is_logged(context->policy, verdict) || denials_tells_all(denials)))
		denials_server_name(denials, &told, allowed ? DENIAL_NAME : reason_of(context, *connection),
				    passes && !allowed);
	return passes;
}

static void report_ended(const struct waiting *flow, const struct eval_context *context,
			 const struct eval_connection *connection, enum denial_hello why, struct denials *denials)
{
	struct eval_verdict refused = { POLICY_DENY, decided_by(DECIDER_REFUSED) };
	const struct denial_flow told = told_flow(flow, context, connection, refused);

	if (denials)
		denials_server_name(denials, &told, why, false);
}

static bool is_sane(const struct names_ask *ask)
{
	return ask->saw < NAMES_SAW_COUNT && ask->has_name <= 1 && ask->ech <= 1 && (ask->has_name || !ask->name_len);
}

/* Of a flow that the worker has ended */
static const enum denial_hello ended_why[NAMES_SAW_COUNT] = {
	[NAMES_SAW_MALFORMED] = DENIAL_MALFORMED,
	[NAMES_SAW_SLOW] = DENIAL_SLOW,
	[NAMES_SAW_RENAMED] = DENIAL_RENAMED,
};

static int judge_flow(struct names_judge *judge, const struct names_ask *ask, struct eval_bindings now,
		      struct denials *denials, struct names_message *verdict)
{
	struct waiting *flow = find(judge, ask->serial);
	char name[HELLO_NAME_MAX + 1];

	if (!is_sane(ask) || !flow || (ask->saw == NAMES_SAW_START && flow->asked))
		return -EPROTO;
	struct eval_context context = context_of(judge, flow, now);
	struct eval_connection connection = connection_of(flow, ask, name);
	*verdict = (struct names_message){ .kind = NAMES_VERDICT, .serial = ask->serial, .token = ask->token };
	flow->asked = true;
	if (ask->saw != NAMES_SAW_START)
		report_ended(flow, &context, &connection, ended_why[ask->saw], denials);
	else if (ask->has_name && !connection.sni)
		report_ended(flow, &context, &connection, DENIAL_MALFORMED, denials);
	else
		verdict->allowed = may_go_on(judge->spared, flow, &context, &connection, denials) &&
				   is_counted(judge, flow, &context, &connection, false, denials);
	if (!verdict->allowed)
		names_judge_drop(judge, ask->serial);
	else
		keep_said(flow, connection.sni, connection.ech);
	return ask->saw == NAMES_SAW_START;
}

int names_judge_ask(struct names_judge *judge, const struct names_ask *ask, struct eval_bindings now,
		    struct denials *denials, struct names_message *verdict)
{
	int result = 0;

	if (ask->kind < NAMES_ASK || ask->kind > NAMES_FULL || ask->given_back_count > NAMES_GIVEN_BACK_MAX)
		return -EPROTO;
	if (ask->kind == NAMES_ASK)
		result = judge_flow(judge, ask, now, denials, verdict);
	for (size_t i = 0; i < ask->given_back_count; i++)
		give_back(judge, ask->given_back[i], now);
	return result;
}

/* ---- those that go on ---- */

void names_judge_note(struct names_judge *judge, uint32_t serial, const struct names_origin *origin)
{
	struct waiting *flow = find(judge, serial);

	if (flow)
		flow->origin = *origin;
}

void names_judge_tell_ended(struct names_judge *judge, void (*ended)(void *self, const struct names_flow *), void *self)
{
	judge->ended = ended;
	judge->ended_self = self;
}

int names_judge_flows(struct names_judge *judge, struct eval_bindings now,
		      int (*each)(const struct names_flow *, void *), void *context)
{
	int result = 0;

	for (size_t i = 0; i < judge->room && result == 0; i++) {
		const struct waiting *flow = &judge->flows[i];
		if (!flow->used)
			continue;
		struct names_flow out = describe(judge, flow, now);
		result = each(&out, context);
	}
	return result;
}

int names_judge_end(struct names_judge *judge, uint32_t serial)
{
	struct waiting *flow = find(judge, serial);

	if (!flow || flow->to_end)
		return 0;
	flow->to_end = true;
	flow->told = false;
	flow->asked_ms = 0;
	judge->ending++;
	return 1;
}

size_t names_judge_ending(const struct names_judge *judge)
{
	return judge->ending;
}

int names_judge_settle(struct names_judge *judge, uint64_t now_ms, int (*tell)(uint32_t serial, void *context),
		       void *context)
{
	for (size_t i = 0; i < judge->room && judge->ending; i++) {
		struct waiting *flow = &judge->flows[i];
		if (!flow->to_end)
			continue;
		if (!flow->asked_ms)
			flow->asked_ms = now_ms;
		if (now_ms - flow->asked_ms > NAMES_END_MS)
			return -EPROTO;
		int error = flow->told ? 0 : tell(flow->generation << INDEX_BITS | (uint32_t)i, context);
		flow->told = error == 0;
		if (error < 0 && error != -EAGAIN)
			return error;
	}
	return 0;
}
