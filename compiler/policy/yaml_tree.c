/* From libyaml's events to a tree. */
#include "policy/yaml_tree.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { DEPTH_MAX = 16, NODES_MAX = 200000, KEYS_MAX = 64 };

struct builder {
	struct diags *diags;
	yaml_parser_t parser;
	const struct source *source;
	uint32_t index;      /* of the source */
	size_t chars, bytes; /* how far byte_at() has come */
	size_t nodes;
};

/* libyaml counts characters; marks come in rising order, so one walk over the text serves them all */
static uint32_t byte_at(struct builder *b, yaml_mark_t mark)
{
	if (mark.index < b->chars)
		b->chars = b->bytes = 0;
	while (b->chars < mark.index && b->bytes < b->source->len) {
		b->bytes++;
		while (b->bytes < b->source->len && ((unsigned char)b->source->text[b->bytes] & 0xc0) == 0x80)
			b->bytes++;
		b->chars++;
	}
	return (uint32_t)b->bytes;
}

static struct span event_span(struct builder *b, const yaml_event_t *event)
{
	uint32_t start = byte_at(b, event->start_mark);

	return (struct span){ b->index, start, byte_at(b, event->end_mark) };
}

static bool read_event(struct builder *b, yaml_event_t *event)
{
	if (yaml_parser_parse(&b->parser, event))
		return true;
	uint32_t at = byte_at(b, b->parser.problem_mark);
	diag_error(b->diags, "syntax", (struct span){ b->index, at, at + (at < b->source->len) }, "no YAML: %s",
		   b->parser.problem ? b->parser.problem : "it cannot be read");
	return false;
}

static struct yaml_node *read_node(struct builder *b, yaml_event_t *event, unsigned depth);

static bool report_refused(struct builder *b, const yaml_event_t *event, struct span span)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;

	if (event->type == YAML_SCALAR_EVENT)
		anchor = event->data.scalar.anchor, tag = event->data.scalar.tag;
	else if (event->type == YAML_SEQUENCE_START_EVENT)
		anchor = event->data.sequence_start.anchor, tag = event->data.sequence_start.tag;
	else if (event->type == YAML_MAPPING_START_EVENT)
		anchor = event->data.mapping_start.anchor, tag = event->data.mapping_start.tag;
	if (event->type == YAML_ALIAS_EVENT || anchor)
		diag_error(b->diags, "yaml-alias", span, "anchors and aliases are refused");
	else if (tag)
		diag_error(b->diags, "yaml-tag", span, "tags are refused");
	else
		return false;
	return true;
}

/* Keys are few: a document with more than KEYS_MAX of them in one map is none of ours */
static bool key_is_new(struct builder *b, const struct yaml_node *map, const struct yaml_node *key)
{
	if (key->kind != YAML_TEXT) {
		diag_error(b->diags, "bad-value", key->span, "a key is plain text");
		return false;
	}
	if (map->items.count / 2 > KEYS_MAX) {
		diag_error(b->diags, "too-complex", key->span, "more than %d keys in one map", KEYS_MAX);
		return false;
	}
	for (size_t i = 0; i < map->items.count; i += 2)
		if (!strcmp(map->items.items[i]->text, key->text)) {
			diag_relate(b->diags,
				    diag_error(b->diags, "conflict", key->span, "`%s` is given twice", key->text),
				    map->items.items[i]->span, "first given here");
			return false;
		}
	return true;
}

/* The items up to the end event; false where there was an error */
static bool read_items(struct builder *b, struct yaml_node *parent, yaml_event_type_t end, unsigned depth)
{
	for (;;) {
		yaml_event_t event;
		if (!read_event(b, &event))
			return false;
		if (event.type == end) {
			parent->span.end = byte_at(b, event.end_mark);
			yaml_event_delete(&event);
			return true;
		}
		struct yaml_node *item = read_node(b, &event, depth + 1);
		bool is_key = parent->kind == YAML_MAP && parent->items.count % 2 == 0;
		if (!item || (is_key && !key_is_new(b, parent, item)))
			return false;
		*arena_push(b->diags->arena, &parent->items) = item;
	}
}

