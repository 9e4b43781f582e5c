/* Hits over UDP, answered from the bytes of the cache. */
#pragma once
#include "dns/dns_cache.h"
#include "dns/dns_proxy.h"

/* The answer to a guest's query that was sent to `asked`; 0: it has to go the long way (proxy_query()) */
size_t fast_answer(struct proxy *, const uint8_t *message, size_t len, struct addr asked,
		   uint8_t out[static DNS_UDP_MAX]);

/* Makes the cache */
bool fast_init(struct proxy *);
/* Has the supervisor bind for longer what is due; once a turn of the loop */
void fast_turn(struct proxy *);
int fast_wait(const struct proxy *, int most_ms); /* when that is to be called again */

/* Its parts, for tests: a plain query, its name in small letters */
struct fast_query {
	struct dns_question question;
	uint16_t udp_size;
	bool edns;
};
bool fast_query_read(const uint8_t *message, size_t len, struct fast_query *out);
/* 0: it is larger than the guest can take */
size_t fast_reply(const struct fast_query *, const uint8_t *message, const struct cached *, uint64_t now_ms,
		  uint8_t out[static DNS_UDP_MAX]);
