/* What stands around the guest in the picture: the groups that everybody asks about, then each target that a rule of
 * egress names, those of a file's group together. */
#include "page/page_state.h"
#include "eval/builtin.h"

#include <string.h>

/* No rule can name it: it has the form of a name, and no policy's name is that long */
#define OTHER_NAME "a-name-that-no-rule-of-this-policy-names.example"

static const struct {
	enum addr_class class;
	const char *label, *detail;
} asked_groups[] = {
	{ ADDR_CLASS_PUBLIC, "public Internet", "by address" },
	{ ADDR_CLASS_PRIVATE, "private networks", "10/8, 172.16/12, 192.168/16, …" },
	{ ADDR_CLASS_META, "cloud metadata", "169.254.169.254 and its kin" },
	{ ADDR_CLASS_HOST, "the host", "host.microsandbox.internal" },
};

static struct page_node *add_node(struct page *page, struct page_nodes *nodes, enum page_side side, const char *label,
				  const char *detail)
{
	struct page_node *node = arena_push(page->arena, nodes);

	*node = (struct page_node){ .side = side, .label = label, .detail = detail };
	return node;
}

static void add_class(struct page *page, struct page_probes *probes, enum addr_class class)
{
	for (uint32_t i = 0; i < atoms_count(page->atoms); i++)
		if (atoms_at(page->atoms, i)->class == class)
			*arena_push(page->arena, probes) = (struct page_probe){ .addr = atoms_member(page->atoms, i) };
}

static void add_network(struct page *page, struct page_probes *probes, const struct policy_target *target)
{
	struct run runs[ATOMS_RUNS_MAX];
	size_t count = atoms_target_runs(page->atoms, POLICY_ALLOW, target, runs);

	for (size_t i = 0; i < count; i++)
		for (uint32_t atom = runs[i].lo; atom < runs[i].hi; atom++)
			*arena_push(page->arena, probes) =
				(struct page_probe){ .addr = atoms_member(page->atoms, atom) };
}

static void add_name(struct page *page, struct page_probes *probes, const struct policy_target *target)
{
	*arena_push(page->arena, probes) = (struct page_probe){ .name = target->name };
	/* one below it, which no rule names */
	if (target->kind == TARGET_SUFFIX && strlen(target->name) < 200)
		*arena_push(page->arena, probes) =
			(struct page_probe){ .name = arena_printf(page->arena, "any-other.%s", target->name) };
}

static void add_target(struct page *page, struct page_probes *probes, const struct policy_target *target)
{
	switch (target->kind) {
	case TARGET_GROUP:
		add_class(page, probes, target->group);
		break;
	case TARGET_CIDR:
		add_network(page, probes, target);
		break;
	case TARGET_DOMAIN:
	case TARGET_SUFFIX:
		add_name(page, probes, target);
		break;
	case TARGET_ANY: /* every group has a place of its own */
		break;
	}
}

static bool is_asked_group(const struct policy_target *target)
{
	for (size_t i = 0; i < sizeof asked_groups / sizeof *asked_groups; i++)
		if (target->kind == TARGET_GROUP && target->group == asked_groups[i].class)
			return true;
	return target->kind == TARGET_ANY;
}

#define NODES_MAX 1000 /* the picture has room for a few of them; the rest is a number */

/* Whether there is no need of another */
static bool has_node(struct page_nodes *nodes, const char *label)
{
	if (nodes->count >= NODES_MAX) {
		nodes->more = true;
		return true;
	}
	for (size_t i = 0; i < nodes->count; i++)
		if (!strcmp(nodes->items[i].label, label))
			return true;
	return false;
}

static const char *members_text(struct page *page, const struct policy_targets *targets)
{
	struct text text = { .arena = page->arena };

	for (size_t i = 0; i < targets->count; i++)
		text_addf(&text, "%s%s", i ? ", " : "", policy_target_format(page->arena, &targets->items[i]));
	return text_get(&text);
}

static bool has_names(const struct policy_targets *targets)
{
	for (size_t i = 0; i < targets->count; i++)
		if (targets->items[i].kind == TARGET_DOMAIN || targets->items[i].kind == TARGET_SUFFIX)
			return true;
	return false;
}

static void add_file_group(struct page *page, struct page_nodes *nodes, const struct policy_rule *rule)
{
	struct page_node *node;

	if (has_node(nodes, rule->group_name))
		return;
	node = add_node(page, nodes, has_names(&rule->targets) ? SIDE_NAMES : SIDE_ADDRESSES, rule->group_name,
			members_text(page, &rule->targets));
	for (size_t i = 0; i < rule->targets.count; i++)
		add_target(page, &node->probes, &rule->targets.items[i]);
}

/* A name that leads into networks: at a member of each class of their addresses */
static void add_within(struct page *page, struct page_nodes *nodes, const struct policy_rule *rule, size_t index)
{
	const struct policy_target *target = &rule->targets.items[index];
	const char *label = arena_printf(page->arena, "%s%s", policy_target_format(page->arena, target),
					 policy_within_format(page->arena, rule));
	struct page_probes inside = { 0 };
	struct page_node *node;

	if (has_node(nodes, label))
		return;
	node = add_node(page, nodes, SIDE_NAMES, label, "where its answers lie there");
	for (size_t i = 0; i < rule->within.count; i++)
		add_target(page, &inside, &rule->within.items[i]);
	for (size_t i = 0; i < inside.count; i++)
		*arena_push(page->arena, &node->probes) =
			(struct page_probe){ .name = target->name, .leads = true, .addr = inside.items[i].addr };
}

static void add_rule(struct page *page, struct page_nodes *nodes, const struct policy_rule *rule)
{
	if (!(rule->directions & POLICY_EGRESS))
		return;
	for (size_t i = 0; i < rule->targets.count && rule->within.count; i++)
		add_within(page, nodes, rule, i);
	if (rule->within.count)
		return;
	if (rule->group_name) {
		add_file_group(page, nodes, rule);
		return;
	}
	for (size_t i = 0; i < rule->targets.count; i++) {
		const struct policy_target *target = &rule->targets.items[i];
		const char *label = policy_target_format(page->arena, target);
		bool name = target->kind == TARGET_DOMAIN || target->kind == TARGET_SUFFIX;

		if (is_asked_group(target) || has_node(nodes, label))
			continue;
		add_target(page, &add_node(page, nodes, name ? SIDE_NAMES : SIDE_ADDRESSES, label, NULL)->probes,
			   target);
	}
}

struct page_nodes page_nodes(struct page *page)
{
	struct page_nodes nodes = { 0 };

	for (size_t i = 0; i < sizeof asked_groups / sizeof *asked_groups; i++) {
		struct page_node *node =
			add_node(page, &nodes, SIDE_ADDRESSES, asked_groups[i].label, asked_groups[i].detail);
		add_class(page, &node->probes, asked_groups[i].class);
	}
	struct page_node *others = add_node(page, &nodes, SIDE_NAMES, "any other name", "that no rule names");
	*arena_push(page->arena, &others->probes) = (struct page_probe){ .name = OTHER_NAME };
	others->lookups = true;
	for (size_t i = 0; i < page->policy->rules.count; i++)
		add_rule(page, &nodes, &page->policy->rules.items[i]);
	return nodes;
}
