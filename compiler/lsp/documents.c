/* What the client has open: texts that stand for their files until they are closed. */
#include "lsp/lsp_state.h"
#include "lsp/uri.h"

#include <stdlib.h>
#include <string.h>

enum { DOCUMENTS_MAX = 1000 };

struct lsp_document *lsp_document(const struct lsp *lsp, const char *uri)
{
	for (size_t i = 0; uri && i < lsp->document_count; i++)
		if (!strcmp(lsp->documents[i]->uri, uri))
			return lsp->documents[i];
	return NULL;
}

static void free_document(struct lsp_document *document)
{
	lsp_view_drop(document);
	free(document->text);
	arena_free(document->arena);
	free(document);
}

void lsp_documents_free(struct lsp *lsp)
{
	for (size_t i = 0; i < lsp->document_count; i++)
		free_document(lsp->documents[i]);
	free(lsp->documents);
}

/* A document has another text, or is there no more: others may include it. */
static void changed(struct lsp *lsp, const struct lsp_document *document)
{
	for (size_t i = 0; i < lsp->document_count; i++) {
		struct lsp_document *other = lsp->documents[i];

		if (other != document && other->view && !lsp_view_includes(other->view))
			continue;
		lsp_view_drop(other);
		other->unpublished = true;
	}
}

static const char *uri_of(const struct lsp_request *request)
{
	return json_string_value(json_object_get(json_object_get(request->params, "textDocument"), "uri"));
}

static void set_text(struct lsp_document *document, const char *text, size_t len)
{
	char *copy = arena_must(malloc(len + 1));

	memcpy(copy, text, len);
	copy[len] = 0;
	free(document->text);
	document->text = copy;
	document->len = len;
}

static struct lsp_document *add_document(struct lsp *lsp, const char *uri)
{
	struct lsp_document *document = arena_must(calloc(1, sizeof *document));
	const char *path;

	document->arena = arena_new();
	document->uri = arena_strdup(document->arena, uri);
	path = uri_path(document->arena, uri);
	document->is_file = path;
	document->path = path ? path : document->uri;
	if (lsp->document_count == lsp->document_cap) {
		lsp->document_cap = lsp->document_cap ? lsp->document_cap * 2 : 8;
		lsp->documents = arena_must(realloc(lsp->documents, lsp->document_cap * sizeof(struct lsp_document *)));
	}
	lsp->documents[lsp->document_count++] = document;
	return document;
}

json_t *lsp_did_open(struct lsp *lsp, struct lsp_request *request)
{
	const json_t *text = json_object_get(json_object_get(request->params, "textDocument"), "text");
	struct lsp_document *document = lsp_document(lsp, uri_of(request));

	if (!uri_of(request) || !json_is_string(text))
		return NULL;
	if (!document && lsp->document_count < DOCUMENTS_MAX)
		document = add_document(lsp, uri_of(request));
	if (!document)
		return NULL;
	set_text(document, json_string_value(text), json_string_length(text));
	changed(lsp, document);
	return NULL;
}

/* One of a list of changes: the whole text anew, or a range of it */
static void apply_change(struct lsp *lsp, struct lsp_document *document, const json_t *change)
{
	const json_t *text = json_object_get(change, "text"), *range = json_object_get(change, "range");
	struct arena *arena;
	struct lsp_text *lines;
	size_t start, end, len = json_string_length(text);
	char *joined;

	if (!json_is_string(text))
		return;
	if (!range) {
		set_text(document, json_string_value(text), len);
		return;
	}
	arena = arena_new();
	lines = lsp_text_new(arena, document->text, document->len, lsp->encoding);
	start = lsp_text_offset(lines, lsp_position_of_json(json_object_get(range, "start")));
	end = lsp_text_offset(lines, lsp_position_of_json(json_object_get(range, "end")));
	end = end < start ? start : end;
	joined = arena_alloc(arena, document->len - (end - start) + len + 1);
	memcpy(joined, document->text, start);
	memcpy(joined + start, json_string_value(text), len);
	memcpy(joined + start + len, document->text + end, document->len - end);
	set_text(document, joined, document->len - (end - start) + len);
	arena_free(arena);
}

json_t *lsp_did_change(struct lsp *lsp, struct lsp_request *request)
{
	const json_t *changes = json_object_get(request->params, "contentChanges");
	struct lsp_document *document = lsp_document(lsp, uri_of(request));

	if (!document)
		return NULL;
	for (size_t i = 0; i < json_array_size(changes); i++)
		apply_change(lsp, document, json_array_get(changes, i));
	changed(lsp, document);
	return NULL;
}

json_t *lsp_did_close(struct lsp *lsp, struct lsp_request *request)
{
	struct lsp_document *document = lsp_document(lsp, uri_of(request));
	size_t at = 0;

	if (!document)
		return NULL;
	while (lsp->documents[at] != document)
		at++;
	lsp->document_count--;
	memmove(&lsp->documents[at], &lsp->documents[at + 1],
		(lsp->document_count - at) * sizeof(struct lsp_document *));
	lsp_unpublish(lsp, document);
	changed(lsp, document);
	free_document(document);
	return NULL;
}

json_t *lsp_did_save(struct lsp *lsp, struct lsp_request *request)
{
	(void)request;
	changed(lsp, NULL);
	return NULL;
}
