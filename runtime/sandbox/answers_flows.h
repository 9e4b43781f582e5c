/* The flows that are open now, and which rule lets each be. */
#pragma once
#include <jansson.h>

struct sandbox;
/* {"flows": […], "flows_more": N} into the answer */
void answer_add_flows(const struct sandbox *, json_t *answer);