/* The node that `event` starts; deletes the event. NULL where there was an error */
static struct yaml_node *read_node(struct builder *b, yaml_event_t *event, unsigned depth)
{
	struct yaml_node *made = arena_alloc(b->diags->arena, sizeof *made);
	yaml_event_type_t type = event->type;
	bool ok;

	made->span = event_span(b, event);
	ok = !report_refused(b, event, made->span);
	if (ok && (depth > DEPTH_MAX || b->nodes++ > NODES_MAX)) {
		diag_error(b->diags, "too-complex", made->span, "the document is too deep or too large");
		ok = false;
	}
	if (type == YAML_SCALAR_EVENT) {
		made->text = arena_strndup(b->diags->arena, (const char *)event->data.scalar.value,
					   event->data.scalar.length);
		made->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	}
	yaml_event_delete(event);
	made->kind = type == YAML_SCALAR_EVENT ? YAML_TEXT : type == YAML_SEQUENCE_START_EVENT ? YAML_LIST : YAML_MAP;
	if (ok && made->kind == YAML_LIST)
		ok = read_items(b, made, YAML_SEQUENCE_END_EVENT, depth);
	else if (ok && made->kind == YAML_MAP)
		ok = read_items(b, made, YAML_MAPPING_END_EVENT, depth);
	return ok ? made : NULL;
}

static bool is_empty(const struct yaml_node *node)
{
	return node->kind == YAML_TEXT && node->plain && !*node->text;
}

static bool refuse_second(struct builder *b, struct span at)
{
	diag_error(b->diags, "bad-value", at, "a second document");
	return false;
}

/* Empty documents may stand in front of one that others may follow, as where a template printed nothing */
static bool read_document(struct builder *b, yaml_event_t *event, yaml_goes_on *goes_on, struct yaml_documents *out)
{
	bool none_yet = out->count && is_empty(out->items[0]);
	struct span at = event_span(b, event);

	if (out->count && !none_yet && !goes_on(out->items[0])) {
		yaml_event_delete(event);
		return refuse_second(b, at);
	}
	const struct yaml_node *root = read_node(b, event, 0);
	if (!root)
		return false;
	if (!none_yet)
		*arena_push(b->diags->arena, out) = root;
	else if (goes_on(root))
		out->items[0] = root;
	else if (!is_empty(root))
		return refuse_second(b, at);
	return true;
}

/* Stream and document events around the roots */
static bool read_documents(struct builder *b, yaml_goes_on *goes_on, struct yaml_documents *out)
{
	for (;;) {
		yaml_event_t event;
		if (!read_event(b, &event))
			return false;
		switch (event.type) {
		case YAML_STREAM_END_EVENT:
			yaml_event_delete(&event);
			return true;
		case YAML_STREAM_START_EVENT:
		case YAML_DOCUMENT_START_EVENT:
		case YAML_DOCUMENT_END_EVENT:
			yaml_event_delete(&event);
			break;
		default:
			if (!read_document(b, &event, goes_on, out))
				return false;
		}
	}
}

bool yaml_documents(struct diags *diags, uint32_t source, yaml_goes_on *goes_on, struct yaml_documents *out)
{
	struct builder b = { .diags = diags, .index = source, .source = sources_get(diags->sources, source) };

	if (!yaml_parser_initialize(&b.parser)) {
		diag_error(diags, "unreadable", SPAN_NONE, "out of memory");
		return false;
	}
	yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&b.parser, (const unsigned char *)b.source->text, b.source->len);
	bool ok = read_documents(&b, goes_on, out);
	yaml_parser_delete(&b.parser);
	return ok;
}

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
	for (size_t i = 0; map->kind == YAML_MAP && i + 1 < map->items.count; i += 2)
		if (!strcmp(map->items.items[i]->text, key))
			return map->items.items[i + 1];
	return NULL;
}
