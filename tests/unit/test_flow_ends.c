/* What is remembered of flows that have ended: ids come and go in any order and none is lost or made up; a flow of the name relay's is known by the
 * guest's leg of it. */
#include "flows/flow_ends_known.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdlib.h>

static struct known_ids known;

/* As in a run of minutes: many more than there are places, some tens of thousands at once */
Test(flow_ends, ids_are_known_from_their_coming_to_their_going)
{
	enum { AT_ONCE = 30000, IN_ALL = 300000 };
	static uint32_t ids[AT_ONCE];
	uint32_t next = 1;

	for (size_t i = 0; i < IN_ALL; i++, next = next * 1664525u + 1013904223u) {
		size_t place = next % AT_ONCE;
		if (ids[place])
			cr_assert(known_ids_remove(&known, ids[place]), "%zu", i);
		cr_assert_not(known_ids_remove(&known, ids[place]));
		ids[place] = next;
		cr_assert(known_ids_add(&known, next));
		cr_assert(known_ids_has(&known, next));
	}
	for (size_t i = 0; i < AT_ONCE; i++)
		cr_assert_eq(known_ids_has(&known, ids[i]), ids[i] != 0);
	for (size_t i = 0; i < AT_ONCE; i++)
		cr_assert_eq(known_ids_remove(&known, ids[i]), ids[i] != 0);
	cr_assert_eq(known.count, 0);
	for (size_t i = 0; i < KNOWN_SLOTS; i++)
		cr_assert_eq(known.slots[i], 0);
}

Test(flow_ends, ids_are_bounded_and_full_is_said)
{
	size_t added = 0;

	for (uint32_t id = 1; id <= 2 * KNOWN_SLOTS; id++)
		added += known_ids_add(&known, id);
	cr_assert_lt(added, KNOWN_SLOTS);
	cr_assert_eq(added, known.count);
	cr_assert(known_ids_has(&known, 1));
	cr_assert_not(known_ids_has(&known, 2 * KNOWN_SLOTS));
	cr_assert_not(known_ids_add(&known, 0));
}

static struct addr addr_of(const char *text)
{
	struct addr addr;

	cr_assert(addr_parse(text, &addr));
	return addr;
}

Test(flow_ends, a_flow_of_a_server_name_is_known_by_both_its_ends)
{
	struct names_flow flow = { .connection = { .direction = POLICY_EGRESS,
						   .proto = PROTO_TCP,
						   .addr = addr_of("93.184.216.34"),
						   .has_port = true,
						   .port = 443,
						   .sni = "example.com" },
				   .guest = addr_of("172.16.0.2"),
				   .guest_port = 5000 };
	struct conntrack_tuple leg = { addr_of("172.16.0.2"), addr_of("93.184.216.34"), 5000, 443, IPPROTO_TCP };
	struct known_named of;

	known_of_names(&flow, &of);
	cr_assert_str_eq(of.sni, "example.com");
	cr_assert(known_is_leg(&of, &leg));
	leg.dst = addr_of("93.184.216.35");
	cr_assert_not(known_is_leg(&of, &leg));
}
