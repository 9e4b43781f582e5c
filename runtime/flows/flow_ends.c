/* From conntrack's events to the reports of flows that have ended, and with `all` of those that begin. */
#include "flows/flow_ends.h"
#include "core/clock.h"
#include "core/fd.h"
#include "core/log.h"
#include "flows/flow_ends_state.h"
#include "lower/sandbox_net.h"
#include "net/sysctl.h"
#include "netlink/conntrack_watch.h"
#include "relay/relay_pairs.h"
#include "relay/relay_protocol.h"
#include "policy/policy_facts.h"
#include "report/denials.h"
#include "report/learning.h"

#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define READ_A_TURN 256
#define READ_AT_THE_END 65536
#define REVOKED_WITHIN_MS (FLOWS_REVOKE_MS + 1000)
#define LOOK_AGAIN_MS 1000 /* between one listing after a loss and the next */
#define HURRY_MS 1000
#define HURRY_PART 200 /* of the time, at most */

/* ---- opening ---- */

static bool any_logs(const struct policy *policy)
{
	for (size_t i = 0; i < policy->rules.count; i++)
		if (policy->rules.items[i].log)
			return true;
	return false;
}

static void names_ended(void *self, const struct names_flow *flow)
{
	struct flow_ends *ends = self;

	known_of_names(flow, &ends->named[ends->named_next++ % KNOWN_NAMED]);
}

static void published_ended(void *self, const struct relay_flow *, const struct relay_moved *);

static int listen_to(struct flow_ends *ends)
{
	struct epoll_event event = { .events = EPOLLIN };

	ends->watch = conntrack_watch_open(ends->start.all);
	if (!ends->watch)
		return -errno;
	if (epoll_ctl(ends->epoll, EPOLL_CTL_ADD, nl_fd(ends->watch), &event) < 0)
		return -errno;
	ends->told = arena_must(calloc(1, sizeof *ends->told));
	ends->named = arena_must(calloc(KNOWN_NAMED, sizeof *ends->named));
	if (ends->start.flows->start.relay)
		relay_tell_ended(ends->start.flows->start.relay, published_ended, ends);
	return 0;
}

static int use_policy(struct flow_ends *ends, const struct policy *policy)
{
	struct names *names = ends->start.flows->start.names;
	bool wanted = ends->start.all || any_logs(policy);

	ends->changed_ms = ends->policy ? clock_ms() : 0;
	ends->policy = policy;
	int error = wanted && !ends->watch ? listen_to(ends) : 0;
	if (error == 0 && ends->watch && names)
		names_tell_ended(names, names_ended, ends);
	return error;
}

void flow_ends_use_policy(struct flow_ends *ends, const struct policy *policy, struct bindings *bindings)
{
	ends->start.bindings = bindings;
	int error = use_policy(ends, policy);

	if (error < 0)
		log_error("cannot listen to the sandbox's conntrack: ends of flows are not reported: %s",
			  strerror(-error));
}

struct flow_ends *flow_ends_open(const struct flow_ends_start *start, const struct policy *policy)
{
	struct flow_ends *ends = arena_must(calloc(1, sizeof *ends));

	ends->start = *start;
	ends->epoll = epoll_create1(EPOLL_CLOEXEC);
	int error = ends->epoll < 0 ? -errno : use_policy(ends, policy);
	if (error == 0)
		return ends;
	log_error("cannot listen to the sandbox's conntrack: %s", strerror(-error));
	flow_ends_close(ends);
	errno = -error;
	return NULL;
}

void flow_ends_close(struct flow_ends *ends)
{
	if (!ends)
		return;
	nl_close(ends->watch);
	fd_closep(&ends->epoll);
	free(ends->told);
	free(ends->named);
	free(ends);
}

int flow_ends_fd(const struct flow_ends *ends)
{
	return ends->epoll;
}

/* ---- telling ---- */

