/* Who decided, as the commands that judge flows print it. */
#pragma once
#include "eval/eval.h"

#include <jansson.h>

/* As eval prints it: "1", "default", "floor", "refused"; the place; the rule's text. */
struct decision {
	const char *number, *place, *text; /* place NULL: it has none */
	bool is_rule;
};
struct decision decision_of(struct arena *, const struct policy *, struct eval_verdict, enum policy_direction);
/* As a sentence calls it: "rule 1", "default" */
const char *decision_word(struct arena *, const struct decision *);
/* The decision on a whole flow: an answer's verdict is "not-reserved", "excepted", "reserved" */
struct decision decision_of_flow(struct arena *, const struct policy *, const struct flow *,
				 const struct eval_result *);

/* A string; invalid UTF-8 in it becomes \xNN. Never NULL. */
json_t *json_text(struct arena *, const char *text);
/* Adds "verdict", "rule" (a number, or the word that eval prints), "place", "text" */
void decision_verdict_json(json_t *object, struct arena *, const struct policy *, struct eval_verdict,
			   enum policy_direction);
void decision_flow_json(json_t *object, struct arena *, const struct policy *, const struct flow *,
			const struct eval_result *);
