/* Rules with a star are proposed, never made: whether whoever owns the parent of some names is to be trusted with all of them is
 * not to be seen from a run. */
#include "learn/learn_state.h"
#include "base/name.h"
#include "base/name_rentable.h"
#include "base/text.h"

#include <string.h>

#define NAMES_LEAST 3 /* below one parent */

/* The highest parent that one owner has: nobody registers below it, nor rents. NULL: none */
static const char *parent_of(const char *name)
{
	const char *found = NULL;

	for (const char *dot = strchr(name, '.'); dot; dot = strchr(dot + 1, '.')) {
		const char *parent = dot + 1;

		if (!strchr(parent, '.') || name_is_public_suffix(parent) || name_rentable_below(parent))
			break;
		found = parent;
	}
	return found;
}

static size_t names_below(const struct policy_rule *rule, size_t from, const char *parent)
{
	size_t count = 0;

	for (size_t i = from; i < rule->targets.count; i++)
		count += rule->targets.items[i].kind == TARGET_DOMAIN &&
			 name_has_suffix(rule->targets.items[i].name, parent);
	return count;
}

static void propose(struct text *out, const struct learn_rule *learnt, const char *parent, size_t names)
{
	struct policy_rule rule = learnt->rule;

	rule.targets.items = NULL;
	rule.targets.count = rule.targets.cap = 0;
	*arena_push(out->arena, &rule.targets) =
		(struct policy_target){ .kind = TARGET_SUFFIX, .name = parent, .span = SPAN_NONE };
	text_addf(out, "# wider: %s   %zu names seen\n", policy_rule_format(out->arena, &rule), names);
}

void learn_wildcards(struct text *out, const struct learn_rules *rules)
{
	for (size_t i = 0; i < rules->count; i++) {
		const struct policy_rule *rule = &rules->items[i].rule;
		struct learn_table done = learn_table_new(out->arena, LEARN_MOST);
		bool added;

		for (size_t j = 0; rules->items[i].rank == LEARN_SERVICE && j < rule->targets.count; j++) {
			const char *parent = parent_of(rule->targets.items[j].name);
			size_t names;

			if (!parent || learn_table_add(&done, parent, &added) == LEARN_NOT_THERE || !added)
				continue;
			names = names_below(rule, j, parent);
			if (names >= NAMES_LEAST)
				propose(out, &rules->items[i], parent, names);
		}
	}
}