/* What the policy in force denies, just after it came into force: another one let it pass. */
static bool is_revoked(const struct flow_ends *ends, const struct flow_ends_subject *subject)
{
	return subject->flow.verdict.action == POLICY_DENY && !subject->spared &&
	       clock_ms() - ends->changed_ms < REVOKED_WITHIN_MS;
}

static uint64_t duration_of(const struct conntrack_entry *entry)
{
	uint64_t now = (uint64_t)clock_read_ms(CLOCK_REALTIME), began = entry->began_ns / 1000000;
	uint64_t ended = entry->ended_ns ? entry->ended_ns / 1000000 : now;

	return began && ended > began ? ended - began : 0;
}

/* A reset that does not fit by the byte leaves the state as it is, and conntrack waits ten seconds for more: so it is with what went past
 * the chains by a flowtable, whose sequence numbers conntrack has not seen. By itself it would wait for a day. */
static bool was_reset(const struct conntrack_entry *entry, bool gone)
{
	return entry->tcp_state == TCP_CONNTRACK_CLOSE ||
	       (gone && entry->tcp_state == TCP_CONNTRACK_ESTABLISHED && duration_of(entry) < RELAY_TCP_IDLE_MS);
}

/* By a rule with a limit of bytes */
static bool is_metered(const struct flow_ends *ends, struct eval_verdict verdict)
{
	return verdict.action == POLICY_ALLOW && verdict.by.kind == DECIDER_RULE &&
	       ends->policy->rules.items[verdict.by.rule].meter;
}

static enum denial_end how_it_ended(const struct flow_ends *ends, const struct conntrack_entry *entry,
				    const struct flow_ends_subject *subject, bool stop)
{
	bool revoked = (entry->mark & LOWER_REVOKED_CT_MASK) == LOWER_REVOKED_CT;
	/* what the policy in force allows is ended for nothing else */
	if (entry->mark == LOWER_SPENT_CT || (revoked && is_metered(ends, subject->flow.verdict)))
		return DENIAL_END_LIMIT;
	if (revoked || is_revoked(ends, subject))
		return DENIAL_END_REVOKED;
	if (was_reset(entry, !stop))
		return DENIAL_END_RESET;
	if (flows_entry_has_ended(entry))
		return DENIAL_END_CLOSED;
	return stop ? DENIAL_END_STOP : DENIAL_END_TIMEOUT;
}

static bool is_wanted(const struct flow_ends *ends, const struct flow_ends_subject *subject, enum denial_end how)
{
	return ends->start.all || how == DENIAL_END_LIMIT || how == DENIAL_END_REVOKED ||
	       flow_ends_is_logged(ends, subject);
}

/* What there is to tell of it from its beginning on; borrows from the subject */
static struct denial_flow flow_of(const struct flow_ends_subject *subject)
{
	return (struct denial_flow){
		.connection = &subject->flow.connection,
		.verdict = subject->flow.verdict,
		.source_port = subject->flow.near_port,
		.name = flow_ends_name(&subject->flow),
	};
}

static void tell_end(struct flow_ends *ends, const struct conntrack_entry *entry, bool stop)
{
	struct flow_ends_subject subject;

	if (!flow_ends_describe(ends, entry, &subject))
		return;
	struct denial_flow flow = flow_of(&subject);
	flow.end = how_it_ended(ends, entry, &subject, stop);
	flow.bytes_known = flow.packets_known = entry->counted;
	flow.bytes_sent = subject.flow.bytes_out;
	flow.bytes_received = subject.flow.bytes_in;
	flow.packets_sent = subject.flow.packets_out;
	flow.packets_received = subject.flow.packets_in;
	flow.duration_ms = duration_of(entry);
	if (is_wanted(ends, &subject, flow.end))
		denials_flow_end(ends->start.denials, &flow);
}

