/* The kernel against the evaluator: random policies are installed, random packets of a guest's are sent through
 * them, and what arrives (behind the uplink, at the gateway's own sockets, or handed to the name relay's) must be what
 * eval_syn() says.
 *
 * Packets from behind the uplink to the guest or the gateway must not arrive whatever the rules, ingress rules too: those are
 * judged where published ports are relayed.
 *
 * usage: kernel_oracle GUEST_NETNS SINK_NETNS GATEWAY_MAC UPLINK_MAC POLICIES PACKETS SEED PROCESSOR SHOWN
 * Runs in the namespace that has tap0, br0 and uplink (kernel.sh makes them); GUEST_NETNS and SINK_NETNS are paths. Prints
 * a line of figures for kernel.sh to add up, before it the mismatches, shrunk to few rules and one flow; ends after the
 * SHOWNth policy that has one.
 *
 * On a busy machine the kernel drops packets by itself: at a backlog that others have filled, where conntrack has no room.
 * What should have arrived and did not is therefore sent again, SENDINGS times in all. What the rules drop is dropped each time;
 * and what arrives at last must have been lost where the kernel counts it, or it is a mismatch, too.
 *
 * Left out are destinations that Linux does not route whatever the rules say: 0/8, the on-link networks themselves; and
 * IPv4-mapped IPv6 ones, which are refused without asking the policy. Port 53 belongs to the DNS proxy, which does not
 * run here: nothing may arrive there. The bounds on flows are installed as they are shipped, but for their numbers, which
 * a million packets do not reach; 256 flows of other protocols to the gateway are not exceeded either. */
#include "dns/bindings_install.h"
#include "lower/lower_bound.h"
#include "lower/sandbox_net.h"
#include "oracle_net.h"
#include "tests/lib/arrivals.h"
#include "tests/lib/batch.h"
#include "tests/lib/kernel_drops.h"
#include "tests/lib/trial_shrink.h"

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

enum { LOCAL_SOCKETS = 8, MAX_PACKETS = 60000, INTRUDERS = 16, MAX_RULES = 200 };
enum { KNOWN = 48 /* flows a policy that are answered and go on */, KNOWN_IDS = 2 + PACKET_TWISTS };
enum { FENCES = 1024 /* ids in turn: one that is late, or came twice, is none of the next */, SENDINGS = 4 };
enum {
	FIRST_FENCE_ID = MAX_PACKETS + 1,
	LONE_ID = FIRST_FENCE_ID + FENCES,
	FIRST_KNOWN_ID,
	LAST_ID = FIRST_KNOWN_ID + KNOWN * KNOWN_IDS
};
enum { AT_SINK = 1, AT_GATEWAY = 2, AT_GUEST = 4, AT_RELAY = 8 };
enum { OTHERS_MAX = 200 /* flows to the gateway neither TCP nor UDP, of the 256 that a sandbox may have */ };
#define FENCE_ADDR "203.0.113.253"
#define FENCE6_ADDR "2001:db8:fe::1"
#define FENCE_PORT 65533

struct oracle {
	int guest;                /* packet socket on the guest's eth0 */
	int sink;                 /* packet socket behind the uplink */
	int local[LOCAL_SOCKETS]; /* raw sockets: what the gateway itself receives */
	struct arrivals *arrivals;
	struct nft *nft;
	struct nl *conntrack;
	struct random random;
	struct packet_ends ends;
	uint8_t uplink_mac[6];
	struct addr_gateway full;  /* both families */
	struct packet_flow *flows; /* by id */
	enum eval_syn *expected;
	size_t sent, allowed, at_gateway, bound, fragmented, rules, intruders, known, known_wrong, mismatches, shown,
		show, lost, unexplained, deferred;
};

/* An installed trial */
struct running {
	struct arena *arena;
	struct policy *policy;
	struct eval_context context;
	struct bindings *bindings;
};

/* ---- sockets ---- */

/* Raw sockets get a copy of what passed the input chain; what is for the name relay has its mark. */
static void local_sockets(struct oracle *oracle)
{
	static const int protos4[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, PROTO_EXPERIMENTAL };
	static const int protos6[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMPV6, PROTO_EXPERIMENTAL };

	for (int i = 0; i < LOCAL_SOCKETS; i++) {
		int fd = i < 4 ? socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, protos4[i]) :
				 socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, protos6[i - 4]);
		if (fd < 0)
			err(3, "raw socket");
		arrivals_watch_marked(oracle->arrivals, fd, AT_GATEWAY, LOWER_DIVERT_MARK, AT_RELAY);
		oracle->local[i] = fd;
	}
}

