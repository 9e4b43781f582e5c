/* A YAML document as a small tree with places. Strict, as microsandbox's own loader is: no
 * anchors, aliases, tags or repeated keys; depth and size are bounded. Belongs to diags' arena. */
#pragma once
#include "diag/diag.h"

struct yaml_node {
	enum yaml_kind { YAML_TEXT, YAML_LIST, YAML_MAP } kind;
	struct span span;
	const char *text;                  /* YAML_TEXT */
	bool plain;                        /* YAML_TEXT: without quotes, so that true and 5 may mean more than text */
	LIST_OF(struct yaml_node *) items; /* of a map: key, value, key, value … */
};

struct yaml_documents {
	const struct yaml_node **items;
	size_t count, cap;
};
/* Whether other documents may follow this first one */
typedef bool yaml_goes_on(const struct yaml_node *first);

/* Appends each document's root to *out, nothing for an empty text; false where an error was reported */
bool yaml_documents(struct diags *, uint32_t source, yaml_goes_on *, struct yaml_documents *out);
/* The value of a key; NULL where there is none */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);
