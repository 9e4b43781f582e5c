/* Which rule decides the lookup of each name that a policy mentions, and of the names below it: first match
 * turned into most specific match, which is how other DNS software orders its rules. */
#pragma once
#include "eval/decider.h"
#include "policy/policy.h"

#define NAME_TREE_NONE SIZE_MAX

struct name_rules { /* indices of rules, rising */
	size_t *items, count, cap;
};

struct name_node {
	const char *name;                /* canonical */
	bool mentioned;                  /* false: only an ancestor of names that are */
	size_t parent;                   /* index of the ancestor one label up; NAME_TREE_NONE at the top */
	struct name_rules exact, suffix; /* egress rules that have it as a domain, as a suffix */
	struct decider self, below;      /* who decides the name, any name below it that the tree does not hold */
};

/* Parents are before their children, and a subtree in one run. */
struct name_tree {
	const struct policy *policy;
	struct name_node *items;
	size_t count;
	struct decider other; /* who decides any name outside the tree */
};

/* NULL with an error in `diags` where the policy has not the same answer for both transports (id "cannot-say"), or
 * too many names ("too-complex"). The tree belongs to the arena. */
struct name_tree *name_tree_build(struct arena *, const struct policy *, struct diags *);
enum policy_action name_tree_action(const struct name_tree *, struct decider);
/* A comment's text about who decided: "agent.msb:7 allow@vcs:tcp:443"; printable ASCII */
const char *name_tree_reason(struct arena *, const struct name_tree *, struct decider);
/* The first rule that mentions the name; the default, where none does */
struct span name_tree_span(const struct name_tree *, const struct name_node *);
