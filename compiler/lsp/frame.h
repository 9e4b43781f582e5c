/* Framing: "Content-Length: N", an empty line, N bytes of JSON; and how JSON goes back. */
#pragma once
#include "base/list.h"

#include <stdbool.h>

#define FRAME_MESSAGE_MAX (64u << 20) /* a policy file of the largest size, as a JSON string */
#define FRAME_HEADER_MAX 4096

struct frame {
	char *bytes; /* malloc()ed; what has come and was not taken */
	size_t count, cap;
	size_t length,
		skip; /* of the message whose header was read, and of one that is too long: bytes still to come */
	bool has_header;
};

enum frame_result { FRAME_MORE, FRAME_MESSAGE, FRAME_TOO_LONG, FRAME_BROKEN };

void frame_add(struct frame *, const char *bytes, size_t len);
/* The next message: its place holds until the next call. FRAME_MORE: not all has come yet. FRAME_TOO_LONG: one was, and
 * is skipped. FRAME_BROKEN: no header, so nothing tells where the next message begins. */
enum frame_result frame_next(struct frame *, const char **message, size_t *len);
