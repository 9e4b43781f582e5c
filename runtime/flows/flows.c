/* Opening, and a revocation from its beginning to its end: see flows.h. */
#include "flows/flows.h"
#include "core/clock.h"
#include "core/exit_status.h"
#include "core/leave_fds.h"
#include "core/log.h"
#include "core/socket.h"
#include "flows/flows_state.h"
#include "lower/sandbox_net.h"

#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOOK_MS 20 /* from one look to the next */
/* A reset leaves by the flow's entry in the host's namespace, and is to be out before that goes: else its end hears nothing. */
#define REACH_MS 100

/* ---- opening ---- */

static struct nl *open_in_host(const struct flows_start *start)
{
	if (setns(start->host_netns, CLONE_NEWNET) < 0)
		return NULL;
	struct nl *nl = nl_open(NETLINK_NETFILTER);
	int saved = errno;
	if (setns(start->vm_netns, CLONE_NEWNET) < 0) {
		log_error("cannot return to the VM's network namespace: %s", strerror(errno));
		_exit(EXIT_STATUS_FAILED); /* nothing may be opened in the wrong one; with pid 1 all of the sandbox ends */
	}
	errno = saved;
	return nl;
}

struct flows *flows_open(const struct flows_start *start)
{
	struct flows *flows = arena_must(calloc(1, sizeof *flows));

	flows->start = *start;
	flows->result.done = true;
	flows->day_ahead_ms = clock_day_ahead_ms();
	flows->guest = socket_link(start->tap);
	flows->uplink = socket_link(start->uplink);
	flows->vm = nl_open(NETLINK_NETFILTER);
	flows->nft = nft_open();
	flows->host = open_in_host(start);
	if (flows->vm && flows->nft && flows->host)
		return flows;
	int saved = errno;
	log_error("cannot follow the sandbox's flows: %s", strerror(saved));
	flows_close(flows);
	errno = saved;
	return NULL;
}

void flows_close(struct flows *flows)
{
	if (!flows)
		return;
	leave_fds(&flows->guest, 1);
	leave_fds(&flows->uplink, 1);
	nl_close(flows->vm);
	nl_close(flows->host);
	nft_close(flows->nft);
	free(flows->ended);
	free(flows->resetting);
	free(flows);
}

void flows_use_names(struct flows *flows, struct names *names)
{
	flows->start.names = names;
}

/* ---- what is ended ---- */

static void note_name(const struct flows_flow *flow, struct flows_ended *ended)
{
	const char *name = flow->connection.sni;

	if (!name && flow->connection.direction == POLICY_EGRESS)
		name = eval_first_name(&flow->names, flow->connection.addr);
	if (name)
		snprintf(ended->name, sizeof ended->name, "%s", name);
}

static void note_ended(struct flows *flows, const struct flows_flow *flow, enum flows_how how)
{
	struct flows_result *result = &flows->result;

	result->total++;
	if (result->count == FLOWS_ENDED_MAX)
		return;
	if (result->count == flows->ended_cap) {
		flows->ended_cap = flows->ended_cap ? 2 * flows->ended_cap : 64;
		flows->ended = arena_must(realloc(flows->ended, flows->ended_cap * sizeof *flows->ended));
		result->items = flows->ended;
	}
	struct flows_ended *ended = &flows->ended[result->count++];
	*ended = (struct flows_ended){
		.kind = flow->kind,
		.how = how,
		.l4 = flow->l4,
		.direction = flow->connection.direction,
		.near = flow->near,
		.far = flow->connection.addr,
		.near_port = flow->near_port,
		.port = flow->connection.port,
		.counted = flow->counted,
		.bytes_out = flow->bytes_out,
		.bytes_in = flow->bytes_in,
		.packets_out = flow->packets_out,
		.packets_in = flow->packets_in,
		.has_began = flow->has_began,
		.began_ms = flow->began_ms,
		.by = flow->verdict.by,
	};
	note_name(flow, ended);
}

/* ---- those of the kernel ---- */

struct denied {
	struct flows *flows;
	struct denied_entry {
		struct conntrack_entry entry;
		enum flows_how how;
	} * items;
	size_t count, cap, kept;
	struct metered_entry {
		struct conntrack_entry entry;
		uint32_t meter;
	} * metered; /* counted by another rule than before, or by none */
	size_t metered_count, metered_cap;
};

