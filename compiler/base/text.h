/* Text that grows in an arena: what the printers and backends write into. */
#pragma once
#include "base/arena.h"

struct text {
	struct arena *arena; /* set it, leave the rest zero */
	char *items;
	size_t count, cap;
};

void text_add(struct text *, const char *bytes);
void text_addf(struct text *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The text so far, NUL-terminated; holds until the next addition. Never NULL */
const char *text_get(struct text *);

/* "a", or "{a,b,… 3 more}": the items and how many were left out; belongs to the arena */
const char *text_list(struct arena *, const char *const *items, size_t count, size_t more);
