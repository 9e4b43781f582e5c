/* Explanations for people and for programs, as text. */
#pragma once
#include "explain/explain.h"

#include <jansson.h>
#include <stdio.h>

void explain_print_text(struct arena *, const struct explanation *, FILE *, bool color);
/* A new reference */
json_t *explain_json(struct arena *, const struct explanation *);
/* Several of them as an array, one as it is */
void explain_print_json(json_t *list, FILE *);