/* `moved` NULL: it is open, and the sandbox ends */
static void tell_published(struct flow_ends *ends, const struct relay_flow *of, const struct relay_moved *moved)
{
	struct flow_ends_subject subject = { .flow = { .connection = { .direction = POLICY_INGRESS,
								       .proto = of->pair ? PROTO_TCP : PROTO_UDP,
								       .addr = of->peer,
								       .has_port = true,
								       .port = of->port },
						       .has_began = true,
						       .began_ms = of->began_ms } };

	flow_ends_judge(ends, &subject);
	struct denial_flow flow = { .connection = &subject.flow.connection,
				    .verdict = subject.flow.verdict,
				    .source_port = of->peer_port,
				    .end = !moved         ? DENIAL_END_STOP :
					   !of->pair      ? DENIAL_END_TIMEOUT :
					   moved->orderly ? DENIAL_END_CLOSED :
							    DENIAL_END_RESET,
				    .duration_ms = clock_ms() - of->began_ms };
	if (moved) {
		flow.bytes_known = true;
		flow.packets_known = !of->pair;
		flow.bytes_sent = moved->bytes[0];
		flow.bytes_received = moved->bytes[1];
		flow.packets_sent = moved->datagrams[0];
		flow.packets_received = moved->datagrams[1];
	}
	flow.end = is_revoked(ends, &subject) ? DENIAL_END_REVOKED : flow.end;
	if (is_wanted(ends, &subject, flow.end))
		denials_flow_end(ends->start.denials, &flow);
}

static void published_ended(void *self, const struct relay_flow *flow, const struct relay_moved *moved)
{
	if (!flow->to_host) /* of which conntrack has all there is to know */
		tell_published(self, flow, moved);
}

static int end_published(const struct relay_flow *flow, void *context)
{
	if (!flow->to_host)
		tell_published(context, flow, NULL);
	return 0;
}

/* Of one that rules with `log` let pass, the packet filter tells; of one that a server name admits, its relay, and so does the relay of
 * published ports. */
static void tell_begin(struct flow_ends *ends, const struct conntrack_entry *entry)
{
	struct flow_ends_subject subject;

	if (entry->mark == LOWER_DIVERTED_CT || !flow_ends_describe(ends, entry, &subject) ||
	    flow_ends_is_logged(ends, &subject) || subject.flow.verdict.action != POLICY_ALLOW)
		return;
	const struct denial_flow flow = flow_of(&subject);
	denials_flow_begin(ends->start.denials, &flow);
}

/* TCP whose entry stays: with its counters as they are now, once. An event has none of them; the kernel is asked, unless the entry is of a
 * listing, which is not to be disturbed and has them. Where there is no room to remember it, it is left to the entry's end. */
static void tell_closed(struct flow_ends *ends, const struct conntrack_entry *entry, bool listed)
{
	struct conntrack_entry now = *entry;

	if (!flows_entry_has_ended(entry) || known_ids_has(ends->told, entry->id) ||
	    !known_ids_add(ends->told, entry->id))
		return;
	int error = listed ? 0 : conntrack_entry_get(ends->start.flows->vm, &entry->original, &now);
	if (error == 0 && now.id == entry->id)
		tell_end(ends, &now, false);
	else
		known_ids_remove(ends->told, entry->id); /* it is gone already: that is told next */
}

/* Of what a relay took over, its own connection to the server tells whether that answered. An entry whose only answer is a reset goes
 * at once, without the sign that there was one, but with the reset counted. */
static void note_answer(const struct flow_ends *ends, const struct conntrack_entry *entry)
{
	struct learning *learning = denials_learning(ends->start.denials);
	const struct conntrack_tuple *tuple = &entry->original;
	bool answered = entry->status & IPS_SEEN_REPLY || (entry->counted && entry->packets[1] > 0);

	if (!learning || !answered || entry->mark == LOWER_DIVERTED_CT)
		return;
	const struct eval_connection connection = {
		.direction = POLICY_EGRESS,
		.proto = policy_proto_of_ip(tuple->proto),
		.addr = tuple->dst,
		.has_port = policy_proto_has_ports(policy_proto_of_ip(tuple->proto)),
		.port = tuple->dport,
	};
	learning_answered(learning, &connection);
}

