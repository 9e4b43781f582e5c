/* What sandboxes say of themselves (the control command `stats`) as Prometheus' text format, version 0.0.4. Pure. */
#pragma once
#include "base/arena.h"

#include <jansson.h>
#include <stddef.h>

/* Rules of one sandbox that have series of their own, those that most was counted of; the rest is rule="other" together */
#define METRICS_RULES_MAX 200
/* Sandboxes of one scrape; more are left out, which msb_sandboxes_left_out says */
#define METRICS_SANDBOXES_MAX 1024

struct metrics_sandbox {
	const char *name;
	const json_t *stats; /* its answer; NULL: it did not answer in time */
};
/* In the arena */
const char *metrics_text(struct arena *, const struct metrics_sandbox *, size_t count);
