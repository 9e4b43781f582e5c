/* Numbers with units as policies write them. Every parser takes the whole text or nothing;
 * *out is unchanged on failure. */
#pragma once
#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>

bool units_number(const char *text, uint64_t *out); /* plain decimal: no sign, no leading zero */
/* A port's plain decimal, the first `len` bytes; leading zeros only where `lax` */
bool units_port(const char *text, size_t len, bool lax, uint16_t *out);
bool units_size(const char *text, uint64_t *out);             /* "512", "512K", "1M", "2G": powers of 1024 */
const char *units_size_format(struct arena *, uint64_t size); /* the shortest that units_size() reads as that */
bool units_duration_ms(const char *text, uint64_t *out);      /* "500ms", "3s", "1m" */
/* "1M/1s" or "1M": size over an interval, a second where it is left out; neither may be 0 */
bool units_rate(struct arena *, const char *text, uint64_t *size, uint64_t *interval_ms);
