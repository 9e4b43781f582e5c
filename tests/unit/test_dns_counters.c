/* What the DNS worker counts, as the supervisor reads it: whatever stands there. */
#include "dns/dns_counters.h"

#include <criterion/criterion.h>
#include <string.h>

static void reply(struct dns_counters *counters, uint8_t rcode)
{
	const uint8_t message[12] = { 0, 0, 0x80, (uint8_t)(0x80 | rcode) };

	dns_count_reply(counters, message, sizeof message);
}

Test(dns_counters, each_question_has_one_outcome)
{
	struct dns_counters *counters = dns_counters_new();
	struct dns_counted counted;

	static const uint8_t rcodes[] = { 0, 0, 3, 3, 3, 2, 5, 1, 4 };
	for (size_t i = 0; i < sizeof rcodes; i++)
		reply(counters, rcodes[i]);
	dns_count_blocked(counters); /* one of the three names that there are not */
	dns_count_cached(counters);
	dns_counters_read(counters, &counted);
	cr_expect_eq(counted.outcomes[DNS_ANSWERED], 2);
	cr_expect_eq(counted.outcomes[DNS_NO_NAME], 2);
	cr_expect_eq(counted.outcomes[DNS_DENIED], 1);
	cr_expect_eq(counted.outcomes[DNS_FAILED], 1);
	cr_expect_eq(counted.outcomes[DNS_REFUSED], 3);
	cr_expect_eq(counted.cached, 1);
	dns_counters_free(counters);
}

Test(dns_counters, waits_fall_into_their_bucket)
{
	struct dns_counters *counters = dns_counters_new();
	struct dns_counted counted;

	static const uint64_t waits[] = { 0, 1, 2, 3, 500, 501, 2001, 100000 };
	for (size_t i = 0; i < sizeof waits / sizeof *waits; i++)
		dns_count_wait(counters, waits[i]);
	dns_counters_read(counters, &counted);
	static const uint64_t expected[DNS_LATENCIES] = { 2, 1, 1, 0, 0, 0, 0, 0, 1, 1, 2 };
	for (size_t i = 0; i < DNS_LATENCIES; i++)
		cr_expect_eq(counted.waited[i], expected[i], "bucket %zu has %lu", i, (unsigned long)counted.waited[i]);
	cr_expect_eq(counted.waited_count, 8);
	cr_expect_eq(counted.waited_ms, 0 + 1 + 2 + 3 + 500 + 501 + 2001 + 100000);
	dns_counters_free(counters);
}

Test(dns_counters, what_a_lying_worker_writes_stays_a_number)
{
	struct dns_counters counters;
	struct dns_counted counted;

	memset(&counters, 0xff, sizeof counters);
	dns_counters_read(&counters, &counted);
	for (size_t i = 0; i < DNS_OUTCOMES; i++)
		cr_expect_leq(counted.outcomes[i], (uint64_t)INT64_MAX);
	cr_expect_leq(counted.waited_count, (uint64_t)INT64_MAX);
	cr_expect_leq(counted.waited_ms, (uint64_t)INT64_MAX);
	counters = (struct dns_counters){ .blocked = 5 };
	dns_counters_read(&counters, &counted);
	cr_expect_eq(counted.outcomes[DNS_NO_NAME], 0);
}

Test(dns_counters, without_counters_nothing_is_counted)
{
	dns_count_reply(NULL, (const uint8_t[4]){ 0 }, 4);
	dns_count_wait(NULL, 1);
	dns_count_cached(NULL);
	dns_count_blocked(NULL);
}
