/* The canonical layout of a policy file: comments and meaning kept, `default` and `profile` first, columns
 * aligned, attributes in one order. What is printed is what it makes of its own output. */
#pragma once
#include "syntax/ast.h"
#include "diag/diag.h"

/* The file's text in its canonical layout, in diags' arena; NULL where it does not parse. */
const char *fmt_policy(struct diags *, uint32_t source);
