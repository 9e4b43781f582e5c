/* A trial that shows a fault, made small: the fewest rules, floors and names that still show it, and a plain packet. */
#pragma once
#include "trial.h"

/* Whether the flow, alone, fares otherwise than the evaluator says */
typedef bool trial_differs(void *context, const struct trial *, const struct packet_flow *);

/* Both are changed as long as they differ still. The trial's lists are cut in place. */
void trial_shrink(struct trial *, struct packet_flow *, trial_differs *, void *context);
