/* What the host forwards for the sandbox follows the host's network: see net/forward. */
#pragma once
#include "net/forward.h"

struct sandbox;

struct following {
	struct forward_plan plan;
	bool begun, failed;  /* failed: the last time, which was reported */
	unsigned repairs;    /* made since … */
	uint64_t repairs_ms; /* … then */
};

/* In the host's namespace, the first time once the sandbox's table is there, later when the host's network may have changed:
 * which links are to forward is planned anew, strangers are barred, switches are written. 0 or -errno, reported once. */
int follow_forwarding(struct sandbox *);
/* Is forwarding off that was on, or is it time to try again? */
bool follow_forwarding_is_cut(const struct sandbox *);
