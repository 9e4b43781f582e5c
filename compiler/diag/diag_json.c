/* Findings for programs: one JSON document, whose keys docs/findings.schema.json describes. */
#include "diag/diag.h"
#include "base/escape.h"

#include <jansson.h>

static void set_text(const struct diags *diags, json_t *object, const char *key, const char *text)
{
	if (text)
		json_object_set_new(object, key, json_string(escape_json(diags->arena, text)));
}

static void set_place(const struct diags *diags, json_t *object, struct span span, bool with_end)
{
	struct place place = span_place(diags->sources, span);
	if (!place.file)
		return;
	set_text(diags, object, "file", place.file);
	json_object_set_new(object, "line", json_integer(place.line));
	json_object_set_new(object, "column", json_integer(place.column));
	if (!with_end)
		return;
	json_object_set_new(object, "endLine", json_integer(place.end_line));
	json_object_set_new(object, "endColumn", json_integer(place.end_column));
}

static json_t *related_json(const struct diags *diags, const struct diag *diag)
{
	json_t *list = json_array();
	for (size_t i = 0; i < diag->related.count; i++) {
		json_t *item = json_object();
		set_place(diags, item, diag->related.items[i].span, false);
		set_text(diags, item, "message", diag->related.items[i].message);
		json_array_append_new(list, item);
	}
	return list;
}

static json_t *edits_json(const struct diags *diags, const struct diag *diag)
{
	json_t *list = json_array();
	for (size_t i = 0; i < diag->edits.count; i++) {
		json_t *item = json_object();
		set_place(diags, item, diag->edits.items[i].span, true);
		set_text(diags, item, "text", diag->edits.items[i].text);
		json_array_append_new(list, item);
	}
	return list;
}

static json_t *finding_json(const struct diags *diags, const struct diag *diag)
{
	json_t *finding = json_object();
	set_text(diags, finding, "id", diag->id);
	set_text(diags, finding, "level", diag_level_name(diag->level));
	set_place(diags, finding, diag->span, true);
	set_text(diags, finding, "message", diag->message);
	set_text(diags, finding, "label", diag->label);
	set_text(diags, finding, "example", diag->example);
	set_text(diags, finding, "hint", diag->help);
	if (diag->related.count)
		json_object_set_new(finding, "related", related_json(diags, diag));
	if (diag->edits.count)
		json_object_set_new(finding, "edits", edits_json(diags, diag));
	return finding;
}

void diags_print_json(const struct diags *diags, FILE *out)
{
	const struct diag **sorted = diags_sorted(diags);
	json_t *document = json_object(), *findings = json_array();
	json_object_set_new(document, "version", json_integer(1));
	for (size_t i = 0; i < diags->list.count; i++)
		json_array_append_new(findings, finding_json(diags, sorted[i]));
	json_object_set_new(document, "findings", findings);
	size_t all = diags->errors + diags->warnings + diags->notes;
	if (all > diags->list.count)
		json_object_set_new(document, "omitted", json_integer((json_int_t)(all - diags->list.count)));
	json_dumpf(document, out, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	fputc('\n', out);
	json_decref(document);
}
