/* Counting by one writer: nothing but that each number is read whole is asked of the processor. */
#include "dns/dns_counters.h"
#include "dns/dns_message.h"

#include <string.h>
#include <sys/mman.h>

#define COUNT_MOST ((uint64_t)INT64_MAX) /* what JSON has room for; no honest count gets there */

const char *const dns_outcome_names[DNS_OUTCOMES] = {
	[DNS_ANSWERED] = "answered", [DNS_NO_NAME] = "nxdomain", [DNS_DENIED] = "denied",
	[DNS_FAILED] = "failed",     [DNS_REFUSED] = "refused",
};
const uint32_t dns_latency_ms[DNS_LATENCIES - 1] = { 1, 2, 5, 10, 20, 50, 100, 200, 500, 2000 };

struct dns_counters *dns_counters_new(void)
{
	void *memory =
		mmap(NULL, sizeof(struct dns_counters), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

void dns_counters_free(struct dns_counters *counters)
{
	if (counters)
		munmap(counters, sizeof *counters);
}

static void add(uint64_t *count, uint64_t more)
{
	__atomic_store_n(count, *count + more, __ATOMIC_RELAXED);
}

void dns_count_reply(struct dns_counters *counters, const uint8_t *reply, size_t len)
{
	if (counters && len > 3)
		add(&counters->by_rcode[reply[3] & 15], 1);
}

void dns_count_blocked(struct dns_counters *counters)
{
	if (counters)
		add(&counters->blocked, 1);
}

void dns_count_limited(struct dns_counters *counters, enum policy_dns_limit which)
{
	if (counters)
		add(&counters->limited[which], 1);
}

void dns_count_cached(struct dns_counters *counters)
{
	if (counters)
		add(&counters->cached, 1);
}

void dns_count_wait(struct dns_counters *counters, uint64_t ms)
{
	size_t i = 0;

	if (!counters)
		return;
	while (i < DNS_LATENCIES - 1 && ms > dns_latency_ms[i])
		i++;
	add(&counters->waited[i], 1);
	add(&counters->waited_ms, ms);
}

static uint64_t read_count(const uint64_t *count)
{
	uint64_t value = __atomic_load_n(count, __ATOMIC_RELAXED);

	return value < COUNT_MOST ? value : COUNT_MOST;
}

/* Both at most COUNT_MOST */
static uint64_t sum(uint64_t a, uint64_t b)
{
	return a + b < COUNT_MOST ? a + b : COUNT_MOST;
}

static enum dns_outcome outcome_of(unsigned rcode)
{
	switch (rcode) {
	case LDNS_RCODE_NOERROR:
		return DNS_ANSWERED;
	case LDNS_RCODE_NXDOMAIN:
		return DNS_NO_NAME;
	case LDNS_RCODE_SERVFAIL:
		return DNS_FAILED;
	default:
		return DNS_REFUSED;
	}
}

void dns_counters_read(const struct dns_counters *counters, struct dns_counted *out)
{
	*out = (struct dns_counted){ 0 };
	for (unsigned rcode = 0; rcode < 16; rcode++) {
		uint64_t *outcome = &out->outcomes[outcome_of(rcode)];
		*outcome = sum(*outcome, read_count(&counters->by_rcode[rcode]));
	}
	/* of a reply that is being counted one number may be there and the other not yet */
	uint64_t blocked = read_count(&counters->blocked), no_name = out->outcomes[DNS_NO_NAME];
	out->outcomes[DNS_DENIED] = blocked;
	out->outcomes[DNS_NO_NAME] = no_name > blocked ? no_name - blocked : 0;
	for (size_t i = 0; i < POLICY_DNS_LIMITS; i++)
		out->limited[i] = read_count(&counters->limited[i]);
	out->cached = read_count(&counters->cached);
	for (size_t i = 0; i < DNS_LATENCIES; i++) {
		out->waited[i] = read_count(&counters->waited[i]);
		out->waited_count = sum(out->waited_count, out->waited[i]);
	}
	out->waited_ms = read_count(&counters->waited_ms);
}
