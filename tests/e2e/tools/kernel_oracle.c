/* The kernel against the evaluator: random policies are installed, random packets of a guest's are sent through
 * them, and what arrives (behind the uplink, or at the gateway's own sockets) must be what eval_connection() allows.
 *
 * Packets from behind the uplink to the guest or the gateway must not arrive whatever the rules, ingress rules too: those are
 * judged where published ports are relayed.
 *
 * usage: kernel_oracle GUEST_NETNS SINK_NETNS GATEWAY_MAC UPLINK_MAC POLICIES PACKETS SEED PROCESSOR SHOWN
 * Runs in the namespace that has tap0, br0 and uplink (kernel.sh makes them); GUEST_NETNS and SINK_NETNS are paths. Prints
 * a line of figures for kernel.sh to add up, before it the mismatches, shrunk to few rules and one flow; ends after the
 * SHOWNth policy that has one.
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
#include "tests/lib/trial_shrink.h"

#include <err.h>
#include <stdlib.h>
#include <time.h>

enum { LOCAL_SOCKETS = 8, BURST = 256, MAX_PACKETS = 60000, INTRUDERS = 16, MAX_RULES = 200 };
enum { KNOWN = 48 /* flows a policy that are answered and go on */, KNOWN_IDS = 2 + PACKET_TWISTS };
enum { FENCE_ID = MAX_PACKETS + 1, LONE_ID, FIRST_KNOWN_ID, LAST_ID = FIRST_KNOWN_ID + KNOWN * KNOWN_IDS };
enum { AT_SINK = 1, AT_GATEWAY = 2, AT_GUEST = 4 };
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
	bool *expected;
	size_t sent, allowed, at_gateway, bound, fragmented, rules, intruders, known, known_wrong, mismatches, shown,
		show;
};

/* An installed trial */
struct running {
	struct arena *arena;
	struct policy *policy;
	struct eval_context context;
	struct bindings *bindings;
};

/* Frames to be sent in one go */
struct batch {
	uint8_t frames[BURST][PACKET_MAX];
	size_t lens[BURST];
	unsigned count;
};

/* ---- sockets ---- */

/* Raw sockets get a copy of what passed the input chain. */
static void local_sockets(struct oracle *oracle)
{
	static const int protos4[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, PROTO_EXPERIMENTAL };
	static const int protos6[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMPV6, PROTO_EXPERIMENTAL };

	for (int i = 0; i < LOCAL_SOCKETS; i++) {
		int fd = i < 4 ? socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, protos4[i]) :
				 socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, protos6[i - 4]);
		if (fd < 0)
			err(3, "raw socket");
		arrivals_watch(oracle->arrivals, fd, AT_GATEWAY);
		oracle->local[i] = fd;
	}
}

