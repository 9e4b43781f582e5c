/* Findings, as one types. Those of an included file are shown there; what of several policies concerns one file is put
 * together. */
#include "lsp/lsp_state.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* Text that does nothing: editors show it faded. */
static bool is_unnecessary(const char *id)
{
	static const char *const ids[] = { "redundant-rule", "shadowed-rule", "unreachable-part", "never-matches",
					   "unused-group" };

	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
		if (!strcmp(id, ids[i]))
			return true;
	return false;
}

static const char *message_of(struct arena *arena, const struct diag *diag)
{
	struct text text = { .arena = arena };

	text_add(&text, diag->message);
	if (diag->label)
		text_addf(&text, "\n%s", diag->label);
	if (diag->example)
		text_addf(&text, "\nfor example %s %s", diag->example,
			  diag->example_verdict ? diag->example_verdict : "");
	if (diag->help)
		text_addf(&text, "\nhelp: %s", diag->help);
	return text_get(&text);
}

static json_t *related_json(struct lsp *lsp, struct arena *arena, struct lsp_view *view, const struct diag *diag)
{
	json_t *list = json_array();

	for (size_t i = 0; i < diag->related.count; i++) {
		const struct diag_related *related = &diag->related.items[i];
		const struct source *source = sources_get(view->sources, related->span.source);

		if (source && source->kind == SOURCE_FILE)
			json_array_append_new(list, json_pack("{s:o, s:o}", "location",
							      lsp_location_json(lsp, arena, view, related->span),
							      "message", lsp_text_json(arena, related->message)));
	}
	return list;
}

json_t *lsp_finding_json(struct lsp *lsp, struct arena *arena, struct lsp_view *view, const struct diag *diag)
{
	static const int severities[] = { [DIAG_ERROR] = 1, [DIAG_WARNING] = 2, [DIAG_NOTE] = 3 };
	bool of_test = !strcmp(diag->id, "expectation");
	json_t *finding = json_pack(
		"{s:o, s:i, s:s, s:s, s:o}", "range", lsp_range_json(view, lsp_shown(lsp, view, diag->span)),
		"severity", severities[diag->level], "code", diag->id, "source",
		of_test ? "msb-policyc test" : "msb-policyc", "message", lsp_text_json(arena, message_of(arena, diag)));

	if (diag->related.count)
		json_object_set_new(finding, "relatedInformation", related_json(lsp, arena, view, diag));
	if (is_unnecessary(diag->id))
		json_object_set_new(finding, "tags", json_pack("[i]", 1));
	return finding;
}

static const char *uri_of(struct lsp *lsp, struct arena *arena, const struct lsp_document *document,
			  const struct diag *diag)
{
	struct span span = lsp_shown(lsp, document->view, diag->span);

	if (span.source == document->view->top)
		return document->uri;
	return lsp_source_uri(lsp, arena, document->view, span.source);
}

/* That there are more is told, too. */
static void add_omitted(struct lsp_view *view, json_t *list)
{
	const struct diags *diags = view->diags;
	size_t more = diags->errors + diags->warnings + diags->notes - diags->list.count;
	char message[80];

	if (!more)
		return;
	snprintf(message, sizeof message, "%zu more finding%s not shown", more, more == 1 ? " is" : "s are");
	json_array_append_new(list,
			      json_pack("{s:o, s:i, s:s, s:s}", "range", lsp_range_json(view, SPAN_NONE), "severity",
					diags->errors ? 1 : 2, "source", "msb-policyc", "message", message));
}

/* {URI: [findings]}, the document's own always among them */
static json_t *findings_of(struct lsp *lsp, struct arena *arena, struct lsp_document *document)
{
	struct lsp_view *view = lsp_view(lsp, document);
	json_t *all = json_object();
	const struct diag **sorted;

	lsp_view_judge(lsp, view);
	sorted = diags_sorted(view->diags);
	json_object_set_new(all, document->uri, json_array());
	for (size_t i = 0; i < view->diags->list.count; i++) {
		const char *uri = uri_of(lsp, arena, document, sorted[i]);

		if (!json_object_get(all, uri))
			json_object_set_new(all, uri, json_array());
		json_array_append_new(json_object_get(all, uri), lsp_finding_json(lsp, arena, view, sorted[i]));
	}
	add_omitted(view, json_object_get(all, document->uri));
	return all;
}

/* What all open documents say of one file, each finding once */
static void send_findings(struct lsp *lsp, const char *uri)
{
	json_t *all = json_array(), *of_document;
	const char *document;

	json_object_foreach(lsp->published, document, of_document)
	{
		const json_t *list = json_object_get(of_document, uri);

		for (size_t i = 0; i < json_array_size(list); i++)
			lsp_append_once(all, json_incref(json_array_get(list, i)));
	}
	lsp_notify(lsp, "textDocument/publishDiagnostics", json_pack("{s:s, s:o}", "uri", uri, "diagnostics", all));
}

/* Puts the findings of a document in the place of those it had (NULL: it has none any more), and sends those of every
 * file that differ. */
static void replace(struct lsp *lsp, const char *document, json_t *findings)
{
	json_t *before = json_incref(json_object_get(lsp->published, document)), *list;
	const char *uri;

	if (findings)
		json_object_set_new(lsp->published, document, findings);
	else
		json_object_del(lsp->published, document);
	json_object_foreach(before, uri, list) if (!json_object_get(findings, uri)) send_findings(lsp, uri);
	json_object_foreach(findings, uri,
			    list) if (!strcmp(uri, document) || !json_equal(list, json_object_get(before, uri)))
		send_findings(lsp, uri);
	json_decref(before);
}

void lsp_publish(struct lsp *lsp)
{
	for (size_t i = 0; i < lsp->document_count; i++) {
		struct lsp_document *document = lsp->documents[i];
		struct arena *arena;

		if (!document->unpublished)
			continue;
		document->unpublished = false;
		arena = arena_new();
		replace(lsp, document->uri, findings_of(lsp, arena, document));
		arena_free(arena);
	}
}

void lsp_unpublish(struct lsp *lsp, const struct lsp_document *document)
{
	replace(lsp, document->uri, NULL);
}
