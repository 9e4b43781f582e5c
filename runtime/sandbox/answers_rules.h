/* The rules of the policy in force, with what they have decided. */
#pragma once
#include <jansson.h>

#include <stddef.h>

struct sandbox;
/* By which people know a rule of the policy in force, as events and explain do: under --learn its number in the bound; 0: it has none
 * there, and is in front of all, or the default */
size_t answer_rule_number(const struct sandbox *, size_t index);
/* {"rules": […], "defaults": […]} into the answer; "counted": false where the kernel did not tell */
void answer_add_rules(const struct sandbox *, json_t *answer);
