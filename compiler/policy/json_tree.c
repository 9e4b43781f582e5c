/* Places in a JSON document, in walks over its text, which is known to be well-formed. */
#include "policy/json_tree.h"
#include "base/arena.h"

#include <string.h>

struct walk {
	const char *text;
	uint32_t source, at, len;
};

static void skip_blanks(struct walk *walk)
{
	while (walk->at < walk->len && strchr(" \t\r\n,:", walk->text[walk->at]))
		walk->at++;
}

static void skip_string(struct walk *walk)
{
	for (walk->at++; walk->at < walk->len && walk->text[walk->at] != '"'; walk->at++)
		walk->at += walk->text[walk->at] == '\\';
	walk->at++;
}

/* Over one value, whatever is inside; its span */
static struct span skip_value(struct walk *walk)
{
	struct span span = { walk->source, walk->at, walk->at };
	size_t depth = 0;

	do {
		if (walk->at >= walk->len)
			break;
		char c = walk->text[walk->at];
		if (c == '"')
			skip_string(walk);
		else if (c == '{' || c == '[')
			depth++, walk->at++;
		else if (c == '}' || c == ']')
			depth--, walk->at++;
		else if (strchr(" \t\r\n,:", c))
			walk->at++;
		else
			walk->at += (uint32_t)strcspn(walk->text + walk->at, " \t\r\n,:]}\"");
	} while (depth);
	span.end = walk->at < walk->len ? walk->at : walk->len;
	return span;
}

static struct span unquoted(struct span span)
{
	if (span.end - span.start >= 2)
		span.start++, span.end--;
	return span;
}

struct json_node json_tree_root(const struct sources *sources, uint32_t source, const json_t *json)
{
	const struct source *text = sources_get(sources, source);
	struct walk walk = { text->text, source, source_mark_len(text), (uint32_t)text->len };

	skip_blanks(&walk);
	return (struct json_node){ .json = json, .span = skip_value(&walk) };
}

static void open_object(struct walk *walk, struct json_node *node)
{
	const char *name;
	json_t *value;
	size_t i = 0;

	/* jansson keeps the order in which they stand */
	json_object_foreach((json_t *)node->json, name, value)
	{
		struct json_node *member = &node->parts[i++];
		skip_blanks(walk);
		member->key = unquoted(skip_value(walk));
		skip_blanks(walk);
		member->span = skip_value(walk);
		member->name = name;
		member->json = value;
	}
}

void json_tree_open(struct arena *arena, const struct sources *sources, struct json_node *node)
{
	const struct source *text = sources_get(sources, node->span.source);
	struct walk walk = { text->text, node->span.source, node->span.start + 1, node->span.end };
	size_t count = json_is_object(node->json) ? json_object_size(node->json) : json_array_size(node->json);

	if (node->parts || !count)
		return;
	node->parts = arena_alloc(arena, count * sizeof *node->parts);
	node->count = count;
	if (json_is_object(node->json)) {
		open_object(&walk, node);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		skip_blanks(&walk);
		node->parts[i].span = skip_value(&walk);
		node->parts[i].json = json_array_get(node->json, i);
	}
}

struct json_node *json_tree_get(const struct json_node *object, const char *name)
{
	for (size_t i = 0; i < object->count; i++)
		if (object->parts[i].name && !strcmp(object->parts[i].name, name))
			return &object->parts[i];
	return NULL;
}

struct span json_tree_inside(const struct json_node *string)
{
	return json_is_string(string->json) ? unquoted(string->span) : string->span;
}
