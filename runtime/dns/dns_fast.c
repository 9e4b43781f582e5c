/* The short way of a hit: a plain query whose answer is cached, and bound where it has addresses, is answered from the bytes
 * that are kept, without ldns. Whatever is unusual in the query goes the long way, which answers the same: tests and a fuzzer
 * hold the two against each other. Nothing is decided here. The verdict on a name does not change while the worker lives, so
 * the cache has it with the answer, which rebind protection has let pass, too. */
#include "dns/dns_fast.h"
#include "dns/dns_wire.h"

#include <string.h>

#define HEADER 12
#define MARGIN_MS 1000 /* a binding that ends sooner may have ended by the time the guest connects */
#define RENEWAL_LEAST_MS 1000

static const uint8_t opt_reply[] = { 0, 0, LDNS_RR_TYPE_OPT, DNS_UPSTREAM_UDP >> 8, DNS_UPSTREAM_UDP & 255, 0, 0, 0, 0,
				     0, 0 };

static uint8_t fold(uint8_t octet)
{
	return octet >= 'A' && octet <= 'Z' ? octet | 0x20 : octet;
}

/* OPT alone, version 0, no flags, no options; *size as the long way takes it */
static bool opt_read(const uint8_t *opt, uint16_t *size)
{
	static const uint8_t rest[6] = { 0 };
	if (opt[0] != 0 || wire_get16(opt + 1) != LDNS_RR_TYPE_OPT || memcmp(opt + 5, rest, sizeof rest) != 0)
		return false;
	*size = wire_get16(opt + 3) < 512 ? 512 : wire_get16(opt + 3) > DNS_UDP_MAX ? DNS_UDP_MAX : wire_get16(opt + 3);
	return true;
}

bool fast_query_read(const uint8_t *message, size_t len, struct fast_query *out)
{
	static const uint8_t one_question[7] = { 0, 1, 0, 0, 0, 0, 0 };
	/* a query, of its flags none but RD, AD and CD; one question, one more record at most */
	if (len < HEADER + 5 || message[2] > 1 || message[3] & ~0x30 ||
	    memcmp(message + 4, one_question, sizeof one_question) != 0 || message[11] > 1)
		return false;
	size_t name_len = wire_name_length(message, len, HEADER), end = HEADER + name_len + 4;
	out->edns = message[11];
	out->udp_size = 512;
	if (name_len == 0 || len != end + (out->edns ? sizeof opt_reply : 0) ||
	    wire_get16(message + end - 2) != LDNS_RR_CLASS_IN ||
	    (out->edns && !opt_read(message + end, &out->udp_size)))
		return false;
	for (size_t i = 0; i < name_len; i++)
		out->question.name[i] = fold(message[HEADER + i]);
	out->question.name_len = (uint8_t)name_len;
	out->question.type = wire_get16(message + end - 4);
	return true;
}

static void age_ttl(uint8_t *at, uint32_t age)
{
	uint32_t ttl = (uint32_t)wire_get16(at) << 16 | wire_get16(at + 2);
	ttl = ttl > age ? ttl - age : 0;
	at[0] = (uint8_t)(ttl >> 24);
	at[1] = (uint8_t)(ttl >> 16);
	at[2] = (uint8_t)(ttl >> 8);
	at[3] = (uint8_t)ttl;
}

size_t fast_reply(const struct fast_query *query, const uint8_t *message, const struct cached *cached, uint64_t now_ms,
		  uint8_t out[static DNS_UDP_MAX])
{
	size_t len = cached->len + (query->edns ? sizeof opt_reply : 0);
	uint32_t age = (uint32_t)((now_ms - cached->stored_ms) / 1000);
	if (len > query->udp_size)
		return 0;
	memcpy(out, cached_wire(cached), cached->len);
	memcpy(out, message, 2);
	out[2] |= message[2]; /* RD */
	out[11] = query->edns;
	memcpy(out + HEADER, message + HEADER, cached->name_len);
	for (size_t i = 0; i < cached->ttl_count; i++)
		age_ttl(out + cached->ttl_at[i], age);
	if (query->edns)
		memcpy(out + cached->len, opt_reply, sizeof opt_reply);
	return len;
}

/* Whether its addresses are bound, and will be for as long as one who gets them now may use them. Where they are not bound for
 * long enough yet, the supervisor is asked: not for each query, but some time later for all until then, if they are bound by
 * then, else at once. */
static bool is_held(struct proxy *proxy, struct cached *cached)
{
	uint64_t now_ms = proxy->now_ms, until_ms = now_ms + hold_ms(proxy, cached->expires_ms - now_ms);
	if (cached->held_until_ms < now_ms + MARGIN_MS)
		return false;
	if (cached->held_until_ms >= until_ms)
		return true;
	if (cached->needed_until_ms < until_ms)
		cached->needed_until_ms = until_ms;
	if (timer_runs(&cached->renewal))
		return true;
	if (!cached->renewing && cached->held_until_ms < now_ms + proxy->renewals_due.length_ms + 2 * MARGIN_MS)
		return lookup_renew(proxy, cached);
	timer_start(&proxy->renewals_due, &cached->renewal, now_ms);
	return true;
}

size_t fast_answer(struct proxy *proxy, const uint8_t *message, size_t len, struct addr asked,
		   uint8_t out[static DNS_UDP_MAX])
{
	struct fast_query query;
	/* a query to another address is its resolver's to answer, if anybody's: eval_dns_route() */
	if (!addr_gateway_resolves(&proxy->context.gateway, asked) || !fast_query_read(message, len, &query))
		return 0;
	struct cached *cached = cache_find(proxy->cache, &query.question, proxy->now_ms);
	if (!cached || !cached->over_udp)
		return 0;
	cached->asked = true;
	return is_held(proxy, cached) ? fast_reply(&query, message, cached, proxy->now_ms, out) : 0;
}

/* ---- renewals ---- */

static void dropped(void *self, struct cached *cached)
{
	if (cached->needed_until_ms > cached->held_until_ms)
		lookup_renew(self, cached);
}

bool fast_init(struct proxy *proxy)
{
	uint64_t quarter_ms = proxy->config.policy->binding_minimum_ms / 4;
	timers_init(&proxy->renewals_due, quarter_ms < RENEWAL_LEAST_MS ? RENEWAL_LEAST_MS : quarter_ms);
	proxy->cache = cache_new(proxy->seed, dropped, proxy);
	return proxy->cache != NULL;
}

/* One that cannot be asked for now comes again with the next turn */
void fast_turn(struct proxy *proxy)
{
	for (struct timer *timer; (timer = timers_ended(&proxy->renewals_due, proxy->now_ms));) {
		struct cached *cached = timer_of(timer, struct cached, renewal);
		if (cached->needed_until_ms > cached->held_until_ms && !lookup_renew(proxy, cached)) {
			timer_start_first(&proxy->renewals_due, timer, proxy->now_ms);
			break;
		}
	}
}

int fast_wait(const struct proxy *proxy, int most_ms)
{
	/* while many are under way, their verdicts wake the loop */
	return proxy->renewals ? most_ms : timers_wait(&proxy->renewals_due, proxy->now_ms, most_ms);
}
