/* Whether a pod's rules are those that the sandbox has put there: its table has no owner, so somebody with privileges could change it. What
 * a VM's has is not noted. */
#pragma once
#include "control/control.h"

#include <stdint.h>

struct sandbox;

struct rules_whole {
	bool noted;
	uint64_t digest;
};

/* Behind each change of the ruleset. A step of the set-up: 0 or -errno, reported; fine where there is no pod */
int rules_whole_note(struct sandbox *);
/* The command `check`: {"rules": "whole"} or "changed" */
json_t *answer_check(void *sandbox, const json_t *request, struct control_call *);