/* Where the name relay would listen; kernel.sh has the route of its mark. Nobody accepts. */
static void name_listener(int family)
{
	struct sockaddr_storage any = { .ss_family = (sa_family_t)family };
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	((struct sockaddr_in *)&any)->sin_port = htons(LOWER_NAMES_PORT); /* in the same place for either family */
	if (fd < 0 || setsockopt(fd, SOL_IP, IP_TRANSPARENT, &on, sizeof on) < 0 ||
	    (family == AF_INET6 && setsockopt(fd, SOL_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0) ||
	    bind(fd, (struct sockaddr *)&any,
		 family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)) < 0 ||
	    listen(fd, 1) < 0)
		err(3, "a transparent listener");
}

static void open_all(struct oracle *oracle, const char *guest, const char *sink)
{
	oracle->arrivals = arrivals_new(LAST_ID);
	oracle->guest = packet_socket(guest, "eth0");
	oracle->sink = packet_socket(sink, "sink0");
	arrivals_watch(oracle->arrivals, oracle->guest, AT_GUEST);
	arrivals_watch(oracle->arrivals, oracle->sink, AT_SINK);
	local_sockets(oracle);
	name_listener(AF_INET);
	name_listener(AF_INET6);
	oracle->nft = nft_open();
	oracle->conntrack = nl_open(NETLINK_NETFILTER);
	oracle->flows = calloc(MAX_PACKETS + 1, sizeof *oracle->flows);
	oracle->expected = calloc(MAX_PACKETS + 1, sizeof *oracle->expected);
	if (!oracle->nft || !oracle->conntrack || !oracle->flows || !oracle->expected)
		err(3, "netlink");
}

static struct packet_ends ends_for(const struct oracle *oracle, const struct addr_gateway *gateway,
				   enum addr_family family)
{
	struct packet_ends ends = oracle->ends;

	lower_guest_mac(gateway, ends.source_mac);
	ends.source = lower_guest_addr(family == ADDR_V4 ? oracle->full.v4 : oracle->full.v6);
	return ends;
}

static void sleep_us(long us)
{
	struct timespec pause = { us / 1000000, us % 1000000 * 1000 };

	nanosleep(&pause, NULL);
}

/* ---- the fence ---- */

/* Frames that must arrive come last: all before them have then fared as they will. Chain outbound lets them pass in
 * front of its rules; no random flow is like them. */
static void add_fence(struct ruleset *ruleset, bool v4)
{
	struct rs_table *table = &ruleset->tables.items[0];
	struct rs_chain *chain = table->chains.items;

	while (strcmp(chain->name, "outbound"))
		chain++;
	struct rs_rule *rule = rs_rule_add(ruleset, chain, "fence");
	struct addr fence = { ADDR_V4, 0 };
	addr_parse(v4 ? FENCE_ADDR : FENCE6_ADDR, &fence);
	rs_match(ruleset, rule, v4 ? RS_IP_DADDR : RS_IP6_DADDR, rs_number(fence.value));
	rs_match(ruleset, rule, RS_UDP_DPORT, rs_number(FENCE_PORT));
	rs_verdict(ruleset, rule, RS_ACCEPT, NULL);
	/* to the front */
	struct rs_rule last = chain->rules.items[chain->rules.count - 1];
	memmove(chain->rules.items + 1, chain->rules.items, (chain->rules.count - 1) * sizeof last);
	chain->rules.items[0] = last;
}

/* Whether it has come within half a second */
static bool await_fence(const struct oracle *oracle, uint32_t id)
{
	for (int tries = 0; !arrivals_of(oracle->arrivals, id); tries++) {
		if (tries == 5000)
			return false;
		if (tries > 20)
			sleep_us(100);
		else
			sched_yield();
	}
	return true;
}

static void add_fence_frame(const struct oracle *oracle, const struct addr_gateway *gateway, uint32_t id,
			    struct batch *batch)
{
	struct packet_flow flow = { .proto = IPPROTO_UDP, .source_port = 1, .port = FENCE_PORT, .id = id };

