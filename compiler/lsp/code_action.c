/* What mends a finding: its edits, or a comment that silences it, for which the reader writes the reason. */
#include "lsp/lsp_state.h"

#include <string.h>

struct actions {
	struct lsp *lsp;
	struct arena *arena;
	struct lsp_place at;
	json_t *list;
};

/* {"changes": {URI: [edits]}}; NULL where one of them is not in a file */
static json_t *changes_of(const struct actions *actions, const struct diag *diag)
{
	struct lsp_view *view = actions->at.view;
	json_t *changes = json_object();

	for (size_t i = 0; i < diag->edits.count; i++) {
		const struct diag_edit *edit = &diag->edits.items[i];
		const struct source *source = sources_get(view->sources, edit->span.source);
		const char *uri;

		if (!source || source->kind != SOURCE_FILE) {
			json_decref(changes);
			return NULL;
		}
		uri = edit->span.source == view->top ?
			      actions->at.document->uri :
			      lsp_source_uri(actions->lsp, actions->arena, view, edit->span.source);
		if (!json_object_get(changes, uri))
			json_object_set_new(changes, uri, json_array());
		json_array_append_new(json_object_get(changes, uri),
				      lsp_edit_json(actions->arena, lsp_range_json(view, edit->span), edit->text));
	}
	return changes;
}

/* Takes `changes` */
static void add_action(const struct actions *actions, const struct diag *diag, const char *title, bool preferred,
		       json_t *changes)
{
	json_array_append_new(actions->list,
			      json_pack("{s:o, s:s, s:b, s:[o], s:{s:o}}", "title",
					lsp_text_json(actions->arena, title), "kind", "quickfix", "isPreferred",
					preferred, "diagnostics",
					lsp_finding_json(actions->lsp, actions->arena, actions->at.view, diag), "edit",
					"changes", changes));
}

static void add_mend(const struct actions *actions, const struct diag *diag)
{
	json_t *changes = diag->edits.count ? changes_of(actions, diag) : NULL;
	const char *help = diag->help ? lsp_cut(actions->arena, diag->help) : "mend it";

	if (changes)
		add_action(actions, diag, arena_printf(actions->arena, "%s: %s", diag->id, help), true, changes);
}

/* A line above, to which the reason is to be added: without one the comment has no effect, so that nothing is silenced
 * that nobody has thought about. */
static void add_ignore(const struct actions *actions, const struct diag *diag)
{
	struct lsp_view *view = actions->at.view;
	struct span line = span_line(view->sources, diag->span);
	const char *text = actions->at.text->text;
	size_t indent = strspn(text + line.start, " \t");
	const char *comment = arena_printf(actions->arena, "%.*s# lint: ignore %s %s", (int)indent, text + line.start,
					   diag->id, lsp_text_has_crlf(actions->at.text) ? "\r\n" : "\n");
	struct span place = { view->top, line.start, line.start };

	add_action(actions, diag, arena_printf(actions->arena, "Ignore `%s` here: add the reason behind it", diag->id),
		   false,
		   json_pack("{s:[o]}", actions->at.document->uri,
			     lsp_edit_json(actions->arena, lsp_range_json(view, place), comment)));
}

static bool wants_quick_fixes(const struct lsp_request *request)
{
	const json_t *only = json_object_get(json_object_get(request->params, "context"), "only");

	for (size_t i = 0; i < json_array_size(only); i++) {
		const char *kind = json_string_value(json_array_get(only, i));

		if (kind && (!*kind || !strcmp(kind, "quickfix")))
			return true;
	}
	return !only;
}

json_t *lsp_code_action(struct lsp *lsp, struct lsp_request *request)
{
	struct actions actions = { .lsp = lsp, .arena = request->arena };
	const json_t *range = json_object_get(request->params, "range");
	size_t start, end;

	if (!lsp_find_document(lsp, request, &actions.at))
		return NULL;
	lsp_view_judge(lsp, actions.at.view);
	actions.list = json_array();
	start = lsp_text_offset(actions.at.text, lsp_position_of_json(json_object_get(range, "start")));
	end = lsp_text_offset(actions.at.text, lsp_position_of_json(json_object_get(range, "end")));
	for (size_t i = 0; wants_quick_fixes(request) && i < actions.at.view->diags->list.count; i++) {
		const struct diag *diag = &actions.at.view->diags->list.items[i];

		if (diag->span.source != actions.at.view->top || diag->span.start > end || diag->span.end < start)
			continue;
		add_mend(&actions, diag);
		if (diag->level != DIAG_ERROR)
			add_ignore(&actions, diag);
	}
	return actions.list;
}
