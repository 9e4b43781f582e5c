/* A flow expression that is asked of a policy: where it names a group of the file, the error tells a member. */
#include "policy/policy_flow.h"
#include "policy/flow.h"
#include "policy/policy_facts.h"

#include <string.h>

/* A member of the file's group as a flow's target; NULL: it has none that is a name or a network */
static const char *member_of(struct arena *arena, const struct policy_group *group)
{
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < group->members.count; i++) {
		const struct policy_target *target = &group->members.items[i];

		if (target->kind == TARGET_CIDR)
			return arena_strdup(arena, addr_format_bracketed(target->prefix.addr, text));
		if (policy_target_is_name(target))
			return target->kind == TARGET_SUFFIX ? arena_printf(arena, "www.%s", target->name) :
							       flow_name_text(arena, target->name);
	}
	return NULL;
}

/* Where the target is a group of the file, the error says so, and offers a member */
static void explain_group(struct arena *arena, const struct policy *policy, const char *text, struct diags *diags)
{
	const char *target = strchr(text, '@');
	size_t len = target ? strcspn(++target, ": \t") : 0;

	for (size_t i = 0; target && diags->list.count && i < policy->groups.count; i++) {
		const struct policy_group *group = &policy->groups.items[i];
		struct diag *diag = &diags->list.items[0];
		const char *member;

		if (strlen(group->name) != len || memcmp(group->name, target, len) != 0)
			continue;
		member = member_of(arena, group);
		diag->message =
			arena_printf(arena, "`%s` is a group of the file, a flow has one address or name", group->name);
		diag->help =
			member ? arena_printf(arena, "%.*s%s%s%s", (int)(target - text), text, member,
					      target[len] || !strncmp(text, "dns", 3) ? "" : ":tcp:443", target + len) :
				 NULL;
	}
}

bool policy_flow_parse(const struct policy *policy, struct arena *arena, struct sources *sources, const char *text,
		       struct diags *diags, struct flow *out)
{
	if (flow_parse(arena, sources, text, diags, out))
		return true;
	explain_group(arena, policy, text, diags);
	return false;
}
