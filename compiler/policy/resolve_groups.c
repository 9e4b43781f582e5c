/* Groups: each name with its members, other groups' members put in. A group may be used before it is
 * defined, by other groups too; cycles are errors. */
#include "policy/resolve_state.h"
#include "base/name.h"

#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 16 };

struct definition {
	const struct ast_statement *statement;
	enum { UNSEEN, OPEN, DONE } state;
};

struct definer {
	struct resolver *r;
	struct rule_scope scope;
	struct definition *definitions; /* one a group of the policy, in its order */
};

static int by_name(const void *a, const void *b)
{
	const struct ast_statement *x = *(const struct ast_statement *const *)a;
	const struct ast_statement *y = *(const struct ast_statement *const *)b;
	int order = strcmp(x->words.items[0].text, y->words.items[0].text);

	return order ? order : (x > y) - (x < y); /* any total order; places tell which was first */
}

static bool has_form_of_name(const char *text)
{
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");

	return *text && !text[len] && text[0] != '-' && !name_looks_like_address(text);
}

bool rule_is_group_name(const char *text)
{
	return has_form_of_name(text) && !rule_is_keyword(text);
}

static bool check_name(struct resolver *r, const struct ast_word *word)
{
	const char *text = word->text ? word->text : "";

	if (word->bracketed || !has_form_of_name(text))
		diag_error(r->diags, "bad-group-name", word->span, "no name for a group: `%s`", text)->label =
			"letters, digits, `-` and `_`, and not digits alone";
	else if (rule_is_keyword(text))
		diag_error(r->diags, "bad-group-name", word->span, "`%s` is a keyword, a group cannot have that name",
			   text);
	else
		return true;
	return false;
}

static bool same_members(const struct ast_statement *a, const struct ast_statement *b)
{
	if (a->words.count != b->words.count)
		return false;
	for (size_t i = 1; i < a->words.count; i++)
		if (strcmp(a->words.items[i].text ? a->words.items[i].text : "",
			   b->words.items[i].text ? b->words.items[i].text : "") != 0)
			return false;
	return true;
}

static void define(struct definer *, size_t index, unsigned depth);

/* A member that is a group itself: defined first, then its members are put in */
static void insert_members(struct definer *d, const struct ast_word *word, struct policy_group *group,
			   struct policy_targets *out, unsigned depth)
{
	size_t index = (size_t)(group - d->r->policy->groups.items);

	if (d->definitions[index].state == OPEN) {
		struct diag *diag =
			diag_error(d->r->diags, "group-cycle", word->span, "group `%s` contains itself", group->name);
		diag_relate(d->r->diags, diag, group->span, "it is defined here");
		return;
	}
	if (depth == DEPTH_MAX) {
		diag_error(d->r->diags, "too-complex", word->span, "groups are nested more than %d deep", DEPTH_MAX);
		return;
	}
	define(d, index, depth + 1);
	group->used = true;
	rule_add_members(&d->scope, word->span, &group->members, out);
}

static void define(struct definer *d, size_t index, unsigned depth)
{
	struct definition *definition = &d->definitions[index];
	struct policy_targets members = { 0 };

	if (definition->state != UNSEEN)
		return;
	definition->state = OPEN;
	for (size_t i = 1; i < definition->statement->words.count; i++) {
		const struct ast_word *word = &definition->statement->words.items[i];
		struct policy_group *group =
			word->text && !word->bracketed ? rule_find_group(&d->scope, word->text) : NULL;
		if (group)
			insert_members(d, word, group, &members, depth);
		else
			rule_add_target(&d->scope, word, true, &members);
	}
	d->r->policy->groups.items[index].members = members;
	definition->state = DONE;
}

/* Names into the policy, sorted; of two with one name the first in the sources stays */
static void declare(struct resolver *r, const struct ast_statement **sorted, size_t count,
		    struct definition *definitions)
{
	const struct ast_statement *last = NULL;

	for (size_t i = 0; i < count; i++) {
		const struct ast_word *word = &sorted[i]->words.items[0];
		if (!check_name(r, word))
			continue;
		if (last && !strcmp(last->words.items[0].text, word->text)) {
			if (!same_members(last, sorted[i]))
				diag_relate(r->diags,
					    diag_error(r->diags, "conflict", word->span,
						       "group `%s` is defined twice, with different members",
						       word->text),
					    last->words.items[0].span, "first defined here");
			continue;
		}
		definitions[r->policy->groups.count].statement = last = sorted[i];
		*arena_push(r->arena, &r->policy->groups) =
			(struct policy_group){ .name = word->text, .span = word->span };
	}
}

void resolver_add_groups(struct resolver *r)
{
	size_t count = 0;

	for (size_t i = 0; i < r->statements.count; i++)
		count += r->statements.items[i]->kind == AST_GROUP;
	if (!count)
		return;
	const struct ast_statement **sorted = arena_alloc(r->arena, count * sizeof *sorted);
	struct definition *definitions = arena_alloc(r->arena, count * sizeof *definitions);
	count = 0;
	for (size_t i = 0; i < r->statements.count; i++)
		if (r->statements.items[i]->kind == AST_GROUP)
			sorted[count++] = r->statements.items[i];
	qsort(sorted, count, sizeof *sorted, by_name);
	declare(r, sorted, count, definitions);
	struct definer d = { r, { r->arena, r->diags, r->policy, &r->budget, NULL }, definitions };
	for (size_t i = 0; i < r->policy->groups.count; i++)
		define(&d, i, 0);
}
