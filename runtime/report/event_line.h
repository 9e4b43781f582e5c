/* Events as JSON objects; new references, NULL where memory is short. */
#pragma once
#include "report/events.h"

/* RFC 3339, UTC, so many milliseconds ago */
json_t *event_time_before(uint64_t ms);
/* As large as JSON takes it here */
json_t *event_number(uint64_t);
/* What all events begin with */
json_t *event_object(const char *kind, const char *sandbox, const char *id);
void event_add_members(json_t *, const struct event *);
/* Two that say the same have the same; 0: it says something of its own, such as what a flow moved. `secret` keeps a guest from finding two
 * names that pass for one, so that the second is counted and never named. */
uint64_t event_key(const struct event *, uint64_t secret);
/* With its newline, without a terminating zero; NULL where memory is short. free() it */
char *event_line(const json_t *, size_t *len);
