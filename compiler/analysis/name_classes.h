/* The name dimension of the flow space: all domain names, put into classes that no rule of the given
 * policies can tell apart.
 *
 * A pattern is an exact name or a suffix; patterns nest or are disjoint, so they form a tree, and the
 * patterns that take a name are one path of it from the top. A class is what such paths have in common: two
 * patterns that the same rules use, below the same class, are one class (a group of a thousand names that
 * one rule allows is one class). Class 0 is every name that no pattern takes. Classes are numbered in
 * preorder, so the names that a pattern takes are one run of classes.
 *
 * host.microsandbox.internal is a class of its own: it alone is bound to the gateway whatever rebind
 * protection says, and to nothing else. */
#pragma once
#include "analysis/atoms.h"

struct name_pattern {
	const char *name;
	bool suffix;
	bool anonymous; /* not a rule's: the host alias, put in for its own sake */
};

struct name_class {
	const char *member;   /* a name of the class; NULL where names are too long for there to be one */
	uint32_t parent, end; /* its subtree is [own index, end) */
	bool alias;
	const uint32_t *rules[ANALYSIS_POLICIES]; /* rules with a pattern of this class, ascending, each once */
	uint32_t rule_count[ANALYSIS_POLICIES];
	/* the first two egress rules that take its names, by the class or one above it; ANALYSIS_NONE */
	uint32_t lookup[ANALYSIS_POLICIES][2];
	LIST_OF(struct name_pattern) patterns;
};

struct name_classes;
struct name_classes *name_classes_new(struct arena *, const struct policy *const *policies, size_t count);
uint32_t name_classes_count(const struct name_classes *);
const struct name_class *name_classes_at(const struct name_classes *, uint32_t index);
/* The runs of classes that a rule's name targets take in, ascending, disjoint */
const struct run *name_classes_rule_runs(const struct name_classes *, size_t policy, size_t rule, size_t *count);
bool name_classes_rule_takes(const struct name_classes *, size_t policy, size_t rule, uint32_t class);
/* The class of a pattern of the policies' rules */
uint32_t name_classes_of_pattern(const struct name_classes *, bool suffix, const char *name);
/* The class of any name (canonical) */
uint32_t name_classes_find(const struct name_classes *, const char *name);
