/* Above each expectation whether it holds. */
#include "lsp/lsp_state.h"

#include <string.h>

/* The finding that says why an expectation failed */
static const struct diag *failure_of(const struct lsp_view *view, struct span span)
{
	for (size_t i = 0; i < view->diags->list.count; i++) {
		const struct diag *diag = &view->diags->list.items[i];

		if (!strcmp(diag->id, "expectation") && diag->span.source == span.source &&
		    diag->span.start == span.start)
			return diag;
	}
	return NULL;
}

/* "fails: allowed by rule 2, line 7", with the flow where that is not what is written */
static const char *failure_text(struct arena *arena, const struct lsp_view *view, const struct diag *diag)
{
	const struct diag_related *related = diag && diag->related.count ? &diag->related.items[0] : NULL;
	const char *example = diag && diag->example ? arena_printf(arena, " (%s)", diag->example) : "";

	if (related)
		return arena_printf(arena, "fails: %s%s%s", related->message,
				    lsp_behind_place(arena, view, related->span), example);
	return arena_printf(arena, "fails%s%s%s", diag ? ": " : "",
			    !diag       ? "" :
			    diag->label ? diag->label :
					  diag->message,
			    example);
}

static json_t *lens_json(struct arena *arena, struct lsp_view *view, const struct expect_outcome *outcome)
{
	struct span span = outcome->expect->span;
	const char *title = outcome->holds ? "holds" : failure_text(arena, view, failure_of(view, span));

	return json_pack("{s:o, s:{s:o, s:s}}", "range", lsp_range_json(view, span), "command", "title",
			 lsp_text_json(arena, title), "command", "");
}

json_t *lsp_code_lens(struct lsp *lsp, struct lsp_request *request)
{
	struct lsp_place at;
	json_t *list;

	if (!lsp_find_document(lsp, request, &at))
		return NULL;
	lsp_view_judge(lsp, at.view);
	list = json_array();
	for (size_t i = 0; at.view->report && i < at.view->report->outcomes.count; i++) {
		const struct expect_outcome *outcome = &at.view->report->outcomes.items[i];

		if (outcome->expect->span.source == at.view->top)
			json_array_append_new(list, lens_json(request->arena, at.view, outcome));
	}
	return list;
}
