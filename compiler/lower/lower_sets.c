/* What rules look into: groups become named interval sets, and so do the many networks of one rule; names become sets that the runtime
 * fills. */
#include "lower/lower_state.h"
#include "base/text.h"

#include <string.h>

#define NFT_COMMENT_MAX 127

enum rs_type lower_addr_type(enum addr_family family)
{
	return family == ADDR_V4 ? RS_TYPE_IPV4 : RS_TYPE_IPV6;
}

/* "meta4", "link_local6": nft's names have no hyphens here, so that they read alike everywhere */
static const char *group_set_name(struct arena *arena, enum addr_class group, enum addr_family family)
{
	char *name = arena_printf(arena, "%s%d", addr_class_name(group), (int)family);

	for (char *c = name; *c; c++)
		*c = *c == '-' ? '_' : *c;
	return name;
}

/* Rules that deny a group take in more than those that allow it, where a NAT64 prefix was found out. */
struct lowered_group *lower_group(struct lowering *lowering, enum addr_class group, enum policy_action action,
				  enum addr_family family)
{
	bool deny = action == POLICY_DENY && lowering->gateway.nat64.found > 0;
	struct lowered_group *cached = &lowering->groups[group][deny][family == ADDR_V6];

	if (!cached->computed)
		cached->addrs = addr_group_set(lowering->arena, group, deny, family, &lowering->gateway);
	cached->computed = true;
	return cached;
}

/* What begins the names of a floor's chain and sets; "" for the policy's own */
static const char *floor_prefix(struct arena *arena, size_t floor)
{
	return floor ? arena_printf(arena, LOWER_CHAIN_FLOOR "%zu_", floor) : "";
}

static const char *binding_set(struct arena *arena, const struct policy *policy, const char *prefix, size_t index,
			       enum addr_family family)
{
	const struct policy_rule *rule = &policy->rules.items[index];

	if (!(rule->directions & POLICY_EGRESS) || !lower_rule_protos(rule, family))
		return NULL;
	for (size_t i = 0; i < rule->targets.count; i++) {
		if (policy_target_is_name(&rule->targets.items[i]))
			return arena_printf(arena, "%srule%zu_v%d", prefix, index + 1, (int)family);
	}
	return NULL;
}

const char *lower_binding_set(struct arena *arena, const struct policy *policy, size_t index, enum addr_family family)
{
	return binding_set(arena, policy, "", index, family);
}

const char *lower_floor_binding_set(struct arena *arena, const struct policy *policy, size_t floor, size_t index,
				    enum addr_family family)
{
	return binding_set(arena, policy->floors.items[floor], floor_prefix(arena, floor + 1), index, family);
}

/* Whether one of a rule's nft rules has added the set; they follow one another */
static bool is_there(const struct lowering *lowering, const char *name)
{
	const struct rs_table *table = lowering->table;

	for (size_t i = 0; i < 2 && i < table->sets.count; i++)
		if (!strcmp(table->sets.items[table->sets.count - 1 - i].name, name))
			return true;
	return false;
}

/* A named interval set with these addresses; returns its name */
static const char *add_network_set(struct lowering *lowering, const char *name, const struct addr_set *addrs)
{
	struct rs_set *set = rs_set_add(lowering->ruleset, lowering->table, name, lower_addr_type(addrs->family));

	set->interval = true;
	rs_set_add_addrs(lowering->ruleset, set, addrs);
	return name;
}

const char *lower_group_set(struct lowering *lowering, enum addr_class group, enum policy_action action,
			    enum addr_family family)
{
	struct lowered_group *cached = lower_group(lowering, group, action, family);
	const char *name = group_set_name(lowering->arena, group, family);

	if (cached == &lowering->groups[group][true][family == ADDR_V6])
		name = arena_printf(lowering->arena, "%s_denied", name);
	if (!cached->set) {
		cached->set = add_network_set(lowering, name, &cached->addrs);
		lowering->table->sets.items[lowering->table->sets.count - 1].group = true;
	}
	return cached->set;
}

/* The set of a rule's names, with as many of them as a comment may hold; returns its name */
const char *lower_add_binding_set(struct lowering *lowering, size_t index, enum addr_family family)
{
	const struct policy_rule *rule = &lowering->subject->rules.items[index];
	const char *name = binding_set(lowering->arena, lowering->subject,
				       floor_prefix(lowering->arena, lowering->floor), index, family);
	struct text names = { .arena = lowering->arena };

	if (is_there(lowering, name))
		return name;
	struct rs_set *set = rs_set_add(lowering->ruleset, lowering->table, name, lower_addr_type(family));
	for (size_t i = 0; i < rule->targets.count && names.count <= NFT_COMMENT_MAX; i++) {
		if (policy_target_is_name(&rule->targets.items[i]))
			text_addf(&names, "%s%s", names.count ? ", " : "",
				  policy_target_format(lowering->arena, &rule->targets.items[i]));
	}
	rs_set_comment(lowering->ruleset, set, text_get(&names));
	set->timeout = set->runtime = true;
	set->size = LOWER_BINDING_SET_SIZE;
	set->note = lowering->defers && lower_waits_whole(rule) ?
			    "no rule looks here: server names decide, wherever they are sent (chain defer)" :
			    "filled by the DNS proxy, an element for each address that holds";
	return name;
}

const char *lower_rule_network_set(struct lowering *lowering, size_t index, const struct addr_set *addrs)
{
	const char *name = arena_printf(lowering->arena, "%srule%zu_net%d",
					floor_prefix(lowering->arena, lowering->floor), index + 1, (int)addrs->family);

	return is_there(lowering, name) ? name : add_network_set(lowering, name, addrs);
}
