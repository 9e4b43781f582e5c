/* One function for each output format: whatever bytes a file name, rule, reason or guest holds, what is
 * printed is a single line of that format. Results belong to the arena. */
#pragma once
#include "arena.h"

/* \xNN unless printable UTF-8; control characters, bidirectional marks and invalid bytes are escaped */
const char *escape_terminal(struct arena *, const char *bytes, size_t len);
/* A comment of an nft rule or element: printable ASCII without `"` and `\`, at most 127 characters, cut with ".." */
const char *escape_nft_comment(struct arena *, const char *bytes);
