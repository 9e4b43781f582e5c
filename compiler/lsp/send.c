/* Messages to the client. */
#include "lsp/lsp_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void lsp_send(struct lsp *lsp, json_t *message)
{
	char *text, *framed = NULL;
	int len;

	json_object_set_new(message, "jsonrpc", json_string("2.0"));
	text = arena_must(json_dumps(message, JSON_COMPACT | JSON_ENSURE_ASCII));
	len = asprintf(&framed, "Content-Length: %zu\r\n\r\n%s", strlen(text), text);
	arena_must(len < 0 ? NULL : framed);
	lsp->send(lsp->context, framed, (size_t)len);
	free(framed);
	free(text);
	json_decref(message);
}

void lsp_notify(struct lsp *lsp, const char *method, json_t *params)
{
	lsp_send(lsp, json_pack("{s:s, s:o}", "method", method, "params", params));
}