	addr_parse(gateway->has4 ? FENCE_ADDR : FENCE6_ADDR, &flow.to);
	struct packet_ends ends = ends_for(oracle, gateway, flow.to.family);
	batch->lens[batch->count] = packet_build(batch->frames[batch->count], &ends, &flow);
	batch->count++;
}

/* The batch, and the fence behind it; returns when all have fared as they will. A fence that is lost is sent again. */
static void flush_batch(const struct oracle *oracle, const struct addr_gateway *gateway, struct batch *batch)
{
	static uint32_t turn;
	uint32_t id = FIRST_FENCE_ID + turn++ % FENCES;

	arrivals_forget(oracle->arrivals, id);
	for (int tries = 0; tries < 40; tries++) {
		add_fence_frame(oracle, gateway, id, batch);
		batch_send(oracle->guest, batch);
		if (await_fence(oracle, id))
			return;
	}
	errx(3, "the fence packet did not arrive: links or routes are not as they should be");
}

/* ---- a trial ---- */

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void put_changes(struct oracle *oracle, struct running *running, const struct bindings_changes *changes)
{
	int error = bindings_install(oracle->nft, running->bindings, changes, now_ms());

	if (error)
		errx(3, "bindings_install: %s", strerror(-error));
}

static void bind_name(struct oracle *oracle, struct running *running, const struct trial_binding *binding)
{
	static const enum addr_family families[] = { ADDR_V4, ADDR_V6 };
	uint64_t ttl_ms = binding->how == TRIAL_ENDS ? TRIAL_SHORT_MS : 3600 * 1000;
	struct bindings_changes changes;

	for (size_t i = 0; i < 2; i++) {
		bool own = families[i] == binding->addr.family, gone = binding->how == TRIAL_GONE;
		if (!own && !gone)
			continue;
		if (bindings_set(running->bindings, binding->name, families[i], &binding->addr, gone ? 0 : 1, ttl_ms,
				 now_ms(), &changes))
			errx(3, "bindings_set failed");
		put_changes(oracle, running, &changes);
	}
}

/* Until the short ones are over, and what the supervisor's timer does then */
static void let_end(struct oracle *oracle, struct running *running)
{
	struct timespec pause = { 0, (TRIAL_SHORT_MS + 50) * 1000 * 1000 };
	struct bindings_changes changes;

	nanosleep(&pause, NULL);
	while (bindings_next_ms(running->bindings) <= now_ms()) {
		bindings_expire(running->bindings, now_ms(), &changes);
		put_changes(oracle, running, &changes);
	}
}

static void bind_names(struct oracle *oracle, struct running *running, const struct trial *trial)
{
	for (size_t i = 0; i < trial->bindings.count; i++)
		bind_name(oracle, running, &trial->bindings.items[i]);
	if (trial_is_hurried(trial))
		let_end(oracle, running);
	running->context.bindings = bindings_view(running->bindings, now_ms());
}

static struct running install_trial(struct oracle *oracle, const struct trial *trial)
{
	struct running running = { .arena = arena_new() };
	char why[512] = "";

	running.policy = trial_policy(running.arena, trial);
	running.context = (struct eval_context){ .policy = running.policy, .gateway = trial->gateway };
	struct ruleset *ruleset = trial_ruleset(running.arena, trial, running.policy);
	running.bindings = bindings_new(running.policy, &trial->gateway, lower_bound_maps(ruleset));
	add_fence(ruleset, trial->gateway.has4);
	if (nft_replace(oracle->nft, ruleset, why, sizeof why))
		errx(3, "%s", why);
	conntrack_flush(oracle->conntrack);
	bind_names(oracle, &running, trial);
	return running;
}

static void end_trial(struct running *running)
{
	bindings_free(running->bindings);
	arena_free(running->arena);
}

static bool arrived(const struct oracle *oracle, uint32_t id)
{
	return arrivals_of(oracle->arrivals, id) & (AT_SINK | AT_GATEWAY);
}

/* What became of the packet */
static enum eval_syn fared(const struct oracle *oracle, uint32_t id)
{
	if (arrived(oracle, id)) /* and be it to the relay as well */
		return EVAL_SYN_ALLOW;
	return arrivals_of(oracle->arrivals, id) & AT_RELAY ? EVAL_SYN_DEFER : EVAL_SYN_DENY;
}

