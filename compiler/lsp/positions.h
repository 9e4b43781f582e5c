/* Places in a text as the protocol counts them: lines from 0, and in a line characters from 0, which are bytes or the
 * 16-bit units of UTF-16, as client and server have agreed. Ours are bytes. */
#pragma once
#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>

enum lsp_encoding { LSP_UTF16, LSP_UTF8 };

struct lsp_position {
	uint64_t line, character;
};

struct lsp_text {
	const char *text; /* not copied */
	size_t len;
	enum lsp_encoding encoding;
	uint32_t *starts; /* of the lines: behind "\n", "\r\n" or "\r" */
	size_t count;
};

struct lsp_text *lsp_text_new(struct arena *, const char *text, size_t len, enum lsp_encoding);
/* Whether its lines end in CRLF: the first one tells */
bool lsp_text_has_crlf(const struct lsp_text *);
struct lsp_position lsp_text_position(const struct lsp_text *, size_t offset);
/* A place past a line's end is its end, past the last line the text's; one inside a character is its first byte. */
size_t lsp_text_offset(const struct lsp_text *, struct lsp_position);
