/* Looks up suffixes in a table that is made from the public suffix list when this is built: libpsl tells whether a
 * name is a suffix, not whether one lies below it. */
#include "base/name_rentable.h"
#include "base/name.h"

#include <stddef.h>
#include <string.h>

static const char *const suffixes[] = {
#include "rentable.inc"
};

enum { COUNT = sizeof suffixes / sizeof *suffixes };

/* As strcmp() of both written backwards */
static int compare_backwards(const char *a, const char *b)
{
	size_t x = strlen(a), y = strlen(b);

	while (x && y)
		if (a[--x] != b[--y])
			return (unsigned char)a[x] < (unsigned char)b[y] ? -1 : 1;
	return (x > 0) - (y > 0);
}

/* The first of the table that is not before the name; those below it follow, others between them */
static size_t first_from(const char *name)
{
	size_t lo = 0, hi = COUNT;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (compare_backwards(suffixes[mid], name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), tail = strlen(end);

	return len >= tail && !strcmp(text + len - tail, end);
}

const char *name_rentable_below(const char *name)
{
	const char *found = NULL;

	if (name_is_public_suffix(name))
		return name;
	for (size_t i = first_from(name); i < COUNT && ends_with(suffixes[i], name); i++)
		if (name_has_suffix(suffixes[i], name) && (!found || strlen(suffixes[i]) < strlen(found)))
			found = suffixes[i];
	return found;
}