/* Whether a flow to the gateway itself is one too many: of other protocols than TCP and UDP it counts how many there are. */
static bool is_too_many(uint8_t proto, unsigned *others)
{
	return proto != IPPROTO_TCP && proto != IPPROTO_UDP && ++*others > OTHERS_MAX;
}

static void run_packets(struct oracle *oracle, const struct running *running, const struct trial *trial, size_t packets)
{
	static struct batch batch;
	struct packet_ends ends4 = ends_for(oracle, &trial->gateway, ADDR_V4),
			   ends6 = ends_for(oracle, &trial->gateway, ADDR_V6);
	unsigned others = 0;

	for (uint32_t id = 1; id <= packets; id++) {
		struct packet_flow *flow = &oracle->flows[id];
		flow->id = id;
		trial_draw_flow(trial, running->policy, &oracle->random, flow);
		bool here = addr_gateway_has(&oracle->full, flow->to);
		if (here && is_too_many(flow->proto, &others))
			flow->proto = IPPROTO_UDP;
		oracle->at_gateway += here;
		oracle->fragmented += flow->form != PACKET_WHOLE;
		oracle->expected[id] = trial_expects(&running->context, flow);
		batch_add(&batch, flow->to.family == ADDR_V4 ? &ends4 : &ends6, flow);
		if (batch.count + 3 > BATCH_MAX || id == packets)
			flush_batch(oracle, &trial->gateway, &batch);
	}
}

/* Whether it should have arrived and has not */
static bool is_missing(const struct oracle *oracle, uint32_t id)
{
	return oracle->expected[id] != EVAL_SYN_DENY && fared(oracle, id) == EVAL_SYN_DENY;
}

static size_t missing(const struct oracle *oracle, size_t packets, size_t *pieces)
{
	size_t count = 0;

	*pieces = 0;
	for (uint32_t id = 1; id <= packets; id++)
		if (is_missing(oracle, id)) {
			count++;
			*pieces += oracle->flows[id].form != PACKET_WHOLE;
		}
	return count;
}

static void send_missing(struct oracle *oracle, const struct trial *trial, size_t packets)
{
	static struct batch batch;
	struct packet_ends ends4 = ends_for(oracle, &trial->gateway, ADDR_V4),
			   ends6 = ends_for(oracle, &trial->gateway, ADDR_V6);

	for (uint32_t id = 1; id <= packets; id++) {
		if (!is_missing(oracle, id))
			continue;
		batch_add(&batch, oracle->flows[id].to.family == ADDR_V4 ? &ends4 : &ends6, &oracle->flows[id]);
		if (batch.count + 3 > BATCH_MAX)
			flush_batch(oracle, &trial->gateway, &batch);
	}
	flush_batch(oracle, &trial->gateway, &batch);
}

static void account_for(struct oracle *oracle, size_t lost, size_t lost_pieces, const struct kernel_drops *before)
{
	struct kernel_drops now = kernel_drops();
	uint64_t packets = now.packets - before->packets, pieces = now.pieces - before->pieces;
	size_t whole = lost - lost_pieces;

	oracle->lost += lost;
	if (whole <= packets && lost <= pieces)
		return;
	oracle->unexplained += lost;
	printf("# %zu packets, %zu of them in fragments, arrived when they were sent again, and the kernel dropped %" PRIu64
	       " by itself\n",
	       lost, lost_pieces, pieces);
}

/* Sends again what should have arrived; what then does was lost, which the kernel must have counted. */
static void run_again(struct oracle *oracle, const struct trial *trial, size_t packets,
		      const struct kernel_drops *before)
{
	size_t pieces, pieces_left, count = missing(oracle, packets, &pieces), left = count;

	if (!count)
		return;
	sleep_us(20 * 1000); /* what is late is not lost */
	left = count = missing(oracle, packets, &pieces);
	for (int sendings = 1; sendings < SENDINGS && left; sendings++) {
		send_missing(oracle, trial, packets);
		left = missing(oracle, packets, &pieces_left);
	}
	if (left < count)
		account_for(oracle, count - left, pieces - pieces_left, before);
}

