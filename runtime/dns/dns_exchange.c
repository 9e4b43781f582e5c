/* A question to one server, until it has answered or failed: over which transport, in which form, how often. */
#include "dns/dns_proxy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define QUARTERS 4     /* of the timeout, for an answer */
#define QUARTERS_TCP 2 /* for one that UDP had to be left for, and can be gone back to */

static const struct dns_note no_answer = { 22, "no nameserver answered" };
static const struct dns_note malformed = { 23, "the nameserver's answer does not parse" };

static struct server *server_of(struct proxy *proxy, const struct exchange *exchange)
{
	return exchange->server == SERVER_OF_GUEST ? NULL : &proxy->servers[exchange->server];
}

static int send_udp(struct proxy *proxy, struct exchange *exchange)
{
	int error = upstream_udp(proxy, exchange);
	if (error == 0)
		timer_start(&proxy->quarter_timeouts, &exchange->timer, proxy->now_ms);
	return error;
}

static int send_tcp(struct proxy *proxy, struct exchange *exchange)
{
	exchange->state = EXCHANGE_TCP;
	int error = upstream_tcp(proxy, exchange);
	if (error == 0)
		timer_start(&proxy->quarter_timeouts, &exchange->timer, proxy->now_ms);
	return error;
}

static bool guest_wants_tcp(const struct exchange *exchange)
{
	return exchange->lookup->key.direct && exchange->lookup->key.transport == FLOW_DNS_TCP;
}

int exchange_start(struct proxy *proxy, struct lookup *lookup, size_t server)
{
	struct exchange *exchange = calloc(1, sizeof *exchange);
	if (!exchange)
		return -ENOMEM;
	*exchange = (struct exchange){
		.lookup = lookup, .next = lookup->exchanges, .server = server, .quarters = QUARTERS
	};
	lookup->exchanges = exchange;
	const struct server *known = server_of(proxy, exchange);
	if (known) {
		exchange->plain = known->plain;
		exchange->lower = known->lower;
		exchange->no_tcp = known->no_tcp;
	}
	int error = known && known->at.unreachable ? -ENETUNREACH : 0;
	if (error == 0)
		error = guest_wants_tcp(exchange) ? send_tcp(proxy, exchange) : send_udp(proxy, exchange);
	if (error < 0)
		exchange_free(proxy, exchange);
	return error;
}

void exchange_free(struct proxy *proxy, struct exchange *exchange)
{
	struct exchange **at = &exchange->lookup->exchanges;
	timer_stop(&exchange->timer);
	upstream_release(proxy, exchange);
	while (*at != exchange)
		at = &(*at)->next;
	*at = exchange->next;
	free(exchange);
}

static void end_untold(struct proxy *proxy, struct exchange *exchange, unsigned rcode, struct dns_note note)
{
	struct lookup *lookup = exchange->lookup;
	exchange_free(proxy, exchange);
	lookup_untold(proxy, lookup, rcode, note);
}

static void end_failed(struct proxy *proxy, struct exchange *exchange, int error)
{
	health_failed(proxy, exchange->server, error);
	end_untold(proxy, exchange, LDNS_RCODE_SERVFAIL, no_answer);
}

/* Once more over UDP, in the form that it has now */
static void again(struct proxy *proxy, struct exchange *exchange)
{
	int error = send_udp(proxy, exchange);
	if (error < 0)
		end_failed(proxy, exchange, error);
}

/* What UDP could not hold, or a server that folds letters could not prove, TCP can. Where the server takes none, UDP must
 * do: large, and in small letters, which it has no reason to fold. */
static void without_tcp(struct proxy *proxy, struct exchange *exchange)
{
	exchange->no_tcp = exchange->lower = true;
	exchange->quarters = QUARTERS;
	again(proxy, exchange);
}

static void over_tcp(struct proxy *proxy, struct exchange *exchange)
{
	exchange->quarters = QUARTERS_TCP;
	if (send_tcp(proxy, exchange) < 0)
		without_tcp(proxy, exchange);
}

/* The server has been seen to need this form, and is asked in it from now on */
static void learn(struct proxy *proxy, const struct exchange *exchange, const ldns_pkt *answer)
{
	struct server *server = server_of(proxy, exchange);
	if (!server)
		return;
	if (ldns_pkt_edns(answer))
		server->edns = true;
	else if (exchange->plain && !server->edns)
		server->plain = true;
	server->lower |= exchange->lower && exchange->no_tcp;
	server->no_tcp |= exchange->no_tcp;
}

static bool may_be_plain(struct proxy *proxy, const struct exchange *exchange)
{
	const struct server *server = server_of(proxy, exchange);
	return !exchange->plain && !(server && server->edns) && !guest_wants_tcp(exchange);
}

