/* Time that never goes back, in milliseconds: CLOCK_MONOTONIC. */
#pragma once
#include <stdint.h>
#include <time.h>

static inline int64_t clock_read_ms(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* By how much the clock of the day is ahead of it: another figure once that was set, or the machine has slept */
static inline int64_t clock_day_ahead_ms(void)
{
	return clock_read_ms(CLOCK_REALTIME) - clock_read_ms(CLOCK_MONOTONIC);
}

static inline uint64_t clock_ms(void)
{
	return (uint64_t)clock_read_ms(CLOCK_MONOTONIC);
}
