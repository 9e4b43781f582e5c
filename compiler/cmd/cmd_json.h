/* JSON that we print: strings of any bytes, and verdicts. */
#pragma once
#include "cmd/cmd.h"

#include <jansson.h>

/* A string; invalid UTF-8 in it becomes \xNN. Never NULL. */
json_t *json_text(struct arena *, const char *text);
/* Adds "verdict", "rule" (a number, or the word that eval prints), "place", "text" */
void cmd_verdict_json(json_t *object, struct arena *, const struct policy *, struct eval_verdict,
		      enum policy_direction);
void cmd_decision_json(json_t *object, struct arena *, const struct policy *, const struct flow *,
		       const struct eval_result *);