static void again_plain(struct proxy *proxy, struct exchange *exchange)
{
	exchange->plain = exchange->lower = true;
	again(proxy, exchange);
}

static void judge(struct proxy *proxy, struct exchange *exchange, ldns_pkt *answer)
{
	struct lookup *lookup = exchange->lookup;
	int ede;
	enum dns_worth worth = dns_answer_worth(answer, &ede);
	if (worth == DNS_WORTH_NONE && dns_answer_dislikes_edns(answer) && may_be_plain(proxy, exchange)) {
		ldns_pkt_free(answer);
		again_plain(proxy, exchange);
		return;
	}
	if (worth == DNS_WORTH_ALL) {
		learn(proxy, exchange, answer);
		exchange_free(proxy, exchange);
		lookup_told(proxy, lookup, answer);
		return;
	}
	unsigned rcode = ldns_pkt_edns_extended_rcode(answer) ? LDNS_RCODE_SERVFAIL : ldns_pkt_get_rcode(answer);
	ldns_pkt_free(answer);
	if (worth == DNS_WORTH_NONE) {
		end_untold(proxy, exchange, rcode, (struct dns_note){ ede, NULL });
		return;
	}
	exchange_free(proxy, exchange);
	lookup_refuse(proxy, lookup, rcode, (struct dns_note){ ede, NULL });
}

/* A header alone */
static void judge_bare(struct proxy *proxy, struct exchange *exchange, const uint8_t *message)
{
	if (may_be_plain(proxy, exchange))
		again_plain(proxy, exchange);
	else
		end_untold(proxy, exchange, dns_answer_rcode(message), DNS_NO_NOTE);
}

/* Whether it has to be asked in another way before the answer counts */
static bool asks_otherwise(struct proxy *proxy, struct exchange *exchange, const uint8_t *message, bool folded)
{
	bool direct = exchange->lookup->key.direct, truncated = dns_answer_truncated(message);
	folded &= !exchange->lower;
	if (exchange->no_tcp || (!folded && !truncated))
		return false;
	/* the guest's own resolver is asked over the transport the guest chose, no other */
	if (direct && folded) {
		exchange->lower = true;
		again(proxy, exchange);
	} else if (direct) {
		struct lookup *lookup = exchange->lookup;
		exchange_free(proxy, exchange);
		lookup_truncated(proxy, lookup);
	} else {
		over_tcp(proxy, exchange);
	}
	return true;
}

void exchange_answered(struct proxy *proxy, struct exchange *exchange, const uint8_t *message, size_t len,
		       enum dns_match match)
{
	bool over_udp = exchange->udp != NULL;
	timer_stop(&exchange->timer);
	upstream_release(proxy, exchange);
	health_answered(proxy, exchange->server);
	if (exchange->lookup->probe) {
		lookup_free(proxy, exchange->lookup);
		return;
	}
	if (match == DNS_MATCH_BARE) {
		judge_bare(proxy, exchange, message);
		return;
	}
	if (over_udp && asks_otherwise(proxy, exchange, message, match == DNS_MATCH_CASE))
		return;
	ldns_pkt *answer = dns_answer_parse(message, len);
	if (answer)
		judge(proxy, exchange, answer);
	else
		end_untold(proxy, exchange, LDNS_RCODE_SERVFAIL, malformed);
}

void exchange_failed(struct proxy *proxy, struct exchange *exchange, int error)
{
	bool over_udp = exchange->state <= EXCHANGE_UDP;
	timer_stop(&exchange->timer);
	upstream_release(proxy, exchange);
	if (over_udp || guest_wants_tcp(exchange))
		end_failed(proxy, exchange, error);
	else
		without_tcp(proxy, exchange);
}

/* A quarter of the timeout has passed: the query may be lost, and lost for its EDNS or its letters */
static void remind(struct proxy *proxy, struct exchange *exchange)
{
	if (exchange->quarters == 1) /* whatever it was asked in */
		health_slow(proxy, exchange->server);
	if (exchange->udp && exchange->quarters == QUARTERS / 2 && may_be_plain(proxy, exchange)) {
		upstream_release(proxy, exchange);
		again_plain(proxy, exchange);
		return;
	}
	timer_start(&proxy->quarter_timeouts, &exchange->timer, proxy->now_ms);
	if (exchange->udp)
		upstream_udp_resend(proxy, exchange);
}

void exchange_expire(struct proxy *proxy)
{
	for (struct timer *timer; (timer = timers_ended(&proxy->quarter_timeouts, proxy->now_ms));) {
		struct exchange *exchange = timer_of(timer, struct exchange, timer);
		if (--exchange->quarters > 0)
			remind(proxy, exchange);
		else
			exchange_failed(proxy, exchange, -ETIMEDOUT);
	}
}
