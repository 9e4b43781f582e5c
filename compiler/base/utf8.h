/* UTF-8, strictly (RFC 3629: no overlong forms, no surrogates, nothing past U+10FFFF), and what of it may
 * reach a terminal. Tables of our own, so that nothing depends on the locale. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length in bytes of the character that `bytes` starts with, 1 to 4, and *out set; 0, *out unchanged,
 * where none starts there (len 0 included). */
size_t utf8_decode(const char *bytes, size_t len, uint32_t *out);

/* Characters in `bytes`; a byte that starts none counts as one. */
size_t utf8_count(const char *bytes, size_t len);

/* Offset of the first byte that is not part of a character; `len` where all is well. */
size_t utf8_valid_prefix(const char *bytes, size_t len);

/* May be shown to people as it is: no control, no bidirectional mark, nothing invisible that could
 * make two texts look alike. */
bool utf8_printable(uint32_t character);

/* Terminal cells of a printable character: 0 (combining), 1 or 2 (East Asian wide). */
unsigned utf8_width(uint32_t character);
