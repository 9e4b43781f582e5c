/* What happens to the sandbox itself, as events: docs/events.md has their members. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sandbox;
void lifecycle_started(struct sandbox *);
/* `status` is what msb-run ends with */
void lifecycle_stops(struct sandbox *, int status);
/* Another policy is in force, and so many flows were ended by it */
void lifecycle_reloaded(struct sandbox *, size_t ended);
void lifecycle_granted(struct sandbox *, uint32_t id, const char *rule, uint64_t for_ms, size_t ended);
/* `early`: it was revoked */
void lifecycle_grant_ended(struct sandbox *, uint32_t id, const char *rule, bool early, size_t ended);
