/* The difference of two texts by lines, as `diff -u` prints it. */
#pragma once
#include "base/arena.h"

/* "" where the texts are equal. Names are put in the head as they are. */
const char *line_diff(struct arena *, const char *old_name, const char *old_text, const char *new_name,
		      const char *new_text);
