/* What a sandbox has counted: `msb-ctl stats`, and what a scrape is made of. Everything is read as it is now, at a cost that does not
 * grow with what passed. */
#include "core/clock.h"
#include "dns/dns_counters.h"
#include "net/sysctl.h"
#include "report/event_line.h"
#include "sandbox/answers.h"
#include "sandbox/answers_cgroup.h"
#include "sandbox/answers_quotas.h"
#include "sandbox/answers_rules.h"
#include "sandbox/reload.h"
#include "sandbox/setup.h"

#include <stdlib.h>

/* Of the link to the guest: what it receives the guest has sent */
static json_t *traffic(const struct sandbox *sandbox)
{
	json_t *list = json_array();
	struct rtnl_counted counted;

	if (rtnl_link_counted(sandbox->vm, sandbox->guest_link, &counted) < 0)
		return list;
	json_array_append_new(list, json_pack("{s:s, s:o, s:o}", "direction", "egress", "bytes",
					      event_number(counted.received_bytes), "packets",
					      event_number(counted.received_packets)));
	json_array_append_new(list, json_pack("{s:s, s:o, s:o}", "direction", "ingress", "bytes",
					      event_number(counted.sent_bytes), "packets",
					      event_number(counted.sent_packets)));
	return list;
}

/* Entries of the conntrack of the namespace that the supervisor is in, the sandbox's */
static void add_flows(json_t *answer)
{
	char text[24];

	if (!sysctl_read("netfilter/nf_conntrack_count", text, sizeof text))
		json_object_set_new(answer, "flows", event_number(strtoull(text, NULL, 10)));
}

/* ---- rules ---- */

static void add_rule(json_t *list, const json_t *from, json_t *name)
{
	static const char *const kept[] = { "place", "action", "text", "connections", "lookups" };
	json_t *rule = json_object();

	json_object_set_new(rule, "rule", name);
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		if (json_object_get(from, kept[i]))
			json_object_set(rule, kept[i], json_object_get(from, kept[i]));
	json_array_append_new(list, rule);
}

/* As `status` has them, in one list: "1", "2", "default egress", "default ingress" */
static json_t *rules(const struct sandbox *sandbox)
{
	json_t *status = json_object(), *list = json_array(), *each;
	size_t i;

	answer_add_rules(sandbox, status);
	json_array_foreach(json_object_get(status, "rules"), i, each)
		add_rule(list, each, json_sprintf("%d", (int)json_integer_value(json_object_get(each, "number"))));
	json_array_foreach(json_object_get(status, "defaults"), i, each)
		add_rule(list, each, json_sprintf("default %s", json_string_value(json_object_get(each, "direction"))));
	json_decref(status);
	return list;
}

/* ---- DNS ---- */

static json_t *waits(const struct dns_counted *counted)
{
	json_t *list = json_array();

	for (size_t i = 0; i < DNS_LATENCIES; i++) {
		json_t *bucket = json_pack("{s:o}", "count", event_number(counted->waited[i]));
		if (i < DNS_LATENCIES - 1)
			json_object_set_new(bucket, "most_ms", json_integer(dns_latency_ms[i]));
		json_array_append_new(list, bucket);
	}
	return list;
}

static json_t *limited(const struct dns_counted *counted)
{
	json_t *list = json_array();

	for (size_t i = 0; i < POLICY_DNS_LIMITS; i++)
		json_array_append_new(list, json_pack("{s:s, s:o}", "bound", policy_dns_limit_names[i], "count",
						      event_number(counted->limited[i])));
	return list;
}

static json_t *dns(const struct sandbox *sandbox)
{
	json_t *questions = json_array();
	struct dns_counted counted;

	dns_counted(sandbox->dns, &counted);
	for (size_t i = 0; i < DNS_OUTCOMES; i++)
		json_array_append_new(questions, json_pack("{s:s, s:o}", "outcome", dns_outcome_names[i], "count",
							   event_number(counted.outcomes[i])));
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "questions", questions, "limited", limited(&counted), "cached",
			 event_number(counted.cached), "waits", waits(&counted), "waited_ms",
			 event_number(counted.waited_ms));
}

/* ---- bindings ---- */

struct bound {
	const char *last; /* name: an entry's addresses come one after another */
	uint64_t names, addresses;
};

static bool count_binding(const char *name, struct addr addr, uint64_t left_ms, void *context)
{
	struct bound *bound = context;

	(void)addr, (void)left_ms;
	bound->names += name != bound->last;
	bound->last = name;
	bound->addresses++;
	return true;
}

static json_t *bindings(const struct sandbox *sandbox)
{
	struct bound bound = { 0 };

	bindings_each(dns_bindings(sandbox->dns), clock_ms(), count_binding, &bound);
	return json_pack("[{s:s, s:o}, {s:s, s:o}]", "what", "names", "count", event_number(bound.names), "what",
			 "addresses", "count", event_number(bound.addresses));
}

json_t *answer_stats(void *self, const json_t *request, struct control_call *call)
{
	const struct sandbox *sandbox = self;
	json_t *answer = json_object();

	(void)request, (void)call;
	json_object_set_new(answer, "name", json_string(sandbox->start->config->name));
	json_object_set_new(answer, "generation", event_number(reload_generation(sandbox->reload)));
	json_object_set_new(answer, "started", control_time(&sandbox->started));
	json_object_set_new(answer, "started_s",
			    json_real((double)sandbox->started.tv_sec + (double)sandbox->started.tv_nsec / 1e9));
	json_object_set_new(answer, "traffic", traffic(sandbox));
	add_flows(answer);
	json_object_set_new(answer, "rules", rules(sandbox));
	json_object_set_new(answer, "denied", event_number(denials_total(sandbox->denials)));
	json_object_set_new(answer, "dns", dns(sandbox));
	struct events_counted events;

	denials_events(sandbox->denials, &events);
	json_object_set_new(
		answer, "events",
		json_pack("{s:o, s:o}", "written", event_number(events.written), "lost", event_number(events.lost)));
	json_object_set_new(answer, "bindings", bindings(sandbox));
	answer_add_limits(sandbox, answer);
	answer_add_quotas(sandbox, answer);
	answer_add_cgroup(sandbox, answer);
	return answer;
}