/* From outside: ids behind those of the guest's packets, none of them expected */
static void intrude(struct oracle *oracle, const struct running *running, const struct trial *trial, uint32_t first)
{
	static struct batch batch;

	for (uint32_t i = 0; i < INTRUDERS; i++) {
		struct packet_flow flow = { .id = first + i };
		struct packet_ends ends = { 0 };
		addr_parse(random_one_in(&oracle->random, 2) ? "192.0.2.77" : "2001:db8:77::77", &ends.source);
		struct addr gateway = ends.source.family == ADDR_V4 ? oracle->full.v4 : oracle->full.v6;
		memcpy(ends.gateway_mac, oracle->uplink_mac, 6);
		trial_draw_flow(trial, running->policy, &oracle->random, &flow);
		flow.form = PACKET_WHOLE;
		flow.to = random_one_in(&oracle->random, 2) ? gateway : lower_guest_addr(gateway);
		if (flow.proto == IPPROTO_ICMP || flow.proto == IPPROTO_ICMPV6)
			flow.proto = gateway.family == ADDR_V4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
		flow.options = flow.every_hop = false;
		flow.twist = PACKET_PLAIN;
		batch_add(&batch, &ends, &flow);
	}
	batch_send(oracle->sink, &batch);
	flush_batch(oracle, &trial->gateway, &batch);
	for (uint32_t id = first; id < first + INTRUDERS; id++)
		oracle->intruders += arrivals_of(oracle->arrivals, id) != 0;
}

/* ---- flows that are known ---- */

/* What comes from behind the uplink to the guest in a flow of its own */
static void add_answer(const struct oracle *oracle, const struct packet_flow *flow, uint32_t id, struct batch *batch)
{
	struct packet_flow answer = *flow;
	struct packet_ends ends = { .source = flow->to };
	struct addr gateway = flow->to.family == ADDR_V4 ? oracle->full.v4 : oracle->full.v6;

	memcpy(ends.gateway_mac, oracle->uplink_mac, 6);
	answer.stage = PACKET_ANSWER;
	answer.first = flow->id;
	answer.id = id;
	answer.to = lower_guest_addr(gateway);
	bool icmp = flow->proto == IPPROTO_ICMP || flow->proto == IPPROTO_ICMPV6;
	answer.source_port = icmp ? flow->source_port : flow->port; /* of an echo the identifier */
	answer.port = flow->source_port;
	batch_add(batch, &ends, &answer);
}

/* A flow's further packets: each with something wrong, one as it should be, and one in pieces */
static void add_later(const struct oracle *oracle, const struct trial *trial, const struct packet_flow *flow,
		      uint32_t id, struct batch *batch)
{
	struct packet_ends ends = ends_for(oracle, &trial->gateway, flow->to.family);
	struct packet_flow later = *flow;

	later.stage = PACKET_LATER;
	later.first = flow->id;
	for (unsigned i = 0; i <= PACKET_TWISTS; i++) {
		later.id = id + i;
		later.twist = i < PACKET_TWISTS ? (enum packet_twist)i : PACKET_PLAIN;
		later.form = i < PACKET_TWISTS ? PACKET_WHOLE : PACKET_FRAGMENTS;
		later.every_hop = flow->every_hop && later.form == PACKET_WHOLE;
		batch_add(batch, &ends, &later);
	}
}

/* The i-th of a known flow's packets: whether it should arrive, and whether it has. Of a flow of the name relay's nothing does,
 * neither what a server answers nor what the guest makes up. */
static bool known_expected(bool relayed, uint32_t i)
{
	return !relayed && (i <= 1 || i == KNOWN_IDS - 1);
}

static bool known_came(const struct oracle *oracle, uint32_t id, uint32_t i)
{
	return i ? arrived(oracle, id + i) : arrivals_of(oracle->arrivals, id) == AT_GUEST;
}

static bool is_relayed(const struct oracle *oracle, const struct packet_flow *flow)
{
	return arrivals_of(oracle->arrivals, flow->id) & AT_RELAY;
}

static bool is_known_whole(const struct oracle *oracle, const struct packet_flow *flow, uint32_t id)
{
	for (uint32_t i = 0; i < KNOWN_IDS; i++)
		if (known_expected(is_relayed(oracle, flow), i) && !known_came(oracle, id, i))
			return false;
	return true;
}

