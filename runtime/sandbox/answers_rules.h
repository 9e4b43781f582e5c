/* The rules of the policy in force, with what they have decided. */
#pragma once
#include <jansson.h>

struct sandbox;
/* {"rules": […], "defaults": […]} into the answer; "counted": false where the kernel did not tell */
void answer_add_rules(const struct sandbox *, json_t *answer);
