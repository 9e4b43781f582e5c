/* What a sandbox says of itself over the control socket: docs/control.md. One function a command, in the table of answers.c;
 * larger ones have files of their own. */
#pragma once
#include "control/control.h"

struct sandbox;

/* A step of the set-up, before the guest starts; it is answered once the supervisor serves. 0, or -errno with a line on standard error */
int sandbox_open_control(struct sandbox *);

/* Each as control_command's `answer`, with the struct sandbox */
json_t *answer_ps(void *sandbox, const json_t *request, struct control_call *);
json_t *answer_status(void *sandbox, const json_t *request, struct control_call *);
json_t *answer_stats(void *sandbox, const json_t *request, struct control_call *);
/* {"limits": […]} into the answer */
void answer_add_limits(const struct sandbox *, json_t *answer);
