/* One value of a type out of a JSON document; what is of another type is reported where it stands. Inside the library
 * only. What has no value, null where microsandbox writes null for that, is as if it were not there. */
#pragma once
#include "policy/import_keys.h"
#include "policy/json_tree.h"
#include "policy/resolve_state.h"

struct json_read {
	struct resolver *r;
	struct arena *nodes; /* of the parts that are open */
};

struct diag *json_read_report(struct json_read *, const char *id, struct span, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Opens an object and checks its keys; false where it is none. Unknown keys are reported, and it is read all the same. */
bool json_read_object(struct json_read *, struct json_node *, enum import_shape);
/* A member; NULL: not there. The others take NULL for none of that name, too. */
struct json_node *json_read_get(const struct json_node *object, const char *key);
const char *json_read_text(struct json_read *, const struct json_node *object, const char *key);
/* false where it is absent or no number from 0 to `max` */
bool json_read_number(struct json_read *, const struct json_node *object, const char *key, uint64_t max, uint64_t *out);
bool json_read_flag(struct json_read *, const struct json_node *object, const char *key, bool *out);
/* An open array, or NULL */
struct json_node *json_read_list(struct json_read *, const struct json_node *object, const char *key);
/* An element's text; "" after it was reported as none */
const char *json_read_element(struct json_read *, const struct json_node *element, const char *what);
/* The index in `words` of a member's text; -1 where it is absent, or none of them, which is reported */
int json_read_word(struct json_read *, const struct json_node *object, const char *key, const char *id,
		   const char *what, const char *const *words);
/* The value's place, or that of the object's brace where there is none */
struct span json_read_span(const struct json_node *object, const char *key);
