/* Groups and includes: where they are defined, used, and by which name. */
#include "lsp/names.h"
#include "policy/rule.h"

#include <string.h>

/* ---- a group in one policy ---- */

static const struct policy_group *find_group(const struct lsp_view *view, const struct ast_word *word)
{
	for (size_t i = 0; word->text && !word->bracketed && i < view->policy->groups.count; i++)
		if (!strcmp(view->policy->groups.items[i].name, word->text))
			return &view->policy->groups.items[i];
	return NULL;
}

/* The group under the cursor, used or defined there; *span is the word */
static const struct policy_group *group_at(const struct lsp_place *at, struct span *span)
{
	const struct ast_statement *statement = lsp_view_statement(at->view, at->offset);
	const struct ast_word *word = statement ? names_target_at(statement, at->offset) : NULL;

	if (statement && statement->kind == AST_GROUP && statement->words.count &&
	    span_has(statement->words.items[0].span, at->offset))
		word = &statement->words.items[0];
	if (!word || statement->kind == AST_EXPECT)
		return NULL;
	*span = word->span;
	return find_group(at->view, word);
}

/* Uses of a group in the files of one view, its definitions too */
struct uses {
	struct arena *arena;
	const char *name;
	bool definitions;
	LIST_OF(struct span) spans;
};

static void add_use(void *context, const struct ast_statement *statement, const struct ast_word *word)
{
	struct uses *uses = context;

	if (statement->kind != AST_EXPECT && word->text && !word->bracketed && !strcmp(word->text, uses->name))
		*arena_push(uses->arena, &uses->spans) = word->span;
}

static void add_definitions(struct uses *uses, const struct ast_file *file)
{
	for (size_t i = 0; file && i < file->statements.count; i++) {
		const struct ast_statement *statement = &file->statements.items[i];

		if (statement->kind == AST_GROUP && statement->words.count &&
		    !strcmp(statement->words.items[0].text, uses->name))
			*arena_push(uses->arena, &uses->spans) = statement->words.items[0].span;
	}
}

static void find_uses(struct uses *uses, const struct lsp_view *view)
{
	uses->spans.count = 0;
	for (size_t i = 0; i < view->sources->count; i++) {
		if (uses->definitions)
			add_definitions(uses, view->files[i].ast);
		names_each(view->files[i].ast, add_use, uses);
	}
}

/* Whether all of it is where the client could change it */
static bool is_editable(const struct lsp *lsp, const struct lsp_view *view, const struct policy_group *group)
{
	return lsp_shown(lsp, view, group->span).source == group->span.source;
}

/* ---- in all open policies that have this definition of it ---- */

typedef void each_use(void *context, const char *uri, json_t *range); /* takes the range */

/* Whether the policy's group of that name is the one at hand */
static bool has_same_group(struct lsp *lsp, struct lsp_request *request, const struct lsp_place *at,
			   const struct policy_group *group, const struct lsp_view *view)
{
	const char *home = lsp_source_uri(lsp, request->arena, at->view, group->span.source);
	const struct policy_group *same = find_group(view, &(struct ast_word){ .text = group->name });

	return same && !strcmp(lsp_source_uri(lsp, request->arena, view, same->span.source), home);
}

static void each_use_of(struct lsp *lsp, struct lsp_request *request, const struct lsp_place *at,
			const struct policy_group *group, bool definitions, each_use *each, void *context)
{
	struct uses uses = { .arena = request->arena, .name = group->name, .definitions = definitions };

	for (size_t i = 0; i < lsp->document_count; i++) {
		struct lsp_view *view = lsp_view(lsp, lsp->documents[i]);

		if (!has_same_group(lsp, request, at, group, view))
			continue;
		find_uses(&uses, view);
		for (size_t k = 0; k < uses.spans.count; k++) {
			struct span span = uses.spans.items[k];

			if (lsp_shown(lsp, view, span).source == span.source)
				each(context, lsp_source_uri(lsp, request->arena, view, span.source),
				     lsp_range_json(view, span));
		}
	}
}

