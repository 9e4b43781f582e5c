/* What happens to the sandbox itself, as events: docs/events.md has their members. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sandbox;
void lifecycle_started(struct sandbox *);
/* `status` is what msb-run ends with */
void lifecycle_stops(struct sandbox *, int status);
/* So many processes were, which the limit of memory did */
void lifecycle_killed_for_memory(struct sandbox *, uint64_t kills);
/* Another policy is in force, and so many flows were ended by it */
void lifecycle_reloaded(struct sandbox *, size_t ended);
void lifecycle_granted(struct sandbox *, uint32_t id, const char *rule, uint64_t for_ms, size_t ended);
/* What was asked for is not in force, and why; `rule` and `grant`: of a grant that could not be given, or ended; NULL and 0 else */
void lifecycle_refused(struct sandbox *, const char *rule, uint32_t grant, const char *why);
/* `early`: it was revoked */
void lifecycle_grant_ended(struct sandbox *, uint32_t id, const char *rule, bool early, size_t ended);
