/* The kernel against the evaluator: random policies are installed, random packets of a guest's are sent through
 * them, and what arrives (behind the uplink, or at the gateway's own sockets) must be what eval_connection() allows.
 *
 * Packets from behind the uplink to the guest or the gateway must not arrive whatever the rules, ingress rules too: those are
 * judged where published ports are relayed.
 *
 * usage: kernel_oracle GUEST_NETNS SINK_NETNS GATEWAY_MAC UPLINK_MAC POLICIES PACKETS SEED
 * Runs in the namespace that has tap0, br0 and uplink (kernel.sh makes them); GUEST_NETNS and SINK_NETNS are paths.
 *
 * Left out are destinations that Linux does not route whatever the rules say: 0/8, the on-link networks themselves; and
 * IPv4-mapped IPv6 ones, which are refused without asking the
 * policy. Port 53 belongs to the DNS proxy, which does not run here: nothing may arrive there. */
#include "eval/eval.h"
#include "dns/bindings_install.h"
#include "oracle_net.h"
#include "oracle_packet.h"
#include "oracle_policy.h"
#include "lower/lower.h"
#include "lower/sandbox_net.h"
#include "optimise/optimise.h"

#include <err.h>
#include <poll.h>
#include <stdlib.h>

enum { LOCAL_SOCKETS = 8, BURST = 128, MAX_PACKETS = 60000, INTRUDERS = 16 };
#define FENCE_ADDR "203.0.113.253"
#define FENCE6_ADDR "2001:db8:fe::1"
#define FENCE_PORT 65533
#define FENCE_ID UINT32_MAX

struct oracle {
	int guest;                /* packet socket on the guest's eth0 */
	int sink;                 /* packet socket behind the uplink */
	int local[LOCAL_SOCKETS]; /* raw sockets: what the gateway itself receives */
	struct nft *nft;
	struct nl *conntrack;
	struct packet_ends ends;
	uint8_t uplink_mac[6];
	uint32_t first_intruder;  /* id */
	struct addr_gateway full; /* both families */
	bool *arrived;            /* by id */
	size_t sent, allowed, at_gateway, bound, fragmented, intruders, mismatches;
};

struct trial {
	struct arena *arena;
	struct policy *policy;
	struct eval_context context;
	struct bindings *bindings;
	struct addr bound[32];
	size_t bound_count;
	bool *expected; /* by id */
	struct packet_flow *flows;
	size_t count;
};

/* Raw sockets get a copy of what passed the input chain. */
static void local_sockets(struct oracle *oracle)
{
	static const int protos4[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, PROTO_EXPERIMENTAL };
	static const int protos6[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMPV6, PROTO_EXPERIMENTAL };
	int size = 16 << 20;

	for (int i = 0; i < LOCAL_SOCKETS; i++) {
		int fd = i < 4 ? socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, protos4[i]) :
				 socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, protos6[i - 4]);
		if (fd < 0)
			err(3, "raw socket");
		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
		oracle->local[i] = fd;
	}
}

static struct packet_ends ends_for(const struct oracle *oracle, const struct addr_gateway *gateway,
				   enum addr_family family)
{
	struct packet_ends ends = oracle->ends;

	lower_guest_mac(gateway, ends.source_mac);
	ends.source = lower_guest_addr(family == ADDR_V4 ? oracle->full.v4 : oracle->full.v6);
	return ends;
}

/* Frames that must arrive come last: all before them have then fared as they will. Chain outbound lets them pass in
 * front of its rules; no random flow is like them. */
static void add_fence(struct ruleset *ruleset, bool v4)
{
	struct rs_table *table = &ruleset->tables.items[0];
	struct rs_chain *chain = table->chains.items;

	while (strcmp(chain->name, "outbound"))
		chain++;
	struct rs_rule *rule = rs_rule_add(ruleset, chain, "fence");
	rs_match(ruleset, rule, v4 ? RS_IP_DADDR : RS_IP6_DADDR,
		 rs_number(parse_sample(v4 ? FENCE_ADDR : FENCE6_ADDR).value));
	rs_match(ruleset, rule, RS_UDP_DPORT, rs_number(FENCE_PORT));
	rs_verdict(ruleset, rule, RS_ACCEPT, NULL);
	/* to the front */
	struct rs_rule last = chain->rules.items[chain->rules.count - 1];
	memmove(chain->rules.items + 1, chain->rules.items, (chain->rules.count - 1) * sizeof last);
	chain->rules.items[0] = last;
}

