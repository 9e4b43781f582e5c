/* What version 1 of the lines has been saying keeps its keys and meanings; new members are added beside. */
#include "report/event_line.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

json_t *event_time_before(uint64_t ms)
{
	struct timespec now;
	struct tm utc;
	char day[32];
	clock_gettime(CLOCK_REALTIME, &now);
	uint64_t then = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 - ms;
	now = (struct timespec){ .tv_sec = (time_t)(then / 1000), .tv_nsec = (long)(then % 1000) * 1000000 };
	gmtime_r(&now.tv_sec, &utc);
	strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &utc);
	return json_sprintf("%s.%03ldZ", day, now.tv_nsec / 1000000);
}

/* As `eval` writes it: a number from 1, or what else decided */
static json_t *decider(struct eval_verdict verdict)
{
	switch (verdict.by.kind) {
	case DECIDER_RULE:
		return json_integer((json_int_t)verdict.by.rule + 1);
	case DECIDER_DEFAULT:
		return json_string("default");
	case DECIDER_FLOOR:
		return json_string("floor");
	case DECIDER_REFUSED:
	case DECIDER_HIDDEN:
		return json_string("refused");
	case DECIDER_REBIND:
		return json_string("rebind");
	case DECIDER_LABEL:
		return json_string("limit");
	case DECIDER_NODE:
		return json_string("node");
	case DECIDER_NONE:
	case DECIDER_SEVERAL: /* of no single flow */
		break;
	}
	return json_null();
}

json_t *event_object(const char *kind, const char *sandbox, const char *id)
{
	json_t *object = json_object();
	json_object_set_new(object, "version", json_integer(1));
	json_object_set_new(object, "time", event_time_before(0));
	json_object_set_new(object, "sandbox", json_string(sandbox));
	json_object_set_new(object, "id", json_string(id));
	json_object_set_new(object, "kind", json_string(kind));
	return object;
}

static json_t *address(struct addr addr)
{
	char text[ADDR_TEXT_MAX];

	return json_string(addr_format(addr, text));
}

/* "port" is the guest's, or the one that it wanted: that which rules are about */
static void add_connection(json_t *object, const struct event *event)
{
	const struct eval_connection *connection = event->connection;
	bool out = connection->direction == POLICY_EGRESS;

	json_object_set_new(object, "direction", json_string(policy_direction_name(connection->direction)));
	json_object_set_new(object, "protocol", json_string(policy_proto_name(connection->proto)));
	json_object_set_new(object, out ? "destination" : "source", address(connection->addr));
	if (event->source_port)
		json_object_set_new(object, "source_port", json_integer(event->source_port));
	if (connection->has_port)
		json_object_set_new(object, "port", json_integer(connection->port));
}

/* What there is of it */
static void add_text(json_t *object, const char *key, const char *text)
{
	if (text)
		json_object_set_new(object, key, json_string(text));
}

static void add_lookup(json_t *object, const struct event *event)
{
	add_text(object, "direction", policy_direction_name(POLICY_EGRESS));
	add_text(object, "protocol", event->protocol);
	add_text(object, "question", event->question);
	add_text(object, "search", event->search);
	if (event->answer)
		json_object_set_new(object, "answer", address(*event->answer));
}

json_t *event_number(uint64_t value)
{
	return json_integer(value < INT64_MAX ? (json_int_t)value : INT64_MAX);
}

static void add_traffic(json_t *object, const struct event_traffic *traffic)
{
	if (traffic->bytes_known) {
		json_object_set_new(object, "bytes_sent", event_number(traffic->bytes_sent));
		json_object_set_new(object, "bytes_received", event_number(traffic->bytes_received));
	}
	if (traffic->packets_known) {
		json_object_set_new(object, "packets_sent", event_number(traffic->packets_sent));
		json_object_set_new(object, "packets_received", event_number(traffic->packets_received));
	}
	json_object_set_new(object, "duration_ms", event_number(traffic->duration_ms));
	add_text(object, "end", traffic->end);
}

/* What became of it; of a flow that has ended, what becomes of such a one now */
static const char *verdict_text(const struct event *event)
{
	if (event->traffic)
		return policy_action_name(event->verdict.action);
	if (!strcmp(event->kind, "ask"))
		return event->kind; /* nobody knows yet */
	return strcmp(event->kind, "allow") && strcmp(event->kind, "audit") ? "deny" : "allow";
}

void event_add_members(json_t *object, const struct event *event)
{
	json_object_set_new(object, "flow", json_string(event->flow));
	json_object_set_new(object, "verdict", json_string(verdict_text(event)));
	if (event->connection)
		add_connection(object, event);
	if (event->question)
		add_lookup(object, event);
	add_text(object, "class", event->class);
	json_object_set_new(object, "rule", decider(event->verdict));
	json_object_set_new(object, "place", json_string(place_or_dash(event->reason->place)));
	json_object_set_new(object, "text", json_string(event->reason->text));
	add_text(object, "because", event->reason->because);
	add_text(object, "name", event->name);
	add_text(object, "hello", event->hello);
	add_text(object, "sni", event->sni);
	if (event->ended)
		json_object_set_new(object, "binding_ended", event_time_before(event->ended_ago_ms));
	add_text(object, "suggest", event->suggest ? event->suggest->rule : NULL);
	add_text(object, "option", event->option);
	if (event->value)
		json_object_set_new(object, "value", event_number(event->value));
	if (event->traffic)
		add_traffic(object, event->traffic);
}

static uint64_t hash_number(uint64_t hash, uint64_t number)
{
	hash = (hash ^ number) * 0x100000001b3ull;
	return hash ^ hash >> 29; /* so that a difference spreads by what the secret made of the rest */
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
	text = text ? text : "";
	do
		hash = hash_number(hash, (unsigned char)*text);
	while (*text++);
	return hash;
}

/* But for the source port and how long ago a binding ended, which differ each time; for what was looked up below a search domain;
 * and of lookups over a bound, of which a tunnel never asks the same twice */
uint64_t event_key(const struct event *event, uint64_t secret)
{
	if (event->traffic)
		return 0;
	bool many = event->search || (event->question && event->option);
	const char *const texts[] = { many ? NULL : event->flow,
				      event->reason->place,
				      event->reason->text,
				      event->name,
				      event->hello,
				      event->sni,
				      many ? NULL : event->question,
				      event->search,
				      event->option };
	uint64_t hash = hash_text(secret, event->kind);

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		hash = hash_text(hash, texts[i]);
	hash = hash_number(hash, event->ended);
	hash = hash_number(hash, event->verdict.by.rule);
	return hash_number(hash, event->verdict.by.kind) | 1;
}

char *event_line(const json_t *object, size_t *len)
{
	char *text = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);
	*len = text ? strlen(text) : 0;
	if (text)
		text[(*len)++] = '\n'; /* in place of the terminating zero, which is not written */
	return text;
}
