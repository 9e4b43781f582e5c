/* The places of the parts of a JSON document: jansson has those of syntax errors only. */
#pragma once
#include "base/source.h"

struct json_key {
	const char *name;
	struct span span;
};

struct json_places {
	struct span whole;
	LIST_OF(struct json_key) keys; /* values of top-level keys */
	LIST_OF(struct span) rules;    /* the elements of "rules" */
};

/* `source` holds what jansson has accepted */
struct json_places *json_places_find(struct arena *, const struct sources *, uint32_t source);
struct span json_places_key(const struct json_places *, const char *name); /* whole where there is none */
struct span json_places_rule(const struct json_places *, size_t index);
