/* The rules of the policy in force, with what they have decided. */
#pragma once
#include <jansson.h>

#include <stddef.h>

struct sandbox;
/* See learning_rule_number(): of the policy in force */
size_t answer_rule_number(const struct sandbox *, size_t index);
/* {"rules": […], "defaults": […]} into the answer; "counted": false where the kernel did not tell */
void answer_add_rules(const struct sandbox *, json_t *answer);
