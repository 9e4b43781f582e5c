/* The messages in a stream of bytes. A message leaves the buffer when the next one is asked for. */
#include "lsp/frame.h"
#include "base/arena.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void frame_add(struct frame *frame, const char *bytes, size_t len)
{
	size_t skipped = frame->skip < len ? frame->skip : len;

	frame->skip -= skipped;
	bytes += skipped;
	len -= skipped;
	if (!len)
		return;
	if (frame->cap - frame->count < len) {
		frame->cap = (frame->count + len) * 2;
		frame->bytes = arena_must(realloc(frame->bytes, frame->cap));
	}
	memcpy(frame->bytes + frame->count, bytes, len);
	frame->count += len;
}

static void drop(struct frame *frame, size_t len)
{
	if (!len)
		return;
	frame->count -= len;
	memmove(frame->bytes, frame->bytes + len, frame->count);
}

/* A plain number and nothing else; false where it is none. One past all bounds stays at the largest. */
static bool read_length(const char *text, size_t len, size_t *out)
{
	size_t value = 0;

	while (len && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		len--;
	while (len && (*text == ' ' || *text == '\t'))
		text++, len--;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value > SIZE_MAX / 16 ? SIZE_MAX / 2 : value * 10 + (size_t)(text[i] - '0');
	}
	*out = value;
	return len > 0;
}

/* The header fields, each a line; only one of them counts. false: it is not there, or no number */
static bool read_header(const char *header, size_t len, size_t *out)
{
	static const char name[] = "content-length:";
	bool found = false;

	for (size_t at = 0; at < len;) {
		const char *line = header + at, *end = memchr(line, '\n', len - at);
		size_t line_len = end ? (size_t)(end - line) : len - at;

		at += line_len + 1;
		if (line_len && line[line_len - 1] == '\r')
			line_len--;
		if (line_len < sizeof name - 1 || strncasecmp(line, name, sizeof name - 1) != 0)
			continue;
		if (found || !read_length(line + sizeof name - 1, line_len - (sizeof name - 1), out))
			return false;
		found = true;
	}
	return found;
}

/* Takes the header off the buffer. */
static enum frame_result take_header(struct frame *frame)
{
	size_t most = frame->count < FRAME_HEADER_MAX ? frame->count : FRAME_HEADER_MAX;
	const char *end = most ? memmem(frame->bytes, most, "\r\n\r\n", 4) : NULL;

	if (!end)
		return frame->count >= FRAME_HEADER_MAX ? FRAME_BROKEN : FRAME_MORE;
	if (!read_header(frame->bytes, (size_t)(end - frame->bytes), &frame->length))
		return FRAME_BROKEN;
	drop(frame, (size_t)(end - frame->bytes) + 4);
	if (frame->length > FRAME_MESSAGE_MAX) {
		size_t here = frame->count < frame->length ? frame->count : frame->length;

		drop(frame, here);
		frame->skip = frame->length - here;
		frame->length = 0;
		return FRAME_TOO_LONG;
	}
	frame->has_header = true;
	return FRAME_MESSAGE;
}

enum frame_result frame_next(struct frame *frame, const char **message, size_t *len)
{
	if (!frame->has_header) {
		enum frame_result result;

		drop(frame, frame->length); /* the one given before */
		frame->length = 0;
		result = take_header(frame);
		if (result != FRAME_MESSAGE)
			return result;
	}
	if (frame->count < frame->length)
		return FRAME_MORE;
	frame->has_header = false;
	*message = frame->bytes;
	*len = frame->length;
	return FRAME_MESSAGE;
}
