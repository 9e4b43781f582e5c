/* What requests are about. */
#include "lsp/lsp_state.h"

json_t *lsp_fail(struct lsp_request *request, enum lsp_error error, const char *message)
{
	request->error = error;
	request->message = message;
	return NULL;
}

bool lsp_find_document(struct lsp *lsp, struct lsp_request *request, struct lsp_place *out)
{
	const json_t *document = json_object_get(request->params, "textDocument");

	*out = (struct lsp_place){ .document = lsp_document(lsp, json_string_value(json_object_get(document, "uri"))) };
	if (!out->document) {
		lsp_fail(request, LSP_INVALID_PARAMS, "no such document is open");
		return false;
	}
	out->view = lsp_view(lsp, out->document);
	if (out->view->top == SPAN_NO_SOURCE)
		return false;
	out->text = lsp_view_text(out->view, out->view->top);
	return true;
}

bool lsp_find_place(struct lsp *lsp, struct lsp_request *request, struct lsp_place *out)
{
	const json_t *position = json_object_get(request->params, "position");

	if (!lsp_find_document(lsp, request, out))
		return false;
	if (!json_is_object(position)) {
		lsp_fail(request, LSP_INVALID_PARAMS, "no `position`");
		return false;
	}
	out->offset = (uint32_t)lsp_text_offset(out->text, lsp_position_of_json(position));
	return true;
}
