/* A JSON document with the places of its parts, which jansson has for syntax errors only. A part is opened when it is
 * looked into, so that of a large document only what is being read takes memory. */
#pragma once
#include "base/source.h"

#include <jansson.h>

struct json_node {
	const json_t *json;
	const char *name;        /* of a member: its key; jansson's */
	struct span span;        /* the value */
	struct span key;         /* of a member: its key, without quotes */
	struct json_node *parts; /* members or elements, once it is open */
	size_t count;
};

/* `source` holds the text of which jansson made `json` */
struct json_node json_tree_root(const struct sources *, uint32_t source, const json_t *json);
/* Finds the members of an object or the elements of an array; nothing where it is neither, or open */
void json_tree_open(struct arena *, const struct sources *, struct json_node *);
/* A member of an open object, or NULL */
struct json_node *json_tree_get(const struct json_node *object, const char *name);
/* The text inside a string's quotes */
struct span json_tree_inside(const struct json_node *string);
