/* Our places and deciders in the protocol's terms. */
#include "lsp/lsp_state.h"
#include "lsp/uri.h"
#include "base/escape.h"
#include "policy/policy_facts.h"

#include <string.h>

const char *lsp_cut(struct arena *arena, const char *text)
{
	enum { SHOWN = 300 };
	size_t len = strnlen(text, SHOWN + 1);

	if (len <= SHOWN)
		return text;
	for (len = SHOWN; ((unsigned char)text[len] & 0xc0) == 0x80;) /* inside a character */
		len--;
	return arena_printf(arena, "%.*s…", (int)len, text);
}

json_t *lsp_text_json(struct arena *arena, const char *text)
{
	return text ? json_string(escape_json(arena, text)) : json_null();
}

static uint64_t count_of_json(const json_t *json)
{
	json_int_t value = json_integer_value(json);

	return value > 0 ? (uint64_t)value : 0;
}

struct lsp_position lsp_position_of_json(const json_t *json)
{
	return (struct lsp_position){ count_of_json(json_object_get(json, "line")),
				      count_of_json(json_object_get(json, "character")) };
}

static json_t *position_json(const struct lsp_text *text, uint32_t offset)
{
	struct lsp_position position = text ? lsp_text_position(text, offset) : (struct lsp_position){ 0, 0 };

	return json_pack("{s:I, s:I}", "line", (json_int_t)position.line, "character", (json_int_t)position.character);
}

json_t *lsp_range_json(struct lsp_view *view, struct span span)
{
	const struct lsp_text *text = span.source < view->sources->count ? lsp_view_text(view, span.source) : NULL;

	return json_pack("{s:o, s:o}", "start", position_json(text, span.start), "end", position_json(text, span.end));
}

static const struct lsp_document *document_of(const struct lsp *lsp, const char *name)
{
	for (size_t i = 0; i < lsp->document_count; i++)
		if (!strcmp(lsp->documents[i]->path, name))
			return lsp->documents[i];
	return NULL;
}

struct span lsp_shown(const struct lsp *lsp, const struct lsp_view *view, struct span span)
{
	const struct source *source;

	while ((source = sources_get(view->sources, span.source))) {
		if (source->kind == SOURCE_FILE && (source->name[0] == '/' || document_of(lsp, source->name)))
			return span;
		span = source->asked;
	}
	return (struct span){ view->top, 0, 0 };
}

const char *lsp_source_uri(struct lsp *lsp, struct arena *arena, const struct lsp_view *view, uint32_t source)
{
	const char *name = sources_get(view->sources, source)->name;
	const struct lsp_document *document = document_of(lsp, name);

	return document ? document->uri : uri_of_path(arena, name);
}

json_t *lsp_location_json(struct lsp *lsp, struct arena *arena, struct lsp_view *view, struct span span)
{
	span = lsp_shown(lsp, view, span);
	return json_pack("{s:o, s:o}", "uri", lsp_text_json(arena, lsp_source_uri(lsp, arena, view, span.source)),
			 "range", lsp_range_json(view, span));
}

void lsp_append_once(json_t *list, json_t *item)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (json_equal(json_array_get(list, i), item)) {
			json_decref(item);
			return;
		}
	json_array_append_new(list, item);
}

json_t *lsp_edit_json(struct arena *arena, json_t *range, const char *text)
{
	return json_pack("{s:o, s:o}", "range", range, "newText", lsp_text_json(arena, text));
}

const char *lsp_behind_place(struct arena *arena, const struct lsp_view *view, struct span span)
{
	const struct source *source = sources_get(view->sources, span.source);
	const char *slash;

	if (!source)
		return "";
	if (span.source == view->top)
		return arena_printf(arena, ", line %u", span_place(view->sources, span).line);
	slash = source->kind == SOURCE_FILE ? strrchr(source->name, '/') : NULL;
	if (!slash)
		return arena_printf(arena, ", %s", escape_text(arena, source->name));
	return arena_printf(arena, ", %s:%u", escape_text(arena, slash + 1), span_place(view->sources, span).line);
}

const char *lsp_decider(struct arena *arena, const struct lsp_view *view, struct eval_verdict verdict,
			enum policy_direction direction)
{
	const struct policy *policy = view->policy;

	switch (verdict.by.kind) {
	case DECIDER_RULE:
		return arena_printf(arena, "rule %zu%s", verdict.by.rule + 1,
				    lsp_behind_place(arena, view, policy->rules.items[verdict.by.rule].span));
	case DECIDER_DEFAULT:
		return arena_printf(arena, "the default%s",
				    lsp_behind_place(arena, view, policy_default_of(policy, direction)->span));
	case DECIDER_FLOOR:
		return "the floor";
	case DECIDER_HIDDEN:
		return arena_printf(arena, "rule %zu%s, whose server name would be hidden", verdict.by.rule + 1,
				    lsp_behind_place(arena, view, policy->rules.items[verdict.by.rule].span));
	case DECIDER_REBIND:
		return "rebind protection, which holds the answer back";
	case DECIDER_LABEL:
		return arena_printf(arena, "%s%s", policy_dns_limit_text(arena, policy, POLICY_DNS_LABEL),
				    lsp_behind_place(arena, view, policy->dns_label.span));
	default:
		return "what holds whatever the rules say";
	}
}

const char *lsp_outcome(struct arena *arena, const struct lsp_view *view, const struct flow *flow,
			const struct eval_result *result)
{
	const char *verdict = result->verdict.action == POLICY_ALLOW ? "allowed" : "denied";
	enum policy_direction direction = flow->kind == FLOW_CONNECTION ? flow->direction : POLICY_EGRESS;

	if (result->no_address)
		return "denied: the name has no address here";
	if (flow->kind == FLOW_ANSWER && result->answer == EVAL_ANSWER_NOT_RESERVED)
		return arena_printf(arena, "%s: not a reserved address", verdict);
	if (result->has_lookup && result->lookup.action == POLICY_DENY)
		return arena_printf(arena, "lookup denied by %s",
				    lsp_decider(arena, view, result->lookup, POLICY_EGRESS));
	return arena_printf(arena, "%s by %s", verdict, lsp_decider(arena, view, result->verdict, direction));
}
