/* Randomness that an outsider cannot guess, for ids, ports and the case of letters. */
#include "dns/dns_proxy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void proxy_random(struct proxy *proxy, void *out, size_t len)
{
	if (proxy->random_left < len) {
		/* blocks before the pool is seeded, never later; 4096 octets may come in parts */
		size_t got = 0;
		while (got < sizeof proxy->random) {
			ssize_t more = getrandom(proxy->random + got, sizeof proxy->random - got, 0);
			if (more < 0 && errno != EINTR)
				abort(); /* no guessable ids */
			got += more > 0 ? (size_t)more : 0;
		}
		proxy->random_left = sizeof proxy->random;
	}
	proxy->random_left -= len;
	memcpy(out, proxy->random + proxy->random_left, len);
	memset(proxy->random + proxy->random_left, 0, len);
}
