/* The control socket's commands about the policy: docs/control.md. Each as control_command's `answer`, with the struct sandbox. */
#pragma once
#include "control/control.h"

/* {"policy": its bundle, "generation": N, "directory": where msb-run was started, "gateway": […], "nat64": […]} */
json_t *answer_policy(void *sandbox, const json_t *request, struct control_call *);
/* {"bundle": …, "dry_run": true or not there} */
json_t *answer_reload(void *sandbox, const json_t *request, struct control_call *);
/* {"rule": "allow@pypi.org:tcp:443", "for_ms": N}; {"id": N} */
json_t *answer_grant(void *sandbox, const json_t *request, struct control_call *);
json_t *answer_revoke(void *sandbox, const json_t *request, struct control_call *);
/* answers_pending.c: what waits for an answer: {"pending": […], "most": N}; and the answer to one, {"id": N, "verdict": "allow", "deny" or
 * "once", "rule": another than the one that is offered, "for_ms": N} */
json_t *answer_pending(void *sandbox, const json_t *request, struct control_call *);
json_t *answer_answer(void *sandbox, const json_t *request, struct control_call *);
