/* The comparison as a whole: passes, publishing, and whether a flow is among what was found. */
#include "diff/diff.h"
#include "diff/diff_state.h"

/* ---- publishing ---- */

static bool same_publish(const struct policy_publish *a, const struct policy_publish *b)
{
	return addr_equal(a->bind, b->bind) && a->host_port == b->host_port && a->guest_port == b->guest_port &&
	       a->proto == b->proto;
}

/* How many of the list's first `count` are the same as `publish` */
static size_t copies(const struct policy *policy, size_t count, const struct policy_publish *publish)
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++)
		found += same_publish(&policy->publishes.items[i], publish);
	return found;
}

static void compare_publishes(struct diff *diff, int side, struct fuel *fuel)
{
	const struct policy *policy = diff->policies[side], *other = diff->policies[!side];

	for (size_t i = 0; i < policy->publishes.count; i++) {
		const struct policy_publish *publish = &policy->publishes.items[i];

		if (!fuel_use(fuel, i + other->publishes.count))
			return;
		if (copies(policy, i, publish) < copies(other, other->publishes.count, publish))
			continue;
		*arena_push(diff->arena, &diff->publishes) = (struct diff_publish){ side == 1, publish };
	}
}

/* ---- the network ---- */

/* A NAT64 prefix is a fact about a network, and the two are compared in one network: that with the prefixes of both. */
static struct addr_gateway compare_networks(struct diff *diff, const struct addr_gateway *given)
{
	struct addr_gateway gateway = *given;

	for (int side = 1; side >= 0; side--) {
		const struct addr_nat64 *own = &diff->policies[side]->nat64, *other = &diff->policies[!side]->nat64;

		for (size_t i = 0; i < own->count; i++) {
			bool shared = false;

			for (size_t k = 0; k < other->count; k++)
				shared = shared || (addr_equal(own->items[i].addr, other->items[k].addr) &&
						    own->items[i].len == other->items[k].len);
			if (!shared)
				*arena_push(diff->arena, &diff->networks) =
					(struct diff_network){ side == 1, own->items[i] };
			addr_nat64_add(&gateway.nat64, own->items[i]);
		}
	}
	return gateway;
}

const char *diff_network_text(struct arena *arena, const struct diff_network *network, bool markdown)
{
	char text[ADDR_TEXT_MAX];
	const char *tick = markdown ? "`" : "";

	return arena_printf(arena, "%sdns nat64-prefix %s/%u%s only %s; flows are compared as if both named it", tick,
			    addr_format(network->prefix.addr, text), network->prefix.len, tick,
			    network->added ? "afterwards" : "before");
}

/* ---- the whole ---- */

struct diff *diff_policies(struct arena *arena, const struct policy *before, const struct policy *after,
			   const struct addr_gateway *gateway, struct fuel *fuel)
{
	struct diff *diff = arena_alloc(arena, sizeof *diff);

	diff->arena = arena;
	diff->policies[0] = before;
	diff->policies[1] = after;
	struct addr_gateway both = compare_networks(diff, gateway);
	for (int side = 0; side < 2; side++)
		diff->contexts[side] = (struct eval_context){ .policy = diff->policies[side], .gateway = both };
	diff->analysis = analysis_new(arena, diff->policies, 2, ANALYSIS_BY_RULE, &both, fuel);
	diff->atoms = diff->analysis->atoms;
	diff->names = diff->analysis->names;
	diff_match(diff);
	if (!fuel->out) {
		diff_queries(diff);
		diff_answers(diff);
	}
	for (uint32_t zone = 0; !fuel->out && zone < analysis_zone_count(diff->analysis); zone++) {
		analysis_enter_zone(diff->analysis, zone);
		for (int direction = POLICY_EGRESS; direction <= POLICY_INGRESS; direction++)
			for (size_t i = 0; i < POLICY_PROTOS && !fuel->out; i++)
				diff_connections(diff, (enum policy_direction)direction, policy_protos[i]);
	}
	if (!fuel->out)
		analysis_enter_zone(diff->analysis, ANALYSIS_NONE);
	compare_publishes(diff, 1, fuel);
	compare_publishes(diff, 0, fuel);
	if (!fuel->out)
		diff_settings(diff, fuel);
	if (!fuel->out)
		diff_put_in_words(diff);
	return diff;
}

/* ---- membership ---- */

static bool has_port(const struct diff_region *region, const struct witness *flow)
{
	for (size_t i = 0; i < region->ports.count; i++)
		if (region->ports.items[i].lo <= flow->port && flow->port <= region->ports.items[i].hi)
			return true;
	return !region->ports.count;
}

static bool has_class(const struct diff *diff, const struct diff_region *region, const char *name)
{
	uint32_t class = name ? name_classes_find(diff->names, name) : 0;

	for (size_t i = 0; name && i < region->classes.count; i++)
		if (region->classes.items[i] == class)
			return true;
	return false;
}

static bool has_atom(const struct diff *diff, const struct diff_region *region, struct addr addr)
{
	uint32_t atom = atoms_find(diff->atoms, addr_unmap(addr));

	for (size_t i = 0; i < region->atoms.count; i++)
		if (region->atoms.items[i] == atom)
			return true;
	return false;
}

static bool region_has(const struct diff *diff, const struct diff_region *region, const struct witness *flow)
{
	bool names = has_class(diff, region, flow->bound[0]) || has_class(diff, region, flow->bound[1]);

	switch (region->kind) {
	case DIFF_QUERIES:
		if (flow->kind == FLOW_DNS)
			return (region->protos & 1u << flow->transport) && has_class(diff, region, flow->name);
		return names; /* a flow to a name begins with its lookup */
	case DIFF_ANSWERS:
		return (flow->kind == FLOW_ANSWER || flow->bound[0]) && has_atom(diff, region, flow->addr);
	default:
		if (flow->kind != FLOW_CONNECTION || flow->direction != region->direction ||
		    !(region->protos & flow->proto) || (flow->has_port && !has_port(region, flow)))
			return false;
		if (region->kind == DIFF_ADDRESSES)
			return has_atom(diff, region, flow->addr);
		return names || has_class(diff, region, flow->sni);
	}
}

bool diff_contains(const struct diff *diff, const struct witness *flow)
{
	for (size_t i = 0; i < diff->regions.count; i++)
		if (region_has(diff, &diff->regions.items[i], flow))
			return true;
	for (size_t i = 0; i < diff->implied.count; i++)
		if (region_has(diff, &diff->implied.items[i], flow))
			return true;
	return false;
}