/* Established, or both ends know of each other: they can be told by resets. What conntrack calls offloaded is established, and it has no
 * state to show. The flowtable of the policy before went with its table, so that its flows meet the chains again, though they are called
 * so for a while; what is at the second look is in the new flowtable, where no mark is seen. */
static enum flows_how how_to_end(const struct flows *flows, const struct conntrack_entry *entry)
{
	bool half_open = entry->tcp_state == TCP_CONNTRACK_NONE || entry->tcp_state == TCP_CONNTRACK_SYN_SENT ||
			 entry->tcp_state == TCP_CONNTRACK_SYN_SENT2;
	bool offloaded = entry->status & IPS_OFFLOAD;

	if (entry->original.proto != IPPROTO_TCP || (offloaded ? flows->looked_again : half_open))
		return FLOWS_FORGOT;
	return FLOWS_RESET;
}

/* By whose rule a flow's bytes are counted; 0: by none */
static uint32_t meter_of(const struct flows *flows, const struct eval_verdict *verdict)
{
	return verdict->action == POLICY_ALLOW && verdict->by.kind == DECIDER_RULE ?
		       flows->policy->rules.items[verdict->by.rule].meter :
		       0;
}

static bool is_to_end(const struct flows *flows, const struct flows_flow *flow)
{
	const struct eval_verdict *verdict = &flow->verdict;

	return !flows_stays(flows, flow) ||
	       (meter_of(flows, verdict) &&
		denials_is_spent(flows->start.denials, &flows->policy->rules.items[verdict->by.rule]));
}

/* What a limit has ended stays so: SPENT is no meter. */
static void note_meter(struct denied *denied, const struct conntrack_entry *entry, uint32_t meter)
{
	if (entry->mark == meter || (entry->mark && !(entry->mark & POLICY_METER_FLAG)))
		return;
	if (denied->metered_count == denied->metered_cap) {
		denied->metered_cap = denied->metered_cap ? 2 * denied->metered_cap : 64;
		denied->metered = arena_must(realloc(denied->metered, denied->metered_cap * sizeof *denied->metered));
	}
	denied->metered[denied->metered_count++] = (struct metered_entry){ *entry, meter };
}

static int collect_entry(const struct conntrack_entry *entry, void *context)
{
	struct denied *denied = context;
	struct flows *flows = denied->flows;
	struct bindings_past past;
	struct flows_flow flow;

	if ((entry->mark & LOWER_REVOKED_CT_MASK) == LOWER_REVOKED_CT)
		return 0;
	if (flows_judge_host_entry(flows, flows->policy, flows->bindings, entry, &past, &flow) &&
	    !is_to_end(flows, &flow))
		note_meter(denied, entry, meter_of(flows, &flow.verdict));
	if (!flows_judge_entry(flows, flows->policy, flows->bindings, entry, &past, &flow))
		return 0;
	/* conntrack has seen the reset by which a used up limit refused a packet, but only that packet's sender has heard of it */
	bool open = !flows_entry_has_ended(entry) || entry->mark == LOWER_SPENT_CT;
	if (!is_to_end(flows, &flow)) {
		denied->kept += open;
		note_meter(denied, entry, meter_of(flows, &flow.verdict));
		return 0;
	}
	if (denied->count == denied->cap) {
		denied->cap = denied->cap ? 2 * denied->cap : 64;
		denied->items = arena_must(realloc(denied->items, denied->cap * sizeof *denied->items));
	}
	enum flows_how how = open ? how_to_end(flows, entry) : FLOWS_FORGOT;
	denied->items[denied->count++] = (struct denied_entry){ *entry, how };
	if (open)
		note_ended(flows, &flow, how);
	return 0;
}

static int end_entry(struct flows *flows, const struct denied_entry *denied)
{
	if (denied->how == FLOWS_RESET)
		return flows_reset_begin(flows, &denied->entry);
	int error = conntrack_entry_delete(flows->vm, &denied->entry);
	conntrack_tuple_delete(flows->host, &denied->entry.original);
	return error == -ENOENT ? 0 : error;
}

/* One that is gone has no more bytes. */
static int change_meter(struct flows *flows, const struct metered_entry *metered)
{
	int error = conntrack_entry_set_mark(flows->vm, &metered->entry, metered->meter);

	return error == -ENOENT ? 0 : error;
}

