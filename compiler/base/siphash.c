/* As the paper has it, its test vectors among the unit tests. Words are read as little-endian ones. */
#include "base/siphash.h"

#include <endian.h>
#include <string.h>

static uint64_t rotate(uint64_t word, int by)
{
	return word << by | word >> (64 - by);
}

static void mix(uint64_t v[static 4], int rounds)
{
	for (int i = 0; i < rounds; i++) {
		v[0] += v[1];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[0] = rotate(v[0], 32);
		v[2] += v[3];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] += v[3];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[2] += v[1];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[2] = rotate(v[2], 32);
	}
}

static uint64_t word_at(const uint8_t *from, size_t len)
{
	uint64_t word = 0;

	memcpy(&word, from, len);
	return le64toh(word);
}

uint64_t siphash(const uint8_t key[static SIPHASH_KEY], const void *data, size_t len)
{
	const uint8_t *at = data;
	uint64_t k0 = word_at(key, 8), k1 = word_at(key + 8, 8), word;
	uint64_t v[4] = { k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
			  k1 ^ 0x7465646279746573 };

	for (size_t left = len; left >= 8; left -= 8, at += 8) {
		word = word_at(at, 8);
		v[3] ^= word;
		mix(v, 2);
		v[0] ^= word;
	}
	word = word_at(at, len % 8) | (uint64_t)len << 56;
	v[3] ^= word;
	mix(v, 2);
	v[0] ^= word;
	v[2] ^= 0xff;
	mix(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
