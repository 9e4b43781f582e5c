/* What --suggest prints at the end: the rules that would let the run's denials pass. Bounded, since the guest chooses what
 * it is denied. */
#pragma once
#include "eval/suggest.h"

struct suggestions;
struct suggestions *suggestions_new(void);   /* NULL: no memory */
void suggestions_free(struct suggestions *); /* NULL is fine */
/* One that is there already is not added. NULL as suggestion: a denial for which no rule is offered */
void suggestions_add(struct suggestions *, const struct suggestion *);
void suggestions_print(struct suggestions *); /* to standard error */