/* Listed first, then ended: one socket is for both. */
static int end_forwarded(struct flows *flows)
{
	struct denied denied = { .flows = flows };
	int error = conntrack_entries(flows->vm, 0, 0, collect_entry, &denied);

	for (size_t i = 0; error == 0 && i < denied.count; i++)
		error = end_entry(flows, &denied.items[i]);
	for (size_t i = 0; error == 0 && i < denied.metered_count; i++)
		error = change_meter(flows, &denied.metered[i]);
	flows->result.kept = denied.kept;
	free(denied.items);
	free(denied.metered);
	return error;
}

/* ---- those of the relays ---- */

static int end_relayed_one(const struct flows_flow *flow, uint32_t serial, void *context)
{
	struct flows *flows = context;

	if (!is_to_end(flows, flow)) {
		flows->result.kept++;
		return flow->kind == FLOWS_NAMED ?
			       names_meter(flows->start.names, serial, meter_of(flows, &flow->verdict)) :
			       0;
	}
	int fresh = flow->kind == FLOWS_NAMED ? names_end(flows->start.names, serial) :
						relay_end(flows->start.relay, flow->l4 == IPPROTO_TCP, serial);
	if (fresh > 0)
		note_ended(flows, flow, FLOWS_RELAYED);
	return 0;
}

static int end_relayed(struct flows *flows)
{
	return flows_list_relayed(flows, flows->policy, flows->bindings, end_relayed_one, flows);
}

/* ---- from the beginning to the end ---- */

static int end_all(struct flows *flows)
{
	int error = end_forwarded(flows);

	return error == 0 ? end_relayed(flows) : error;
}

int flows_revoke(struct flows *flows, const struct policy *policy, struct bindings *bindings)
{
	if (!flows->result.done)
		return -EBUSY;
	flows->result = (struct flows_result){ .items = flows->ended };
	flows->policy = policy;
	flows->bindings = bindings;
	flows->looked_again = false;
	flows->told_ms = 0;
	flows->since_ms = clock_ms();
	int error = end_all(flows);
	if (error < 0)
		return error;
	flows_reset_ask(flows, flows->since_ms);
	flows->next_ms = flows->since_ms + LOOK_MS;
	return 0;
}

const struct flows_result *flows_result(const struct flows *flows)
{
	return &flows->result;
}

int flows_wait(const struct flows *flows)
{
	uint64_t now = clock_ms();

	if (flows->result.done)
		return -1;
	return flows->next_ms > now ? (int)(flows->next_ms - now) : 0;
}

/* A first packet that was let pass while the ruleset changed may have made its entry behind the first look. */
static int look_again(struct flows *flows)
{
	flows->looked_again = true;
	return end_all(flows);
}

static int finish(struct flows *flows)
{
	flows->result.done = true;
	flows->policy = NULL;
	flows->bindings = NULL;
	return flows_reset_finish(flows);
}

static bool relays_are_done(const struct flows *flows)
{
	return !relay_ending(flows->start.relay) && (!flows->start.names || !names_ending(flows->start.names));
}

static int settle_relays(struct flows *flows)
{
	int error = flows->start.relay ? relay_settle(flows->start.relay) : 0;

	return error == 0 && flows->start.names ? names_settle(flows->start.names) : error;
}

/* Whether all ends have been told, and long enough ago */
static bool resets_are_out(struct flows *flows, bool told, uint64_t now)
{
	if (told && !flows->told_ms)
		flows->told_ms = now;
	return told && (!flows->resetting_count || now - flows->told_ms >= REACH_MS);
}

int flows_settle(struct flows *flows)
{
	uint64_t now = clock_ms(), since = now - flows->since_ms;

	if (flows->result.done || now < flows->next_ms)
		return 0;
	int error = flows->looked_again ? 0 : look_again(flows);
	if (error == 0)
		error = settle_relays(flows);
	int told = error == 0 ? flows_reset_look(flows) : error;
	if (told < 0)
		return told;
	if (relays_are_done(flows) && (resets_are_out(flows, told, now) || since >= FLOWS_REVOKE_MS))
		return finish(flows);
	flows_reset_ask(flows, now);
	flows->next_ms = now + LOOK_MS;
	return 0;
}
