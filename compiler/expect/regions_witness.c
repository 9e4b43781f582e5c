/* Witnesses of regions: which of what was found is plainest, and its text. */
#include "base/name.h"
#include "base/text.h"
#include "expect/regions_state.h"
#include "policy/flow.h"

/* ---- witnesses ---- */

/* An address of the atom that is not malformed, which no rule decides */
static struct addr get_member(const struct regions *all, uint32_t atom)
{
	const struct addr_range *ranges = atoms_ranges(all->analysis->atoms, atom);
	struct addr addr = atoms_member(all->analysis->atoms, atom);

	for (uint32_t i = 0; i < atoms_at(all->analysis->atoms, atom)->range_count; i++) {
		if (!addr_is_malformed(addr, &all->context->gateway.nat64))
			break;
		addr.value = ranges[i].lo;
	}
	return addr;
}

static uint16_t choose_port(const struct region_find *find)
{
	const struct policy_port_range ports = { .lo = find->lo, .hi = find->hi };
	uint16_t port = analysis_usual_port(&ports, 1);

	return port || !find->hi ? port : 1;
}

static const char *to_name_text(const struct regions *all, const struct region_find *find, uint16_t port)
{
	struct text text = { .arena = all->arena };
	char buf[ADDR_TEXT_MAX];
	struct addr addr;

	text_addf(&text, "%s@%s:%s", policy_direction_name(find->direction), flow_name_text(all->arena, find->bound),
		  policy_proto_name(find->proto));
	if (policy_proto_has_ports(find->proto))
		text_addf(&text, ":%u", port);
	if (find->atom == ANALYSIS_NONE || name_equal(find->bound, NAME_HOST_ALIAS))
		return text_get(&text);
	addr = get_member(all, find->atom);
	if (!addr_equal(addr,
			eval_unnamed_public(all->context->policy, find->proto == PROTO_ICMPV6 ? ADDR_V6 : ADDR_V4)))
		text_addf(&text, " resolve=%s=%s", find->bound, addr_format(addr, buf));
	return text_get(&text);
}

static const char *to_address_text(const struct regions *all, const struct region_find *find, uint16_t port)
{
	struct text text = { .arena = all->arena };
	struct addr addr = get_member(all, find->atom);
	char buf[ADDR_TEXT_MAX];

	text_add(&text, flow_format_connection(all->arena, find->direction, addr, find->proto,
					       policy_proto_has_ports(find->proto), port));
	if (find->bound)
		text_addf(&text, " resolve=%s=%s", find->bound, addr_format(addr, buf));
	if (find->sni)
		text_addf(&text, " sni=%s", find->sni);
	return text_get(&text);
}

static bool is_usual_port(uint16_t port)
{
	return port == 443 || port == 80 || port == 22;
}

void region_take(struct region *region, unsigned rank, const char *text)
{
	region->seen = true;
	region->rank = rank;
	region->text = text;
}

void region_found(struct regions *all, struct region *region, const struct region_find *find)
{
	uint16_t port = choose_port(find);
	unsigned rank = 1 + (find->bound && !find->to_name ? 2 : 0) + (find->sni ? 4 : 0) +
			(policy_proto_has_ports(find->proto) && !is_usual_port(port));

	if (region->rank && region->rank <= rank)
		return;
	region_take(region, rank, find->to_name ? to_name_text(all, find, port) : to_address_text(all, find, port));
}

bool region_has_port(const struct region *region, uint16_t port)
{
	return eval_rule_matches_port(&region->expect->region->rule, true, port);
}
