/* Places in a JSON document, in one walk over its text, which is known to be well-formed. */
#include "policy/json_places.h"

#include <string.h>

struct port_tree {
	struct arena *arena;
	const char *text;
	uint32_t source, at, len;
};

static void skip_blanks(struct port_tree *walk)
{
	while (walk->at < walk->len && strchr(" \t\r\n,:", walk->text[walk->at]))
		walk->at++;
}

static void skip_string(struct port_tree *walk)
{
	for (walk->at++; walk->at < walk->len && walk->text[walk->at] != '"'; walk->at++)
		walk->at += walk->text[walk->at] == '\\';
	walk->at++;
}

/* Over one value, whatever is inside; its span */
static struct span skip_value(struct port_tree *walk)
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

/* The elements of the array that starts at `walk` */
static void find_rules(struct port_tree walk, struct json_places *places)
{
	walk.at++;
	for (skip_blanks(&walk); walk.at < walk.len && walk.text[walk.at] != ']'; skip_blanks(&walk))
		*arena_push(walk.arena, &places->rules) = skip_value(&walk);
}

struct json_places *json_places_find(struct arena *arena, const struct sources *sources, uint32_t source)
{
	const struct source *text = sources_get(sources, source);
	struct json_places *places = arena_alloc(arena, sizeof *places);
	struct port_tree walk = { arena, text->text, source, source_mark_len(text), (uint32_t)text->len };

	skip_blanks(&walk);
	places->whole = (struct span){ source, walk.at, walk.at + (walk.at < walk.len) };
	if (walk.at >= walk.len || text->text[walk.at] != '{')
		return places;
	walk.at++;
	for (skip_blanks(&walk); walk.at < walk.len && walk.text[walk.at] == '"'; skip_blanks(&walk)) {
		struct json_key key = { .name = "" };
		struct span name = skip_value(&walk);
		if (name.end - name.start >= 2)
			key.name = arena_strndup(arena, text->text + name.start + 1, name.end - name.start - 2);
		skip_blanks(&walk);
		if (!strcmp(key.name, "rules") && walk.at < walk.len && walk.text[walk.at] == '[')
			find_rules(walk, places);
		key.span = skip_value(&walk);
		*arena_push(arena, &places->keys) = key;
	}
	return places;
}

struct span json_places_key(const struct json_places *places, const char *name)
{
	for (size_t i = 0; i < places->keys.count; i++)
		if (!strcmp(places->keys.items[i].name, name))
			return places->keys.items[i].span;
	return places->whole;
}

struct span json_places_rule(const struct json_places *places, size_t index)
{
	return index < places->rules.count ? places->rules.items[index] : places->whole;
}
