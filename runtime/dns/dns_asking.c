/* Queries that wait for a person. */
#include "dns/dns_asking.h"
#include "eval/suggest.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct asked_query {
	struct asked_query *next;
	struct asked_name *of;
	struct timer timer;
	struct dns_query query;
	struct client_ref client;
};

struct asked_name {
	uint32_t serial; /* 0: free */
	uint32_t untold; /* tries that the supervisor has not been told of */
	bool told;       /* and has not answered */
	struct asked_query *queries;
	char name[NAME_TEXT_MAX];
};

struct asking {
	struct asked_name names[ASKING_NAMES_MAX];
	size_t queries;
	uint32_t serial;
	struct timers ends;
};

static const struct dns_note waits = { 0, "no rule decides: this waits for an answer (msb-ctl pending)" };

struct asking *asking_new(void)
{
	struct asking *asking = calloc(1, sizeof *asking);

	if (asking)
		timers_init(&asking->ends, ASKING_HOLD_MS);
	return asking;
}

static void free_query(struct asking *asking, struct asked_query *query)
{
	timer_stop(&query->timer);
	free(query);
	asking->queries--;
}

void asking_free(struct asking *asking)
{
	for (size_t i = 0; asking && i < ASKING_NAMES_MAX; i++)
		for (struct asked_query *query = asking->names[i].queries, *next; query; query = next) {
			next = query->next;
			free_query(asking, query);
		}
	free(asking);
}

/* ---- the supervisor ---- */

static bool tell(struct proxy *proxy, struct asked_name *name)
{
	struct dns_ask_name ask = { .kind = DNS_ASK_NAME, .serial = name->serial, .tries = name->untold };

	memcpy(ask.name, name->name, strlen(name->name) + 1);
	if (send(proxy->control, &ask, sizeof ask, MSG_DONTWAIT | MSG_NOSIGNAL) != sizeof ask)
		return false; /* again with the next turn */
	name->told = true;
	name->untold = 0;
	return true;
}

/* ---- names ---- */

/* The one that is there, else a free one, else NULL */
static struct asked_name *find(struct asking *asking, const char *text)
{
	struct asked_name *unused = NULL;

	for (size_t i = 0; i < ASKING_NAMES_MAX; i++) {
		struct asked_name *name = &asking->names[i];
		if (name->serial && !strcmp(name->name, text))
			return name;
		if (!name->serial && !unused)
			unused = name;
	}
	return unused;
}

static void begin(struct asking *asking, struct asked_name *name, const char *text)
{
	asking->serial = asking->serial == UINT32_MAX ? 1 : asking->serial + 1;
	*name = (struct asked_name){ .serial = asking->serial };
	memcpy(name->name, text, strlen(text) + 1);
}

/* Its queries, which it has no more, oldest first */
static struct asked_query *take_queries(struct asked_name *name)
{
	struct asked_query *taken = NULL;

	for (struct asked_query *query = name->queries, *next; query; query = next) {
		next = query->next;
		query->next = taken;
		taken = query;
	}
	*name = (struct asked_name){ 0 };
	return taken;
}

static bool may_ask(const char *name, struct eval_verdict verdict)
{
	struct arena *arena;
	bool may;

	if (verdict.action != POLICY_DENY || verdict.by.kind != DECIDER_DEFAULT)
		return false;
	arena = arena_new();
	may = suggest_offers_name(arena, name);
	arena_free(arena);
	return may;
}

bool asking_hold(struct proxy *proxy, const struct dns_query *query, const char *text, struct eval_verdict verdict,
		 const struct client_ref *client)
{
	struct asking *asking = proxy->asking;

	if (!asking || asking->queries == ASKING_QUERIES_MAX || !may_ask(text, verdict))
		return false;
	struct asked_name *name = find(asking, text);
	struct asked_query *held = name ? malloc(sizeof *held) : NULL;
	if (!held)
		return false;
	if (!name->serial)
		begin(asking, name, text);
	*held = (struct asked_query){ .next = name->queries, .of = name, .query = *query, .client = *client };
	name->queries = held;
	name->untold += name->untold < UINT32_MAX;
	asking->queries++;
	timer_start(&asking->ends, &held->timer, proxy->now_ms);
	if (!name->told)
		tell(proxy, name);
	return true;
}

/* ---- answers ---- */

/* By the policy in force, which decides it */
static void judge_queries(struct proxy *proxy, struct asked_query *query, const char *text)
{
	for (struct asked_query *next; query; query = next) {
		next = query->next;
		proxy_judge(proxy, &query->query, text, &query->client);
		free_query(proxy->asking, query);
	}
}

void asking_judge_again(struct proxy *proxy)
{
	char text[NAME_TEXT_MAX];

	for (size_t i = 0; proxy->asking && i < ASKING_NAMES_MAX; i++) {
		struct asked_name *name = &proxy->asking->names[i];
		if (!name->serial || may_ask(name->name, eval_dns(&proxy->context, name->name, FLOW_DNS_UDP)))
			continue;
		memcpy(text, name->name, sizeof text);
		judge_queries(proxy, take_queries(name), text);
	}
}

void asking_told(struct proxy *proxy, const struct dns_verdict *verdict)
{
	struct asked_name *name = NULL;
	char text[NAME_TEXT_MAX];

	for (size_t i = 0; proxy->asking && i < ASKING_NAMES_MAX && !name; i++)
		if (proxy->asking->names[i].serial && proxy->asking->names[i].serial == verdict->serial)
			name = &proxy->asking->names[i];
	if (!name)
		return;
	name->told = false;
	if (verdict->kind == DNS_VERDICT_HELD)
		return;
	memcpy(text, name->name, sizeof text);
	for (struct asked_query *query = take_queries(name), *next; query; query = next) {
		next = query->next;
		proxy_deny(proxy, &query->query, text, &query->client);
		free_query(proxy->asking, query);
	}
}

static void give_up(struct proxy *proxy, struct asked_query *query)
{
	struct asked_name *name = query->of;
	struct asked_query **at = &name->queries;

	while (*at != query)
		at = &(*at)->next;
	*at = query->next;
	proxy_answer_rcode(proxy, &query->query, LDNS_RCODE_SERVFAIL, waits, &query->client);
	free_query(proxy->asking, query);
	/* with a word under way it stays, so that one more is never under way */
	if (!name->queries && !name->told && !name->untold)
		*name = (struct asked_name){ 0 };
}

void asking_turn(struct proxy *proxy)
{
	struct asking *asking = proxy->asking;

	if (!asking)
		return;
	for (struct timer *timer; (timer = timers_ended(&asking->ends, proxy->now_ms));)
		give_up(proxy, timer_of(timer, struct asked_query, timer));
	for (size_t i = 0; i < ASKING_NAMES_MAX; i++) {
		struct asked_name *name = &asking->names[i];
		if (!name->serial || name->told)
			continue;
		if (name->untold && !tell(proxy, name))
			break;
		if (!name->told && !name->queries)
			*name = (struct asked_name){ 0 };
	}
}

int asking_wait(const struct proxy *proxy, int most_ms)
{
	return proxy->asking ? timers_wait(&proxy->asking->ends, proxy->now_ms, most_ms) : most_ms;
}
