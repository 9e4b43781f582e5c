/* The verdict on a flow, as `eval --format json` tells it. */
#pragma once
#include "eval/eval.h"

#include <jansson.h>

struct flow_answer {
	struct eval_context context;
	const char *text;  /* as asked */
	const char *error; /* why the text is no flow; NULL: flow and result are set */
	struct flow flow;
	struct eval_result result;
};

/* Whether it passes as DNS questions only, whatever else is sent: EVAL_DNS_ONLY */
bool flow_answer_is_dns_only(const struct flow_answer *);
/* A new reference */
json_t *flow_answer_json(struct arena *, const struct flow_answer *);