static void take(struct flow_ends *ends, enum conntrack_change change, const struct conntrack_entry *entry)
{
	note_answer(ends, entry);
	if (change == CONNTRACK_BEGAN)
		tell_begin(ends, entry);
	else if (change == CONNTRACK_CHANGED)
		tell_closed(ends, entry, false);
	else if (!known_ids_remove(ends->told, entry->id))
		tell_end(ends, entry, false);
}

/* ---- what was lost ---- */

static void note_lost(struct flow_ends *ends)
{
	ends->lost = true;
	denials_flows_lost(ends->start.denials, nl_dropped(ends->watch));
	if (!ends->look)
		ends->look_ms = clock_ms() + LOOK_AGAIN_MS;
	ends->look = true;
}

static int look_at(const struct conntrack_entry *entry, void *context)
{
	struct flow_ends *ends = context;

	tell_closed(ends, entry, true);
	return 0;
}

/* ---- what is due ---- */

static bool has_entries(void)
{
	char text[24];

	return sysctl_read("netfilter/nf_conntrack_count", text, sizeof text) < 0 || strcmp(text, "0") != 0;
}

static int nothing(const struct conntrack_entry *entry, void *context)
{
	(void)entry, (void)context;
	return 0;
}

/* Conntrack looks for entries whose time is over once a minute or so; a listing, though it be of nothing, makes it look now. It is a walk
 * through the table of the whole host, so it is made the more seldom the longer it takes. */
static void hurry(struct flow_ends *ends)
{
	uint64_t before = clock_ms();

	if (has_entries())
		conntrack_entries(ends->start.flows->vm, UINT32_MAX, UINT32_MAX, nothing, NULL);
	uint64_t after = clock_ms(), pause = (after - before) * HURRY_PART;
	ends->hurry_ms = after + (pause > HURRY_MS ? pause : HURRY_MS);
}

static uint64_t next_ms(const struct flow_ends *ends)
{
	return ends->look && ends->look_ms < ends->hurry_ms ? ends->look_ms : ends->hurry_ms;
}

int flow_ends_wait(const struct flow_ends *ends)
{
	uint64_t now = clock_ms();

	if (!ends->watch)
		return -1;
	return next_ms(ends) > now ? (int)(next_ms(ends) - now) : 0;
}

void flow_ends_settle(struct flow_ends *ends)
{
	uint64_t now = clock_ms();

	if (!ends->watch)
		return;
	if (ends->look && now >= ends->look_ms) {
		ends->look = false;
		conntrack_entries(ends->start.flows->vm, 0, 0, look_at, ends);
	}
	if (now >= ends->hurry_ms)
		hurry(ends);
}

/* ---- reading ---- */

static void read_some(struct flow_ends *ends, int most)
{
	struct conntrack_entry entry;
	enum conntrack_change change;

	for (int i = 0; i < most; i++) {
		int error = conntrack_watch_next(ends->watch, &change, &entry);
		if (error == 0)
			take(ends, change, &entry);
		else if (error == -ENOBUFS)
			note_lost(ends);
		else
			return;
	}
}

void flow_ends_read(struct flow_ends *ends)
{
	if (ends->watch)
		read_some(ends, READ_A_TURN);
}

static int end_open(const struct conntrack_entry *entry, void *context)
{
	struct flow_ends *ends = context;

	note_answer(ends, entry);
	if (!known_ids_has(ends->told, entry->id))
		tell_end(ends, entry, true);
	return 0;
}

void flow_ends_finish(struct flow_ends *ends)
{
	if (!ends->watch)
		return;
	read_some(ends, READ_AT_THE_END);
	if (conntrack_entries(ends->start.flows->vm, 0, 0, end_open, ends) == 0 && !ends->lost)
		learning_answers_told(denials_learning(ends->start.denials));
	relay_flows(ends->start.flows->start.relay, end_published, ends);
}
