/* An event as a line for people: "09:26:44.870  deny   egress@169.254.169.254:tcp:80   rule 1 deny@meta (agent.msb:6)" */
#pragma once
#include "base/arena.h"

#include <jansson.h>
#include <stdbool.h>

/* From its JSON object, whoever wrote that; every byte is fit for a terminal. Without the time: for a journal, which has its own */
const char *event_text(struct arena *, const json_t *event, bool with_time);
