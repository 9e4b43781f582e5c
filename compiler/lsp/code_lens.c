/* Above each expectation whether it holds. */
#include "lsp/lsp_state.h"

static json_t *lens_json(struct arena *arena, struct lsp_view *view, const struct expect_outcome *outcome)
{
	const char *title = outcome->holds ?
				    "holds" :
				    arena_printf(arena, "fails: %s",
						 lsp_outcome(arena, view, &outcome->expect->flow, &outcome->result));

	return json_pack("{s:o, s:{s:o, s:s}}", "range", lsp_range_json(view, outcome->expect->span), "command",
			 "title", lsp_text_json(arena, title), "command", "");
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
