/* What the host can reach: the sandbox refuses the rest itself, see net/unrouted. */
#pragma once
#include "net/unrouted.h"

struct arena;
struct sandbox;

struct routes {
	struct arena *arena; /* NULL: never read */
	struct reach v4, v6;
};

/* At the start, and whenever the host's network may have changed. 0 or -errno, with a line on standard error */
int follow_routes(struct sandbox *);