/* Tagged packets with ids from `first` on. Refusals quote a packet, its tag too: at the guest only other ids count. */
static void note_arrivals(struct oracle *oracle, int fd, uint32_t first, bool *fence)
{
	uint8_t bytes[512];
	ssize_t len;

	while ((len = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0) {
		uint32_t id = packet_id(bytes, (size_t)len);
		if (id == FENCE_ID)
			*fence = true;
		else if (id >= first && id <= MAX_PACKETS)
			oracle->arrived[id] = true;
	}
}

static void send_frames(int fd, uint8_t frames[][PACKET_MAX], const size_t *lens, unsigned count)
{
	struct iovec parts[BURST];
	struct mmsghdr messages[BURST];
	unsigned done = 0;

	memset(messages, 0, sizeof messages);
	for (unsigned i = 0; i < count; i++) {
		parts[i] = (struct iovec){ frames[i], lens[i] };
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	while (done < count) {
		int sent = sendmmsg(fd, messages + done, count - done, 0);
		if (sent < 0)
			err(3, "sendmmsg");
		done += (unsigned)sent;
	}
}

static void drain(struct oracle *oracle, bool *fence)
{
	bool ignored = false;

	note_arrivals(oracle, oracle->sink, 1, fence);
	for (int i = 0; i < LOCAL_SOCKETS; i++)
		note_arrivals(oracle, oracle->local[i], 1, &ignored);
	note_arrivals(oracle, oracle->guest, oracle->first_intruder, &ignored);
}

static void send_fence(struct oracle *oracle, const struct addr_gateway *gateway)
{
	struct packet_flow flow = { .to = parse_sample(gateway->has4 ? FENCE_ADDR : FENCE6_ADDR),
				    .proto = IPPROTO_UDP,
				    .source_port = 1,
				    .port = FENCE_PORT,
				    .id = FENCE_ID };
	struct packet_ends ends = ends_for(oracle, gateway, flow.to.family);
	uint8_t frame[1][PACKET_MAX];
	size_t len = packet_build(frame[0], &ends, &flow);
	struct pollfd sink = { oracle->sink, POLLIN, 0 };
	bool fence = false;

	send_frames(oracle->guest, frame, &len, 1);
	for (int tries = 0; !fence; tries++) {
		drain(oracle, &fence);
		if (!fence && tries == 3000)
			errx(3, "the fence packet did not arrive: links or routes are not as they should be");
		if (!fence)
			poll(&sink, 1, 10);
	}
}

static bool routable(const struct oracle *oracle, struct addr to)
{
	static const char *const never[] = { "0.0.0.0/8", "::/128", "::ffff:0:0/96", "198.51.100.0/30",
					     "2001:db8:ff::/126" };
	struct addr_prefix on_link = { to.family == ADDR_V4 ? oracle->full.v4 : oracle->full.v6,
				       to.family == ADDR_V4 ? 30 : 126 };

	for (size_t i = 0; i < COUNT(never); i++) {
		struct addr_prefix prefix = { { ADDR_V4, 0 }, 0 };
		addr_prefix_parse(never[i], &prefix);
		if (prefix.addr.family == to.family && addr_prefix_contains(prefix, to))
			return false;
	}
	return addr_equal(to, on_link.addr) || !addr_prefix_contains(on_link, to);
}

static void random_flow(struct oracle *oracle, struct trial *trial, struct packet_flow *flow)
{
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_TCP, IPPROTO_TCP,  IPPROTO_UDP,
					  IPPROTO_UDP, IPPROTO_UDP, IPPROTO_ICMP, PROTO_EXPERIMENTAL };
	do
		flow->to = by_nat64(&trial->context.gateway.nat64,
				    random_destination(trial->policy, trial->bound, trial->bound_count));
	while (!routable(oracle, flow->to));
	flow->proto = PICK(protos);
	if (flow->proto == IPPROTO_ICMP && flow->to.family == ADDR_V6)
		flow->proto = IPPROTO_ICMPV6;
	flow->port = random_port(trial->policy);
	flow->source_port = (uint16_t)(1024 + flow->id % 60000);
	flow->options = flow->to.family == ADDR_V6 && one_in(8);
	flow->form = !one_in(6) ? PACKET_WHOLE :
		     one_in(8)  ? PACKET_LAST_FRAGMENT :
		     one_in(2)  ? PACKET_FRAGMENTS :
				  PACKET_FRAGMENTS_REVERSED;
}

static bool expected(const struct trial *trial, const struct packet_flow *flow)
{
	struct eval_connection connection = { .direction = POLICY_EGRESS, .addr = flow->to };
	const struct addr_gateway *gateway = &trial->context.gateway;

	connection.has_port = flow->proto == IPPROTO_TCP || flow->proto == IPPROTO_UDP;
	connection.port = connection.has_port ? flow->port : 0;
	connection.proto = flow->proto == IPPROTO_TCP    ? PROTO_TCP :
			   flow->proto == IPPROTO_UDP    ? PROTO_UDP :
			   flow->proto == IPPROTO_ICMP   ? PROTO_ICMPV4 :
			   flow->proto == IPPROTO_ICMPV6 ? PROTO_ICMPV6 :
							   PROTO_OTHER;
	if (!(flow->to.family == ADDR_V4 ? gateway->has4 : gateway->has6))
		return false; /* a family without a gateway is dropped whole */
	if (connection.has_port && flow->port == 53)
		return false;
	if (flow->form == PACKET_LAST_FRAGMENT)
		return false; /* without its first it is no packet */
	return eval_connection(&trial->context, &connection).action == POLICY_ALLOW;
}

/* What one name resolves to in one family */
static void bind_name(struct oracle *oracle, struct trial *trial, const char *name, enum addr_family family)
{
	struct bindings_changes changes;
	struct addr addrs[2];
	size_t count = random_below(3);

	for (size_t n = 0; n < count; n++) {
		do
			addrs[n] = random_addr();
		while (addrs[n].family != family || !routable(oracle, addrs[n]));
		trial->bound[trial->bound_count++] = addrs[n];
	}
	if (!(family == ADDR_V4 ? trial->context.gateway.has4 : trial->context.gateway.has6))
		return;
	if (bindings_set(trial->bindings, name, family, addrs, count, 3600 * 1000, 1000, &changes))
		errx(3, "bindings_set failed");
	int error = bindings_install(oracle->nft, trial->bindings, &changes, 1000);
	if (error)
		errx(3, "bindings_install: %s", strerror(-error));
}

static void bind_names(struct oracle *oracle, struct trial *trial)
{
	for (size_t i = 0; i < COUNT(sample_names); i++) {
		bind_name(oracle, trial, sample_names[i], ADDR_V4);
		bind_name(oracle, trial, sample_names[i], ADDR_V6);
	}
	trial->context.bindings = bindings_view(trial->bindings, 2000);
}

static void report(struct oracle *oracle, const struct trial *trial, const struct packet_flow *flow)
{
	char text[ADDR_TEXT_MAX];

	if (oracle->mismatches++ >= 10)
		return;
	printf("# mismatch: proto %u to %s port %u, form %d%s: eval %s, kernel %s\n", flow->proto,
	       addr_format_bracketed(flow->to, text), flow->port, flow->form, flow->options ? ", options" : "",
	       trial->expected[flow->id] ? "allows" : "denies",
	       oracle->arrived[flow->id] ? "lets it through" : "does not let it through");
	printf("#   default %s%s", policy_action_name(trial->policy->egress.action),
	       trial->policy->multi_tenant ? ", multi-tenant" : "");
	for (size_t i = 0; i < trial->context.gateway.nat64.count; i++)
		printf(", NAT64 %s/%u%s", addr_format(trial->context.gateway.nat64.items[i].addr, text),
		       trial->context.gateway.nat64.items[i].len,
		       trial->context.gateway.nat64.found ? " found out" : "");
	for (size_t i = 0; i < trial->policy->rules.count; i++)
		printf(" %s", trial->policy->rules.items[i].text);
	for (size_t i = 0; i < trial->policy->floors.count; i++) {
		const struct policy *floor = trial->policy->floors.items[i];
		printf(" | floor, default %s", policy_action_name(floor->egress.action));
		for (size_t k = 0; k < floor->rules.count; k++)
			printf(" %s", floor->rules.items[k].text);
	}
	putchar('\n');
}

static void install_policy(struct oracle *oracle, struct trial *trial)
{
	struct lower_options options = { .gateway = trial->context.gateway, .any_flow_rate = true };
	struct ruleset *ruleset = lower_policy(trial->arena, trial->policy, &options);
	char why[512] = "";

	optimise(ruleset, one_in(2) ? 2 : 0);
	add_fence(ruleset, options.gateway.has4);
	if (nft_replace(oracle->nft, ruleset, why, sizeof why))
		errx(3, "%s", why);
	trial->bindings = bindings_new(trial->policy, &trial->context.gateway, lower_bound_maps(ruleset));
}

/* The frames of one flow's packet: one or two. Returns how many */
static unsigned build_frames(const struct packet_ends *ends, const struct packet_flow *flow, uint8_t out[][PACKET_MAX],
			     size_t *lens)
{
	static uint32_t ident; /* of the whole run: a lone fragment waits half a minute for the rest of its packet */
	uint8_t whole[PACKET_MAX];
	size_t len = packet_build(whole, ends, flow);
	bool reversed = flow->form == PACKET_FRAGMENTS_REVERSED;

	if (flow->form == PACKET_WHOLE) {
		memcpy(out[0], whole, len);
		lens[0] = len;
		return 1;
	}
	ident++;
	lens[0] = packet_fragment(whole, len, reversed || flow->form == PACKET_LAST_FRAGMENT, ident, out[0]);
	if (flow->form == PACKET_LAST_FRAGMENT)
		return 1;
	lens[1] = packet_fragment(whole, len, !reversed, ident, out[1]);
	return 2;
}

static void run_packets(struct oracle *oracle, struct trial *trial)
{
	static uint8_t frames[BURST][PACKET_MAX];
	size_t lens[BURST];
	unsigned pending = 0;

	for (uint32_t id = 1; id <= trial->count; id++) {
		struct packet_flow *flow = &trial->flows[id];
		flow->id = id;
		random_flow(oracle, trial, flow);
		trial->expected[id] = expected(trial, flow);
		struct packet_ends ends = ends_for(oracle, &trial->context.gateway, flow->to.family);
		pending += build_frames(&ends, flow, frames + pending, lens + pending);
		oracle->fragmented += flow->form != PACKET_WHOLE;
		if (pending + 2 > BURST || id == trial->count) {
			send_frames(oracle->guest, frames, lens, pending);
			send_fence(oracle, &trial->context.gateway);
			pending = 0;
		}
	}
}

/* From outside: ids behind those of the guest's packets, none of them expected */
static void intrude(struct oracle *oracle, struct trial *trial)
{
	static uint8_t frames[INTRUDERS][PACKET_MAX];
	size_t lens[INTRUDERS];

	for (uint32_t i = 0; i < INTRUDERS; i++) {
		struct packet_flow *flow = &trial->flows[trial->count + 1 + i];
		struct packet_ends ends = { .source = parse_sample(one_in(2) ? "192.0.2.77" : "2001:db8:77::77") };
		struct addr gateway = ends.source.family == ADDR_V4 ? oracle->full.v4 : oracle->full.v6;
		memcpy(ends.gateway_mac, oracle->uplink_mac, 6);
		flow->id = (uint32_t)trial->count + 1 + i;
		random_flow(oracle, trial, flow);
		flow->form = PACKET_WHOLE;
		flow->to = one_in(2) ? gateway : lower_guest_addr(gateway);
		if (flow->proto == IPPROTO_ICMP || flow->proto == IPPROTO_ICMPV6)
			flow->proto = gateway.family == ADDR_V4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
		flow->options = false;
		lens[i] = packet_build(frames[i], &ends, flow);
	}
	send_frames(oracle->sink, frames, lens, INTRUDERS);
	send_fence(oracle, &trial->context.gateway);
	for (uint32_t id = (uint32_t)trial->count + 1; id <= trial->count + INTRUDERS; id++)
		oracle->intruders += oracle->arrived[id];
}

static void run_trial(struct oracle *oracle, size_t packets)
{
	struct arena *arena = arena_new();
	struct diags *diags = diags_new(arena, sources_new(arena));
	struct trial trial = { .arena = arena, .count = packets, .context = { .gateway = oracle->full } };

	trial.policy = random_policy(arena, diags);
	if (diags->errors) {
		diags_print_text(diags, stderr, false);
		errx(3, "a random policy does not resolve");
	}
	trial.policy->max_tcp.most = trial.policy->max_udp.most = 0; /* many flows at once */
	trial.context.policy = trial.policy;
	random_nat64(&trial.context.gateway.nat64);
	if (one_in(8))
		trial.context.gateway.has4 = false;
	else if (one_in(8))
		trial.context.gateway.has6 = false;
	trial.expected = arena_alloc(arena, (packets + 1 + INTRUDERS) * sizeof *trial.expected);
	trial.flows = arena_alloc(arena, (packets + 1 + INTRUDERS) * sizeof *trial.flows);
	memset(oracle->arrived, 0, MAX_PACKETS + 1);
	oracle->first_intruder = (uint32_t)packets + 1;
	install_policy(oracle, &trial);
	conntrack_flush(oracle->conntrack);
	bind_names(oracle, &trial);
	run_packets(oracle, &trial);
	intrude(oracle, &trial);
	for (uint32_t id = 1; id <= packets; id++) {
		if (oracle->arrived[id] != trial.expected[id])
			report(oracle, &trial, &trial.flows[id]);
		oracle->allowed += oracle->arrived[id];
		oracle->at_gateway += addr_classify(trial.flows[id].to, &oracle->full) == ADDR_CLASS_HOST;
	}
	oracle->sent += packets;
	oracle->bound += trial.bound_count;
	bindings_free(trial.bindings);
	arena_free(arena);
}

int main(int argc, char **argv)
{
	struct oracle oracle = { .full = { true, true, parse_sample("172.16.0.1"), parse_sample("fd42:6d73:62::1") } };

	if (argc != 8)
		errx(2, "usage: kernel_oracle GUEST_NETNS SINK_NETNS GATEWAY_MAC UPLINK_MAC POLICIES PACKETS SEED");
	size_t policies = strtoul(argv[5], NULL, 10), packets = strtoul(argv[6], NULL, 10);
	if (packets + INTRUDERS > MAX_PACKETS)
		errx(2, "at most %d packets a policy", MAX_PACKETS - INTRUDERS);
	one_processor(); /* packets stay in order and the fence is last */
	parse_mac(argv[3], oracle.ends.gateway_mac);
	parse_mac(argv[4], oracle.uplink_mac);
	random_state = strtoull(argv[7], NULL, 10);
	oracle.guest = packet_socket(argv[1], "eth0");
	oracle.sink = packet_socket(argv[2], "sink0");
	local_sockets(&oracle);
	oracle.nft = nft_open();
	oracle.conntrack = nl_open(NETLINK_NETFILTER);
	oracle.arrived = calloc(MAX_PACKETS + 1, sizeof *oracle.arrived);
	if (!oracle.nft || !oracle.conntrack || !oracle.arrived)
		err(3, "netlink");
	for (size_t i = 0; i < policies; i++)
		run_trial(&oracle, packets);
	printf("# seed %s: %zu policies, %zu packets, %zu arrived; %zu to the gateway, %zu in fragments, %zu addresses bound\n",
	       argv[7], policies, oracle.sent, oracle.allowed, oracle.at_gateway, oracle.fragmented, oracle.bound);
	if (oracle.mismatches)
		printf("not ok kernel: agrees with the evaluator - %zu of %zu packets fared otherwise (seed %s)\n",
		       oracle.mismatches, oracle.sent, argv[7]);
	else
		printf("ok kernel: %zu policies, %zu packets, 0 mismatches\n", policies, oracle.sent);
	if (oracle.intruders)
		printf("not ok kernel: nothing new comes in - %zu packets did\n", oracle.intruders);
	else
		printf("ok kernel: nothing new comes in, whatever the rules\n");
	if (oracle.allowed * 10 < oracle.sent || oracle.allowed * 10 > oracle.sent * 9)
		printf("not ok kernel: both verdicts were tried - %zu of %zu arrived\n", oracle.allowed, oracle.sent);
	else
		printf("ok kernel: both verdicts were tried\n");
	nl_close(oracle.conntrack);
	nft_close(oracle.nft);
	free(oracle.arrived);
	return oracle.mismatches || oracle.intruders ? 1 : 0;
}