static void open_all(struct oracle *oracle, const char *guest, const char *sink)
{
	oracle->arrivals = arrivals_new(LAST_ID);
	oracle->guest = packet_socket(guest, "eth0");
	oracle->sink = packet_socket(sink, "sink0");
	arrivals_watch(oracle->arrivals, oracle->guest, AT_GUEST);
	arrivals_watch(oracle->arrivals, oracle->sink, AT_SINK);
	local_sockets(oracle);
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

static void send_batch(int fd, struct batch *batch)
{
	struct iovec parts[BURST];
	struct mmsghdr messages[BURST];
	unsigned done = 0;

	memset(messages, 0, batch->count * sizeof *messages);
	for (unsigned i = 0; i < batch->count; i++) {
		parts[i] = (struct iovec){ batch->frames[i], batch->lens[i] };
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	while (done < batch->count) {
		int sent = sendmmsg(fd, messages + done, batch->count - done, 0);
		if (sent < 0)
			err(3, "sendmmsg");
		done += (unsigned)sent;
	}
	batch->count = 0;
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

static void wait_for_fence(const struct oracle *oracle)
{
	struct timespec pause = { 0, 20 * 1000 };

	for (int tries = 0; !arrivals_of(oracle->arrivals, FENCE_ID); tries++) {
		if (tries == 500000)
			errx(3, "the fence packet did not arrive: links or routes are not as they should be");
		if (tries > 20)
			nanosleep(&pause, NULL);
		else
			sched_yield();
	}
	arrivals_forget(oracle->arrivals, FENCE_ID);
}

static void add_fence_frame(const struct oracle *oracle, const struct addr_gateway *gateway, struct batch *batch)
{
	struct packet_flow flow = { .proto = IPPROTO_UDP, .source_port = 1, .port = FENCE_PORT, .id = FENCE_ID };

	addr_parse(gateway->has4 ? FENCE_ADDR : FENCE6_ADDR, &flow.to);
	struct packet_ends ends = ends_for(oracle, gateway, flow.to.family);
	batch->lens[batch->count] = packet_build(batch->frames[batch->count], &ends, &flow);
	batch->count++;
}

/* The batch, and the fence behind it; returns when all have fared as they will. */
static void flush_batch(const struct oracle *oracle, const struct addr_gateway *gateway, struct batch *batch)
{
	add_fence_frame(oracle, gateway, batch);
	send_batch(oracle->guest, batch);
	wait_for_fence(oracle);
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

/* The frames of one flow's packet, one or two, behind those of the batch */
static void add_frames(const struct packet_ends *ends, const struct packet_flow *flow, struct batch *batch)
{
	static uint32_t ident; /* of the whole run: a lone fragment waits for the rest of its packet */
	uint8_t whole[PACKET_MAX];
	uint8_t(*out)[PACKET_MAX] = batch->frames + batch->count;
	size_t *lens = batch->lens + batch->count;
	bool reversed = flow->form == PACKET_FRAGMENTS_REVERSED;

	if (flow->form == PACKET_WHOLE) {
		lens[0] = packet_build(out[0], ends, flow);
		batch->count++;
		return;
	}
	size_t len = packet_build(whole, ends, flow);
	ident++;
	lens[0] = packet_fragment(whole, len, reversed || flow->form == PACKET_LAST_FRAGMENT, ident, out[0]);
	batch->count++;
	if (flow->form == PACKET_LAST_FRAGMENT)
		return;
	lens[1] = packet_fragment(whole, len, !reversed, ident, out[1]);
	batch->count++;
}

static bool arrived(const struct oracle *oracle, uint32_t id)
{
	return arrivals_of(oracle->arrivals, id) & (AT_SINK | AT_GATEWAY);
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
		add_frames(flow->to.family == ADDR_V4 ? &ends4 : &ends6, flow, &batch);
		if (batch.count + 3 > BURST || id == packets)
			flush_batch(oracle, &trial->gateway, &batch);
	}
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
		add_frames(&ends, &flow, &batch);
	}
	send_batch(oracle->sink, &batch);
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
	add_frames(&ends, &answer, batch);
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
		add_frames(&ends, &later, batch);
	}
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

	for (uint32_t i = 0; i < KNOWN_IDS; i++) {
		bool expected = i <= 1 || i == KNOWN_IDS - 1;
		bool came = i ? arrived(oracle, id + i) : arrivals_of(oracle->arrivals, id) == AT_GUEST;
		char text[ADDR_TEXT_MAX];
		if (came == expected)
			continue;
		if (oracle->known_wrong++ < oracle->show)
			printf("# of a known flow (protocol %u to %s port %u) %s %s\n", flow->proto,
			       addr_format(flow->to, text), flow->port, what[i], came ? "gets through" : "does not");
	}
}

/* Some of the flows that got through are answered and go on: no rule is asked again, and nothing forged rides on them. */
static void run_known(struct oracle *oracle, const struct trial *trial, uint32_t packets)
{
	static struct batch batch;
	uint32_t ids[KNOWN];
	size_t count = 0;

	for (uint32_t id = 1; id <= packets && count < KNOWN; id += 1 + packets / 500)
		if (oracle->flows[id].form == PACKET_WHOLE && arrivals_of(oracle->arrivals, id) & AT_SINK)
			ids[count++] = id;
	for (size_t i = 0; i < count; i++)
		add_answer(oracle, &oracle->flows[ids[i]], (uint32_t)(FIRST_KNOWN_ID + i * KNOWN_IDS), &batch);
	send_batch(oracle->sink, &batch);
	flush_batch(oracle, &trial->gateway, &batch);
	for (size_t i = 0; i < count; i++) {
		add_later(oracle, trial, &oracle->flows[ids[i]], (uint32_t)(FIRST_KNOWN_ID + i * KNOWN_IDS + 1),
			  &batch);
		if (batch.count + KNOWN_IDS + 1 > BURST)
			flush_batch(oracle, &trial->gateway, &batch);
	}
	flush_batch(oracle, &trial->gateway, &batch);
	for (size_t i = 0; i < count; i++)
		judge_known(oracle, &oracle->flows[ids[i]], (uint32_t)(FIRST_KNOWN_ID + i * KNOWN_IDS));
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
	add_frames(&ends, &again, &batch);
	flush_batch(oracle, &trial->gateway, &batch);
	bool expected = trial_expects(&running.context, flow), came = arrived(oracle, LONE_ID);
	end_trial(&running);
	return expected != came;
}

static void report(struct oracle *oracle, const struct trial *from, uint32_t id)
{
	struct trial trial = *from;
	struct packet_flow flow = oracle->flows[id];
	bool alone = differs(oracle, &trial, &flow), expected = oracle->expected[id];

	if (alone)
		trial_shrink(&trial, &flow, differs, oracle);
	printf("# mismatch at -O%d: eval %s, the kernel %s%s%s%s%s\n", trial.level, expected ? "allows" : "denies",
	       expected ? "does not let it through" : "lets it through", alone ? "" : ", among others only",
	       flow.form == PACKET_WHOLE ? "" : ", in fragments",
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
	run_packets(oracle, &running, &trial, packets);
	intrude(oracle, &running, &trial, (uint32_t)packets + 1);
	run_known(oracle, &trial, (uint32_t)packets);
	for (uint32_t id = (uint32_t)packets; id >= 1; id--) {
		bool came = arrived(oracle, id);
		oracle->allowed += came;
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
	printf("figures %zu %zu %zu %zu %zu %zu %zu %zu %zu %zu %zu\n", done, oracle.rules, oracle.sent, oracle.allowed,
	       oracle.at_gateway, oracle.fragmented, oracle.bound, oracle.intruders, oracle.mismatches, oracle.known,
	       oracle.known_wrong);
	nl_close(oracle.conntrack);
	nft_close(oracle.nft);
	arrivals_free(oracle.arrivals);
	free(oracle.flows);
	free(oracle.expected);
	return 0;
}
