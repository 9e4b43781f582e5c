/* Findings as SARIF 2.1.0 (OASIS): one run of one tool, its rules the ids that occur, a result a finding. */
#include "diag/diag.h"
#include "base/escape.h"
#include "base/text.h"
#include "diag/findings.h"

#include <jansson.h>
#include <string.h>

#define SCHEMA "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

/* {"text": …}; takes over nothing */
static json_t *message_json(struct arena *arena, const char *text)
{
	json_t *message = json_object();
	json_object_set_new(message, "text", json_string(escape_json(arena, text)));
	return message;
}

/* A relative reference: everything but what RFC 3986 leaves unreserved, and "/", as %XX. */
static const char *uri_reference(struct arena *arena, const char *path)
{
	static const char kept[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
	char *uri = arena_alloc(arena, strlen(path) * 3 + 1), *out = uri;
	for (; *path; path++) {
		if (strchr(kept, *path))
			*out++ = *path;
		else
			out += sprintf(out, "%%%02X", (unsigned char)*path);
	}
	return uri;
}

static json_t *location_json(const struct diags *diags, struct span span, const char *message)
{
	struct place place = span_place(diags->sources, span);
	json_t *location = json_object(), *physical = json_object(), *artifact = json_object(), *region = json_object();
	json_object_set_new(artifact, "uri", json_string(uri_reference(diags->arena, place.file)));
	json_object_set_new(region, "startLine", json_integer(place.line));
	json_object_set_new(region, "startColumn", json_integer(place.column));
	json_object_set_new(region, "endLine", json_integer(place.end_line));
	json_object_set_new(region, "endColumn", json_integer(place.end_column));
	json_object_set_new(physical, "artifactLocation", artifact);
	json_object_set_new(physical, "region", region);
	json_object_set_new(location, "physicalLocation", physical);
	if (message)
		json_object_set_new(location, "message", message_json(diags->arena, message));
	return location;
}

static json_t *related_json(const struct diags *diags, const struct diag *diag)
{
	json_t *list = json_array();
	for (size_t i = 0; i < diag->related.count; i++) {
		const struct diag_related *related = &diag->related.items[i];
		if (!sources_get(diags->sources, related->span.source))
			continue;
		json_t *location = location_json(diags, related->span, related->message);
		json_object_set_new(location, "id", json_integer((json_int_t)i));
		json_array_append_new(list, location);
	}
	return list;
}

static const char *full_message(struct arena *arena, const struct diag *diag)
{
	struct text text = { .arena = arena };
	text_add(&text, diag->message);
	if (diag->label)
		text_addf(&text, "; %s", diag->label);
	if (diag->example)
		text_addf(&text, "; e.g. %s %s", diag->example, diag->example_verdict ? diag->example_verdict : "");
	if (diag->help)
		text_addf(&text, "; help: %s", diag->help);
	return text_get(&text);
}

/* Of the suggestion, where all of it is in files; one change a file (SARIF 2.1.0, 3.55 to 3.57) */
static json_t *fixes_json(const struct diags *diags, const struct diag *diag)
{
	json_t *changes = json_array(), *fix = json_object(), *list = json_array();
	for (size_t i = 0; i < diag->edits.count; i++) {
		const struct diag_edit *edit = &diag->edits.items[i];
		json_t *location = location_json(diags, edit->span, NULL);
		json_t *place = json_object_get(location, "physicalLocation");
		json_t *artifact = json_object_get(place, "artifactLocation"), *change = NULL, *other;
		size_t at;
		json_array_foreach(changes, at, other) if (json_equal(json_object_get(other, "artifactLocation"),
								      artifact)) change = other;
		if (!change) {
			change = json_pack("{s:O, s:[]}", "artifactLocation", artifact, "replacements");
			json_array_append_new(changes, change);
		}
		json_array_append_new(json_object_get(change, "replacements"),
				      json_pack("{s:O, s:{s:s}}", "deletedRegion", json_object_get(place, "region"),
						"insertedContent", "text", escape_json(diags->arena, edit->text)));
		json_decref(location);
	}
	if (diag->help)
		json_object_set_new(fix, "description", message_json(diags->arena, diag->help));
	json_object_set_new(fix, "artifactChanges", changes);
	json_array_append_new(list, fix);
	return list;
}

static bool only_in_files(const struct diags *diags, const struct diag *diag)
{
	for (size_t i = 0; i < diag->edits.count; i++)
		if (sources_get(diags->sources, diag->edits.items[i].span.source)->kind != SOURCE_FILE)
			return false;
	return diag->edits.count > 0;
}

static json_t *result_json(const struct diags *diags, const struct diag *diag)
{
	json_t *result = json_object();
	json_object_set_new(result, "ruleId", json_string(diag->id));
	json_object_set_new(result, "level", json_string(diag_level_name(diag->level)));
	json_object_set_new(result, "message", message_json(diags->arena, full_message(diags->arena, diag)));
	if (sources_get(diags->sources, diag->span.source)) {
		json_t *locations = json_array();
		json_array_append_new(locations, location_json(diags, diag->span, NULL));
		json_object_set_new(result, "locations", locations);
	}
	if (diag->related.count)
		json_object_set_new(result, "relatedLocations", related_json(diags, diag));
	if (only_in_files(diags, diag))
		json_object_set_new(result, "fixes", fixes_json(diags, diag));
	return result;
}

static json_t *rule_json(struct arena *arena, const char *id)
{
	const struct finding_text *text = finding_text(id);
	json_t *rule = json_object();
	json_object_set_new(rule, "id", json_string(id));
	if (!text)
		return rule;
	json_object_set_new(rule, "shortDescription", message_json(arena, text->meaning));
	if (*text->bad)
		json_object_set_new(rule, "help",
				    message_json(arena, arena_printf(arena, "%s\n\nRaises it:\n\n%s\n\nMended:\n\n%s",
								     text->meaning, text->bad, text->mended)));
	return rule;
}

/* The ids that occur, each once: a hundred findings or so, a plain search will do. */
static json_t *rules_json(struct arena *arena, const struct diag **sorted, size_t count)
{
	json_t *rules = json_array();
	for (size_t i = 0; i < count; i++) {
		bool seen = false;
		for (size_t j = 0; j < i && !seen; j++)
			seen = strcmp(sorted[i]->id, sorted[j]->id) == 0;
		if (seen)
			continue;
		json_array_append_new(rules, rule_json(arena, sorted[i]->id));
	}
	return rules;
}

void diags_print_sarif(const struct diags *diags, FILE *out)
{
	const struct diag **sorted = diags_sorted(diags);
	json_t *results = json_array();
	for (size_t i = 0; i < diags->list.count; i++)
		json_array_append_new(results, result_json(diags, sorted[i]));
	json_t *document = json_pack("{s:s, s:s, s:[{s:{s:{s:s, s:s, s:o}}, s:s, s:o}]}", "$schema", SCHEMA, "version",
				     "2.1.0", "runs", "tool", "driver", "name", "msb-policyc", "version", MSB_VERSION,
				     "rules", rules_json(diags->arena, sorted, diags->list.count), "columnKind",
				     "unicodeCodePoints", "results", results);
	json_dumpf(document, out, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	fputc('\n', out);
	json_decref(document);
}