/* Statements with errors may use the group, too, and are not looked through. */
static bool all_whole(struct lsp *lsp, struct lsp_request *request, const struct lsp_place *at,
		      const struct policy_group *group)
{
	for (size_t i = 0; i < lsp->document_count; i++) {
		const struct lsp_view *view = lsp_view(lsp, lsp->documents[i]);

		if (!view->whole && has_same_group(lsp, request, at, group, view))
			return false;
	}
	return true;
}

static void add_location(void *context, const char *uri, json_t *range)
{
	lsp_append_once(context, json_pack("{s:s, s:o}", "uri", uri, "range", range));
}

/* ---- requests ---- */

/* What the include under the cursor brought */
static json_t *included_file(struct lsp *lsp, struct lsp_request *request, const struct lsp_place *at)
{
	const struct ast_statement *statement = lsp_view_statement(at->view, at->offset);

	if (!statement || statement->kind != AST_INCLUDE)
		return NULL;
	for (uint32_t i = 0; i < at->view->sources->count; i++) {
		struct span asked = at->view->sources->items[i]->asked;

		if (asked.source == at->view->top && asked.start >= statement->span.start &&
		    asked.end <= statement->span.end)
			return lsp_location_json(lsp, request->arena, at->view, (struct span){ i, 0, 0 });
	}
	return NULL;
}

json_t *lsp_definition(struct lsp *lsp, struct lsp_request *request)
{
	const struct policy_group *group;
	struct lsp_place at;
	struct span span;

	if (!lsp_find_place(lsp, request, &at))
		return NULL;
	group = group_at(&at, &span);
	if (group)
		return lsp_location_json(lsp, request->arena, at.view, group->span);
	return included_file(lsp, request, &at);
}

json_t *lsp_references(struct lsp *lsp, struct lsp_request *request)
{
	const json_t *context = json_object_get(request->params, "context");
	const struct policy_group *group;
	struct lsp_place at;
	struct span span;
	json_t *list;

	if (!lsp_find_place(lsp, request, &at))
		return NULL;
	group = group_at(&at, &span);
	if (!group)
		return NULL;
	list = json_array();
	each_use_of(lsp, request, &at, group, json_is_true(json_object_get(context, "includeDeclaration")),
		    add_location, list);
	return list;
}

json_t *lsp_prepare_rename(struct lsp *lsp, struct lsp_request *request)
{
	struct lsp_place at;
	struct span span;

	const struct policy_group *group;

	if (!lsp_find_place(lsp, request, &at))
		return NULL;
	group = group_at(&at, &span);
	return group && is_editable(lsp, at.view, group) ? lsp_range_json(at.view, span) : NULL;
}

struct renaming {
	struct arena *arena;
	const char *name;
	json_t *changes;
};

static void add_edit(void *context, const char *uri, json_t *range)
{
	struct renaming *renaming = context;

	if (!json_object_get(renaming->changes, uri))
		json_object_set_new(renaming->changes, uri, json_array());
	lsp_append_once(json_object_get(renaming->changes, uri), lsp_edit_json(renaming->arena, range, renaming->name));
}

json_t *lsp_rename(struct lsp *lsp, struct lsp_request *request)
{
	const char *name = json_string_value(json_object_get(request->params, "newName"));
	struct renaming renaming = { request->arena, name, NULL };
	const struct policy_group *group;
	struct lsp_place at;
	struct span span;

	if (!lsp_find_place(lsp, request, &at))
		return NULL;
	group = group_at(&at, &span);
	if (!group || !is_editable(lsp, at.view, group))
		return lsp_fail(request, LSP_REQUEST_FAILED, "no group of a file is there");
	if (!name || !rule_is_group_name(name))
		return lsp_fail(request, LSP_REQUEST_FAILED,
				"a group's name is letters, digits, `-` and `_`, and no word of the language");
	if (find_group(at.view, &(struct ast_word){ .text = name }))
		return lsp_fail(request, LSP_REQUEST_FAILED, "there is a group of that name");
	if (!all_whole(lsp, request, &at, group))
		return lsp_fail(request, LSP_REQUEST_FAILED, "a policy with the group has errors: mend them first");
	renaming.changes = json_object();
	each_use_of(lsp, request, &at, group, true, add_edit, &renaming);
	return json_pack("{s:o}", "changes", renaming.changes);
}