static void judge_known(struct oracle *oracle, const struct packet_flow *flow, uint32_t id)
{
	static const char *const what[KNOWN_IDS] = { "its answer",
						     "a packet as it should be",
						     "one that ends at this hop",
						     "one with a source route",
						     "one with a forged MAC",
						     "one with a forged source",
						     "one in fragments" };
	bool relayed = is_relayed(oracle, flow);

	for (uint32_t i = 0; i < KNOWN_IDS; i++) {
		bool came = known_came(oracle, id, i);
		char text[ADDR_TEXT_MAX];
		if (came == known_expected(relayed, i))
			continue;
		if (oracle->known_wrong++ < oracle->show)
			printf("# of a known flow (protocol %u to %s port %u%s) %s %s\n", flow->proto,
			       addr_format(flow->to, text), flow->port, relayed ? ", the name relay's" : "", what[i],
			       came ? "gets through" : "does not");
	}
}

/* One flow's packets, its answer before the others */
static void send_known(struct oracle *oracle, const struct trial *trial, const struct packet_flow *flow, uint32_t id)
{
	static struct batch batch;

	add_answer(oracle, flow, id, &batch);
	batch_send(oracle->sink, &batch);
	flush_batch(oracle, &trial->gateway, &batch);
	add_later(oracle, trial, flow, id + 1, &batch);
	flush_batch(oracle, &trial->gateway, &batch);
}

/* Sends again where something is missing; true: it was lost, and now is there. */
static bool mend_known(struct oracle *oracle, const struct trial *trial, const struct packet_flow *flow, uint32_t id)
{
	if (is_known_whole(oracle, flow, id))
		return false;
	for (int sendings = 1; sendings < SENDINGS && !is_known_whole(oracle, flow, id); sendings++)
		send_known(oracle, trial, flow, id);
	return is_known_whole(oracle, flow, id);
}

/* Some of the flows that got through are answered and go on: no rule is asked again, and nothing forged rides on them. */
static void run_known(struct oracle *oracle, const struct trial *trial, uint32_t packets,
		      const struct kernel_drops *before)
{
	static struct batch batch;
	uint32_t ids[KNOWN];
	size_t count = 0;

	for (uint32_t id = 1; id <= packets && count < KNOWN; id += 1 + packets / 500)
		if (oracle->flows[id].form == PACKET_WHOLE && arrivals_of(oracle->arrivals, id) & (AT_SINK | AT_RELAY))
			ids[count++] = id;
	for (size_t i = 0; i < count; i++)
		add_answer(oracle, &oracle->flows[ids[i]], (uint32_t)(FIRST_KNOWN_ID + i * KNOWN_IDS), &batch);
	batch_send(oracle->sink, &batch);
	flush_batch(oracle, &trial->gateway, &batch);
	for (size_t i = 0; i < count; i++) {
		add_later(oracle, trial, &oracle->flows[ids[i]], (uint32_t)(FIRST_KNOWN_ID + i * KNOWN_IDS + 1),
			  &batch);
		if (batch.count + KNOWN_IDS + 1 > BATCH_MAX)
			flush_batch(oracle, &trial->gateway, &batch);
	}
	flush_batch(oracle, &trial->gateway, &batch);
	size_t lost = 0;
	for (size_t i = 0; i < count; i++) {
		uint32_t id = (uint32_t)(FIRST_KNOWN_ID + i * KNOWN_IDS);
		lost += mend_known(oracle, trial, &oracle->flows[ids[i]], id);
		judge_known(oracle, &oracle->flows[ids[i]], id);
	}
	if (lost)
		account_for(oracle, lost, lost, before);
	oracle->known += count;
	oracle->sent += count * KNOWN_IDS;
}

/* ---- mismatches ---- */

/* Whether the flow alone fares otherwise than the evaluator says */
static bool differs(void *context, const struct trial *trial, const struct packet_flow *flow)
{
	struct oracle *oracle = context;
	static struct batch batch;
	struct running running = install_trial(oracle, trial);
	struct packet_ends ends = ends_for(oracle, &trial->gateway, flow->to.family);
	struct packet_flow again = *flow;

	again.id = LONE_ID;
	arrivals_forget(oracle->arrivals, LONE_ID);
	enum eval_syn expected = trial_expects(&running.context, flow), came = EVAL_SYN_DENY;
	for (int sendings = 0; sendings < SENDINGS && came == EVAL_SYN_DENY && (expected != EVAL_SYN_DENY || !sendings);
	     sendings++) {
		batch_add(&batch, &ends, &again);
		flush_batch(oracle, &trial->gateway, &batch);
		came = fared(oracle, LONE_ID);
	}
	end_trial(&running);
	return expected != came;
}

