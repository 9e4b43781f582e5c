/* The canonical layout, as one edit of the lines that differ. */
#include "lsp/lsp_state.h"
#include "base/text.h"
#include "syntax/fmt.h"

#include <string.h>

static const char *with_crlf(struct arena *arena, const char *text)
{
	struct text out = { .arena = arena };

	while (*text) {
		size_t len = strcspn(text, "\r\n");

		text_addf(&out, "%.*s%s", (int)len, text, text[len] ? "\r\n" : "");
		text += len + (text[len] == '\r' && text[len + 1] == '\n') + (text[len] != 0);
	}
	return text_get(&out);
}

/* What both have at their beginning and, of what is left, at their end: whole lines */
static void trim(const char *before, const char *after, size_t *before_len, size_t *after_len, size_t *start)
{
	size_t at = 0;

	*start = 0;
	while (at < *before_len && at < *after_len && before[at] == after[at])
		if (before[at++] == '\n')
			*start = at;
	while (*before_len > *start && *after_len > *start && before[*before_len - 1] == after[*after_len - 1])
		--*before_len, --*after_len;
	while (before[*before_len] && *before_len && before[*before_len - 1] != '\n')
		++*before_len, ++*after_len;
}

json_t *lsp_formatting(struct lsp *lsp, struct lsp_request *request)
{
	struct diags *diags;
	struct lsp_place at;
	const char *after;
	size_t start, before_len, after_len;

	if (!lsp_find_document(lsp, request, &at) || !at.view->files[at.view->top].ast)
		return NULL;
	diags = diags_new(at.view->arena, at.view->sources);
	after = fmt_policy(diags, at.view->top);
	if (!after)
		return NULL;
	if (lsp_text_has_crlf(at.text))
		after = with_crlf(request->arena, after);
	before_len = at.text->len;
	after_len = strlen(after);
	trim(at.text->text, after, &before_len, &after_len, &start);
	if (before_len == start && after_len == start)
		return json_array();
	return json_pack("[o]", lsp_edit_json(request->arena,
					      lsp_range_json(at.view, (struct span){ at.view->top, (uint32_t)start,
										     (uint32_t)before_len }),
					      arena_strndup(request->arena, after + start, after_len - start)));
}
