/* The bytes that strangers send to the DNS worker: a guest's query, through the proxy up to the servers it would ask, and
 * a server's answer, through everything that is made of it. The first byte chooses. */
#include "fuzz.h"

#include "dns/dns_nat64.h"
#include "dns/dns_proxy.h"
#include "netlink/nflog.h"

#include <sys/socket.h>

static struct proxy *proxy;

static void start(void)
{
	struct arena *arena = arena_new();
	struct policy_options options = { .arena = arena, .net_default = "deny", .today = "2026-11-24" };
	*arena_push(arena, &options.rules) = "allow@*.example.com,allow@dns,deny@evil.test,allow@private";
	struct proxy_config config = { .gateway = fuzz_gateway() };
	config.policy = options_resolve(&options, NULL, diags_new(arena, sources_new(arena)));
	struct proxy_sockets sockets = { .udp4 = -1, .udp6 = -1, .tcp4 = -1, .tcp6 = -1 };
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) < 0)
		abort();
	sockets.control = pair[0];
	proxy = proxy_new(&config, &sockets);
	if (!proxy)
		abort();
}

/* Whatever is asked of the supervisor is granted by nobody: the proxy starts again before it has too many. */
static void query(const uint8_t *data, size_t size)
{
	struct client_ref client = { .asked = proxy->context.gateway.v4, .peer.sin6_family = AF_INET };
	proxy_query(proxy, data, size, &client);
	if (proxy->lookups > PROXY_MAX_LOOKUPS / 2) {
		proxy_free(proxy);
		start();
	}
}

static bool passes(const void *self, struct addr addr)
{
	return eval_answer_passes(self, addr);
}

/* As if it answered the question it carries */
static void answer(const uint8_t *data, size_t size)
{
	static uint8_t out[LDNS_MAX_PACKETLEN];
	struct dns_query asked = { .class = LDNS_RR_CLASS_IN, .has_edns = true, .udp_size = 1232 };
	struct dns_addresses addresses;
	struct addr which;
	ldns_pkt *pkt = dns_answer_parse(data, size);
	if (!pkt)
		return;
	const ldns_rr *question = ldns_rr_list_rr(ldns_pkt_question(pkt), 0);
	size_t len = ldns_rdf_size(ldns_rr_owner(question));
	if (len == 0 || len > sizeof asked.question.name)
		abort(); /* ldns promises a name */
	memcpy(asked.question.name, ldns_rdf_data(ldns_rr_owner(question)), len);
	asked.question.name_len = (uint8_t)len;
	asked.question.type = (uint16_t)ldns_rr_get_type(question);
	dns_answer_match(data, size, 0, &asked.question);
	if (dns_answer_check(pkt, passes, &proxy->context, &which) == DNS_HOLD_NONE) {
		dns_answer_addresses(pkt, &asked.question, &addresses);
		dns_answer_prune(pkt, &asked.question, &addresses);
		for (size_t i = 0; i < addresses.count; i++)
			if (!passes(&proxy->context, addresses.addrs[i]))
				abort(); /* bound, though held back */
		struct addr_prefix prefixes[ADDR_NAT64_MAX];
		dns_nat64_prefixes(addresses.addrs, addresses.count, prefixes);
		struct lookup_key key = { .question = asked.question };
		cache_put(proxy->cache, &key, pkt, dns_answer_lifetime(pkt), 1000);
		uint32_t age;
		uint64_t left;
		ldns_pkt_free(cache_get(proxy->cache, &key, 1500, &age, &left));
		size_t told = dns_reply_answer(&asked, pkt, 1, asked.udp_size, out, sizeof out);
		if (told > asked.udp_size)
			abort(); /* more than the guest can take */
	}
	ldns_pkt_free(pkt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nflog_packet packet;
	if (!proxy)
		start();
	if (size == 0)
		return 0;
	if (data[0] % 4 == 0)
		nflog_parse(data + 1, size - 1, &packet);
	else if (data[0] % 4 == 1)
		query(data + 1, size - 1);
	else
		answer(data + 1, size - 1);
	return 0;
}
