/* What importers share: the keys of each shape, and the errors about keys and words. Inside the library only. */
#pragma once
#include "diag/diag.h"

enum import_shape {
#define SHAPE(id, ...) IMPORT_##id,
#include "policy/import_keys.def"
	IMPORT_SHAPE_COUNT
};

/* NULL-terminated */
const char *const *import_keys(enum import_shape);
const char *import_keys_name(enum import_shape); /* "a rule", for messages */
bool import_keys_has(enum import_shape, const char *key);
/* Reports a key that the shape has not; `span` is the key's, without quotes. `more`: keys of this shape are fine too */
bool import_keys_check(struct diags *, enum import_shape, enum import_shape more, const char *key, struct span);
/* A word that is none of `words`: "no such action: `alow`", with the nearest, and all of them as help */
struct diag *import_keys_word(struct diags *, const char *id, struct span, const char *what, const char *word,
			      const char *const *words);
/* What microsandbox has under that key and we have not, with what to do instead; `span` is the value's */
void import_keys_not_here(struct diags *, const char *key, struct span);
