/* `default_egress`, `default_ingress` and `rules` of a JSON document. Inside the library only. */
#pragma once
#include "policy/json_read.h"

void json_rules_read(struct json_read *, const struct json_node *policy);
/* Whether a member is there; where it is not, that is reported at the object */
bool json_rules_require(struct json_read *, const struct json_node *object, enum import_shape, const char *id,
			const char *key);
/* A member that is "allow" or "deny"; false where it is not, which is reported */
bool json_rules_action(struct json_read *, const struct json_node *object, const char *key, const char *id,
		       enum policy_action *out);
