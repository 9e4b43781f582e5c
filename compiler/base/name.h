/* Domain names: from text to A-labels, and matching on label boundaries.
 * A canonical name is lower-case ASCII (A-labels), without a trailing dot; the root is "". Octets of a
 * query that are no printable ASCII, or that would read as a dot or backslash, are written \DDD. */
#pragma once
#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NAME_TEXT_MAX 1024 /* 255 octets, each at most \DDD, and the end */

/* A rule's or policy's name: trims dots, folds case, converts U-labels (libidn2), bounds labels at 63 and
 * the name at 253 octets, refuses escapes, leading hyphens, blanks and what is no name.
 * NULL and *why set to a static sentence where it is none. */
const char *name_from_rule(struct arena *, const char *text, const char **why);
/* What a flow expression or a query names: presentation form with RFC 1035 escapes. NULL when unparsable. */
const char *name_from_query(struct arena *, const char *text);
/* From uncompressed wire labels (RFC 1035 3.1) as a DNS message holds them; false when malformed. */
bool name_from_wire(const uint8_t *wire, size_t len, char out[static NAME_TEXT_MAX]);

bool name_equal(const char *a, const char *b);              /* both canonical */
bool name_has_suffix(const char *name, const char *suffix); /* equal, or below it on a label boundary */
/* Octets of its longest label on the wire, where \DDD is one */
size_t name_longest_label(const char *name);
/* Looks like an address without being one: last label all digits or 0x…  */
bool name_looks_like_address(const char *text);
/* Anybody may register below it: libpsl's list, ICANN and private parts; `name` is canonical */
bool name_is_public_suffix(const char *name);
#define NAME_HOST_ALIAS "host.microsandbox.internal"
