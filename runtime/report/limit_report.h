/* Which bound refused a flow, as text: its option and number, and what raises it. */
#pragma once
#include "lower/limits.h"

/* The bounds in the host's table, as they came out there; those of the sandbox's own namespace are the policy's */
struct limit_numbers {
	uint32_t most[OVER_COUNT];
};

struct limit_text {
	const char *option; /* "--max-tcp-connections"; NULL where none raises it */
	uint64_t value;
	const char *text;  /* "refused by --max-tcp-connections 4096" */
	const char *raise; /* what to do */
};
/* Texts belong to the arena. `host`: in the host's table */
struct limit_text limit_text(struct arena *, enum limit, const struct policy *, const struct limit_numbers *,
			     bool host);
