/* The library: policies that are part of the programs, so that what `include <python-agent>` means depends on the program's
 * version alone, not on what lies where on a machine. Made from policies/ by policies/embed.sh. */
#pragma once

struct library_policy {
	const char *name; /* "python-agent" */
	const char *text;
};
extern const struct library_policy library_policies[]; /* by name; ends with a NULL name */

/* NULL: the library has none of that name */
const char *library_text(const char *name);
extern const char *const library_names[]; /* the same names; ends with NULL */
