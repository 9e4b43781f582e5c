/* The bytes that strangers send to the DNS worker: a guest's query, through the proxy up to the servers it would ask, and
 * a server's answer, through everything that is made of it, the short way of a hit and the long one among it, which must answer
 * the same. The first byte chooses. */
#include "fuzz.h"

#include "dns/dns_nat64.h"
#include "dns/dns_fast.h"
#include "netlink/nflog.h"

#include <ctype.h>
#include <string.h>
#include <sys/socket.h>

static struct proxy *proxy;

static void start(void)
{
	struct arena *arena = arena_new();
	struct policy_options options = { .arena = arena, .net_default = "deny", .today = "2026-11-24" };
	*arena_push(arena, &options.rules) = "allow@*.example.com,allow@dns,deny@evil.test,allow@private";
	options.rates[LIMIT_DNS_LABEL] = "60";
	options.rates[LIMIT_DNS_NAMES] = "10000/1m";
	struct proxy_config config = { .gateway = fuzz_gateway() };
	config.policy = options_resolve(&options, NULL, diags_new(arena, sources_new(arena)));
	struct proxy_sockets sockets = { -1, -1, -1, -1, -1 };
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
	uint8_t out[DNS_UDP_MAX];
	struct client_ref client = { .asked = proxy->context.gateway.v4, .peer.sin6_family = AF_INET };
	fast_answer(proxy, data, size, client.asked, out);
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

/* A query that the short way takes is one that the long way takes in the same sense, and both answer it alike */
static void compare(const uint8_t *message, size_t len, const struct cached *cached)
{
	static uint8_t fast[DNS_UDP_MAX], slow[LDNS_MAX_PACKETLEN];
	struct fast_query quick;
	struct dns_query query;
	unsigned rcode;
	if (!fast_query_read(message, len, &quick) || quick.question.type != cached->type ||
	    quick.question.name_len != cached->name_len ||
	    memcmp(quick.question.name, cached_name(cached), cached->name_len) != 0)
		return;
	enum dns_parse parse = dns_query_parse(message, len, &query, &rcode);
	if (parse == DNS_PARSE_REPLY && rcode == LDNS_RCODE_REFUSED)
		return; /* a meta type, which is never cached but here */
	if (parse != DNS_PARSE_OK || query.has_edns != quick.edns || query.udp_size != quick.udp_size)
		abort();
	size_t quick_len = fast_reply(&quick, message, cached, 5500, fast);
	ldns_pkt *pkt = cached_parse(cached);
	if (!pkt)
		abort(); /* what is kept parses */
	size_t slow_len = dns_reply_answer(&query, pkt, 4, query.udp_size, slow, sizeof slow);
	ldns_pkt_free(pkt);
	if (quick_len > 0 ? quick_len != slow_len || memcmp(fast, slow, slow_len) != 0 : !dns_answer_truncated(slow))
		abort();
}

/* The question in letters of any case, with EDNS or not; and whatever follows the answer in the input */
static void hit(const struct dns_question *question, const struct cached *cached, const uint8_t *data, size_t size)
{
	uint8_t message[DNS_UPSTREAM_MAX], bits[32] = { 0 };
	struct dns_question ignored;
	memcpy(bits, data, size < sizeof bits ? size : sizeof bits);
	unsigned edns_size = size > 33 ? (unsigned)(data[32] << 8 | data[33]) : 0;
	compare(message, dns_upstream_query(question, 4660, bits, edns_size, &ignored, message), cached);
	compare(data, size, cached);
}

/* As if it answered the question it carries */
static void answer(const uint8_t *data, size_t size, const uint8_t *rest, size_t rest_size)
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
		dns_answer_strip_ech(pkt);
		if (dns_answer_strip_ech(pkt))
			abort(); /* something was left */
		for (size_t i = 0; i < addresses.count; i++)
			if (!passes(&proxy->context, addresses.addrs[i]))
				abort(); /* bound, though held back */
		struct addr_prefix prefixes[ADDR_NAT64_MAX];
		dns_nat64_prefixes(addresses.addrs, addresses.count, prefixes);
		struct dns_question key = asked.question;
		for (size_t i = 0; i < len; i++)
			key.name[i] = (uint8_t)tolower(key.name[i]);
		struct cached *cached =
			cache_put(proxy->cache, &key, pkt, dns_answer_lifetime(pkt), ++proxy->versions, 1000);
		if (cached)
			hit(&key, cached, rest, rest_size);
		cache_find(proxy->cache, &key, 3000);
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
	else if (data[0] % 4 == 2)
		answer(data + 1, size - 1, data + 1, size - 1);
	else if (size > 3) {
		size_t len = (size_t)(data[1] << 8 | data[2]) % (size - 2);
		answer(data + 3, len, data + 3 + len, size - 3 - len);
	}
	return 0;
}