static void report(struct oracle *oracle, const struct trial *from, uint32_t id)
{
	struct trial trial = *from;
	struct packet_flow flow = oracle->flows[id];
	static const char *const says[] = { "allows", "denies", "defers" }, *const does[] = { "lets it through",
											      "refuses it",
											      "diverts it" };
	bool alone = differs(oracle, &trial, &flow);
	enum eval_syn expected = oracle->expected[id], came = fared(oracle, id);

	if (alone)
		trial_shrink(&trial, &flow, differs, oracle);
	printf("# mismatch at -O%d: eval %s, the kernel %s%s%s%s%s\n", trial.level, says[expected], does[came],
	       alone ? "" : ", among others only", flow.form == PACKET_WHOLE ? "" : ", in fragments",
	       flow.options || flow.every_hop ? ", behind an options header" : "",
	       flow.twist ? ", forged or misrouted" : "");
	trial_print(stdout, &trial, &flow);
	fflush(stdout);
}

static void run_trial(struct oracle *oracle, size_t packets, int level)
{
	struct arena *arena = arena_new();
	struct trial trial = trial_draw(arena, &oracle->random, &oracle->full, MAX_RULES);
	uint32_t first_wrong = 0;

	trial.level = level;
	arrivals_clear(oracle->arrivals);
	struct running running = install_trial(oracle, &trial);
	struct kernel_drops before = kernel_drops();
	run_packets(oracle, &running, &trial, packets);
	run_again(oracle, &trial, packets, &before);
	intrude(oracle, &running, &trial, (uint32_t)packets + 1);
	before = kernel_drops();
	run_known(oracle, &trial, (uint32_t)packets, &before);
	for (uint32_t id = (uint32_t)packets; id >= 1; id--) {
		enum eval_syn came = fared(oracle, id);
		oracle->allowed += came == EVAL_SYN_ALLOW;
		oracle->deferred += came == EVAL_SYN_DEFER;
		if (came == oracle->expected[id])
			continue;
		oracle->mismatches++;
		first_wrong = id;
	}
	end_trial(&running);
	oracle->sent += packets;
	oracle->bound += trial.bindings.count;
	oracle->rules += trial.rules.count;
	if (first_wrong && oracle->shown++ < oracle->show)
		report(oracle, &trial, first_wrong);
	arena_free(arena);
}

int main(int argc, char **argv)
{
	struct oracle oracle = { 0 };

	if (argc != 10)
		errx(2,
		     "usage: kernel_oracle GUEST_NETNS SINK_NETNS GATEWAY_MAC UPLINK_MAC POLICIES PACKETS SEED PROCESSOR SHOWN");
	size_t policies = strtoul(argv[5], NULL, 10), packets = strtoul(argv[6], NULL, 10);
	if (packets + INTRUDERS > MAX_PACKETS)
		errx(2, "at most %d packets a policy", MAX_PACKETS - INTRUDERS);
	one_processor(atoi(argv[8])); /* packets stay in order and the fence is last */
	oracle.full = (struct addr_gateway){ .has4 = true, .has6 = true };
	addr_parse("172.16.0.1", &oracle.full.v4);
	addr_parse("fd42:6d73:62::1", &oracle.full.v6);
	parse_mac(argv[3], oracle.ends.gateway_mac);
	parse_mac(argv[4], oracle.uplink_mac);
	oracle.show = strtoul(argv[9], NULL, 10);
	oracle.random.state = strtoull(argv[7], NULL, 10);
	open_all(&oracle, argv[1], argv[2]);
	size_t done = 0;
	while (done < policies && oracle.shown < oracle.show)
		run_trial(&oracle, packets, trial_level(done++));
	printf("figures %zu %zu %zu %zu %zu %zu %zu %zu %zu %zu %zu %zu %zu %zu\n", done, oracle.rules, oracle.sent,
	       oracle.allowed, oracle.at_gateway, oracle.fragmented, oracle.bound, oracle.intruders, oracle.mismatches,
	       oracle.known, oracle.known_wrong, oracle.lost, oracle.unexplained, oracle.deferred);
	nl_close(oracle.conntrack);
	nft_close(oracle.nft);
	arrivals_free(oracle.arrivals);
	free(oracle.flows);
	free(oracle.expected);
	return 0;
}
