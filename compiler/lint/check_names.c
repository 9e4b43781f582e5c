/* confusable-name: names that a reader takes for others. */
#include "lint/checks.h"
#include "base/name.h"
#include "base/name_lookalike.h"

#include <stdlib.h>
#include <string.h>

/* A name of a rule, by the part of it that somebody registered */
struct looking {
	const char *registered, *skeleton;
	const struct policy_target *target;
	size_t rule;
	bool known; /* one of those that are worth imitating */
};

struct names {
	LIST_OF(struct looking) list;
};

static const char *quoted(struct lint *lint, const char *name)
{
	const char *shown = name_shown(lint->arena, name);

	if (!strcmp(shown, name))
		return arena_printf(lint->arena, "`%s`", name);
	return arena_printf(lint->arena, "`%s` (%s)", shown, name);
}

/* The target as it is written, with another name */
static void offer_name(struct lint *lint, struct diag *diag, const struct policy_target *target, const char *old,
		       const char *new)
{
	const char *at = strstr(target->name, old);
	const char *mended;

	if (!at)
		return;
	mended = arena_printf(lint->arena, "%s%.*s%s%s", target->kind == TARGET_SUFFIX ? "*." : "",
			      (int)(at - target->name), target->name, new, at + strlen(old));
	offer_replace(lint, lint_offer(lint, diag, "if that is meant: `%s`", mended), target->span, mended);
}

/* ---- scripts that are not written together ---- */

static bool check_scripts(struct lint *lint, const struct policy_target *target)
{
	const char *scripts = name_mixed_scripts(lint->arena, target->name), *plain;
	struct diag *diag;

	if (!scripts)
		return false;
	plain = name_plain(lint->arena, target->name);
	diag = lint_warn(lint, "confusable-name", lint_place(lint, target->span), "%s has letters of %s in one label%s",
			 quoted(lint, target->name), scripts,
			 plain ? arena_printf(lint->arena, ", and looks like `%s`", plain) : "");
	diag->help =
		arena_printf(lint->arena, "where it is meant, write it as `%s` and say why in a comment", target->name);
	if (plain)
		offer_name(lint, diag, target, target->name, plain);
	return true;
}

/* ---- look-alikes ---- */

static int by_skeleton(const void *left, const void *right)
{
	const struct looking *a = left, *b = right;

	return strcmp(a->skeleton, b->skeleton)    ?:
		       COMPARE(b->known, a->known) ?:
		       COMPARE(a->rule, b->rule)   ?:
						     COMPARE(a->target->span.start, b->target->span.start);
}

static void report_alike(struct lint *lint, const struct looking *name, const char *other, const struct looking *where)
{
	struct diag *diag = lint_warn(lint, "confusable-name", lint_place(lint, name->target->span),
				      "%s looks like `%s`, and is another's", quoted(lint, name->registered),
				      name_shown(lint->arena, other));

	if (where && where->target->span.source != SPAN_NO_SOURCE)
		diag_relate(lint->diags, diag, where->target->span, "which is here");
	diag->help = "make sure which of the two is meant";
	if (!where)
		offer_name(lint, diag, name->target, name->registered, other);
}

/* Names that look alike stand together: the first is what the others look like. */
static void compare_names(struct lint *lint, struct names *names)
{
	const struct looking *first = NULL;

	if (names->list.count)
		qsort(names->list.items, names->list.count, sizeof *names->list.items, by_skeleton);
	for (size_t i = 0; i < names->list.count; i++) {
		const struct looking *name = &names->list.items[i];
		const char *known;

		if (!first || strcmp(first->skeleton, name->skeleton)) {
			first = name;
			known = name->known ? NULL : name_well_known(name->skeleton);
			if (known)
				report_alike(lint, name, known, NULL);
		} else if (strcmp(first->registered, name->registered)) {
			report_alike(lint, name, first->registered, first);
		}
	}
}

static void add_name(struct lint *lint, struct names *names, size_t rule, const struct policy_target *target)
{
	const char *registered = name_registrable(target->name), *known;
	struct looking *name;

	if (!registered)
		return;
	name = arena_push(lint->arena, &names->list);
	*name = (struct looking){ .registered = registered,
				  .skeleton = name_skeleton(lint->arena, registered),
				  .target = target,
				  .rule = rule };
	known = name_well_known(name->skeleton);
	name->known = known && !strcmp(known, registered);
}

/* A member of a group is seen in each rule that uses the group. */
static bool seen_before(struct lint *lint, struct span span)
{
	for (size_t i = 0; i < lint->diags->list.count; i++) {
		const struct diag *diag = &lint->diags->list.items[i];

		if (!strcmp(diag->id, "confusable-name") && diag->span.source == span.source &&
		    diag->span.start == span.start)
			return true;
	}
	return false;
}

void check_names(struct lint *lint)
{
	struct names names = { .list = { NULL, 0, 0 } };

	for (size_t i = 0; i < lint->policy->rules.count; i++) {
		const struct policy_rule *rule = &lint->policy->rules.items[i];

		for (size_t j = 0; lint_is_own(rule) && j < rule->targets.count; j++) {
			const struct policy_target *target = &rule->targets.items[j];

			if (!policy_target_is_name(target) || seen_before(lint, target->span))
				continue;
			if (!check_scripts(lint, target) && rule->action == POLICY_ALLOW)
				add_name(lint, &names, i, target);
		}
	}
	compare_names(lint, &names);
}
