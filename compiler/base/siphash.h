/* SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash of short texts, for tables whose keys an attacker chooses. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define SIPHASH_KEY 16
uint64_t siphash(const uint8_t key[static SIPHASH_KEY], const void *data, size_t len);
