/* The bounds' names for people. */
#include "report/limit_report.h"

#include <inttypes.h>

#define RAISE_TABLE "net.netfilter.nf_conntrack_max raises it"

static struct limit_text by_option(struct arena *arena, const char *option, uint32_t value)
{
	return (struct limit_text){
		.option = option,
		.value = value,
		.text = arena_printf(arena, "refused by %s %u", option, value),
		.raise = arena_printf(arena, "%s N raises it", option),
	};
}

/* A share of the host's table is what counts where it is less than the option, or the option is 0. */
static struct limit_text connections(struct arena *arena, const char *option, const char *proto, uint32_t wanted,
				     const struct limit_numbers *numbers, enum limit limit, bool host)
{
	uint32_t most = host ? numbers->most[limit] : wanted;

	if (most == wanted)
		return by_option(arena, option, wanted);
	return (struct limit_text){
		.value = most,
		.text = arena_printf(arena, "refused by this sandbox's share of the host's conntrack: %u of %s", most,
				     proto),
		.raise = RAISE_TABLE,
	};
}

/* Used up: nothing more passes, but under a policy with more */
static struct limit_text quota(struct arena *arena, const char *option, uint64_t bytes)
{
	return (struct limit_text){
		.option = option,
		.value = bytes,
		.text = arena_printf(arena, "all of %s %" PRIu64 " is used up", option, bytes),
		.raise = arena_printf(arena,
				      "%s SIZE, or `limit` in the policy, raises it, at the next start or by a reload",
				      option),
	};
}

static struct limit_text fixed(uint32_t value, const char *text, const char *raise)
{
	return (struct limit_text){ .value = value, .text = text, .raise = raise };
}

struct limit_text limit_text(struct arena *arena, enum limit limit, const struct policy *policy,
			     const struct limit_numbers *numbers, bool host)
{
	uint32_t most = numbers->most[limit];

	switch (limit) {
	case OVER_TCP:
		return connections(arena, "--max-tcp-connections", "TCP", policy->max_tcp.most, numbers, limit, host);
	case OVER_UDP:
		return connections(arena, "--max-udp-connections", "UDP", policy->max_udp.most, numbers, limit, host);
	case OVER_RATE:
		return by_option(arena, "--max-connection-rate", policy->connection_rate.most);
	case OVER_NEIGHBOURS:
		return (struct limit_text){
			.option = "--max-connection-rate",
			.value = policy->connection_rate.most,
			.text = arena_printf(
				arena,
				"refused by --max-connection-rate %u, of which %u a second may be to the host's own networks",
				policy->connection_rate.most, limit_neighbours(policy)),
			.raise = "--max-connection-rate N raises it",
		};
	case OVER_OTHER:
		most = host ? most : POLICY_OTHER_CONNECTIONS;
		return fixed(most, arena_printf(arena, "refused by the limit of %u flows neither TCP nor UDP", most),
			     "some have to end first");
	case OVER_QUESTIONS:
		return fixed(most, arena_printf(arena, "refused by the limit of %u DNS questions at once", most),
			     "some have to be answered first");
	case OVER_SHARE:
		return fixed(most,
			     arena_printf(arena, "refused by this sandbox's share of the host's conntrack: %u", most),
			     RAISE_TABLE);
	case OVER_EGRESS_BYTES:
		return quota(arena, "--net-egress-bytes", policy->egress_bytes.size);
	case OVER_INGRESS_BYTES:
		return quota(arena, "--net-ingress-bytes", policy->ingress_bytes.size);
	case OVER_ALL:
	case OVER_COUNT:
		break;
	}
	return fixed(numbers->most[OVER_ALL],
		     arena_printf(arena, "refused by all sandboxes' share of the host's conntrack: %u",
				  numbers->most[OVER_ALL]),
		     RAISE_TABLE);
}
