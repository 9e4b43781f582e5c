/* Numbers that follow from a seed, for random policies, flows and packets. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct random {
	uint64_t state;
};

static inline uint32_t random_below(struct random *random, uint32_t bound)
{
	random->state = random->state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((random->state >> 33) % bound);
}

static inline bool random_one_in(struct random *random, uint32_t n)
{
	return random_below(random, n) == 0;
}

#define RANDOM_COUNT(list) (sizeof(list) / sizeof *(list))
#define RANDOM_PICK(random, list) ((list)[random_below((random), RANDOM_COUNT(list))])
