/* FNV-1a, of 64 bits: for tables where two texts that meet cost time or a line of output, with a secret as its start where a guest
 * chooses them; siphash.h is for where it would cost more. */
#pragma once
#include <stdint.h>

#define FNV_START 0xcbf29ce484222325ull

static inline uint64_t fnv_byte(uint64_t hash, unsigned char byte)
{
	return (hash ^ byte) * 0x100000001b3ull;
}

/* Without the terminating zero */
static inline uint64_t fnv_text(uint64_t hash, const char *text)
{
	for (; *text; text++)
		hash = fnv_byte(hash, (unsigned char)*text);
	return hash;
}
