/* Sizes are powers of 1024, as everywhere on the command line. */
#include "run/events_options.h"

#include <stdlib.h>
#include <string.h>

#define SIZE_DIGITS_MAX 7 /* 9999999G are no overflow */
#define SIZE_LEAST (64ull << 10)
#define SIZE_MOST (1ull << 40)
#define KEEP_DIGITS_MAX 2

const char *events_option_target(struct run_config *config, const char *value)
{
	size_t count = 0;

	if (!*value)
		return "a file, - for standard output, or journald";
	for (; config->events[count]; count++)
		if (!strcmp(config->events[count], value))
			return "given twice";
	if (count == RUN_EVENTS_MAX)
		return "4 times at most";
	config->events[count] = value;
	return NULL;
}

/* A plain decimal of so many digits at most, and what follows it */
static bool read_digits(const char *value, size_t most, uint64_t *out, const char **rest)
{
	size_t len = strspn(value, "0123456789");

	if (!len || len > most)
		return false;
	*out = strtoull(value, NULL, 10);
	*rest = value + len;
	return true;
}

const char *events_option_size(struct run_config *config, const char *value)
{
	static const char units[] = "KMG";
	const char *rest, *unit;
	uint64_t number;

	if (!read_digits(value, SIZE_DIGITS_MAX, &number, &rest) || !*rest || rest[1] || !(unit = strchr(units, *rest)))
		return "a size such as 64K, 10M or 2G";
	number <<= 10 * (unit - units + 1);
	if (number < SIZE_LEAST || number > SIZE_MOST)
		return "64K at least, 1024G at most";
	config->events_size = number;
	return NULL;
}

const char *events_option_keep(struct run_config *config, const char *value)
{
	const char *rest;
	uint64_t number;

	if (!read_digits(value, KEEP_DIGITS_MAX, &number, &rest) || *rest || !number)
		return "1 to 99";
	config->events_keep = (uint32_t)number;
	return NULL;
}

const char *events_options_agree(const struct run_config *config)
{
	if (config->events_size && !config->events[0])
		return "--events-size means nothing without --events FILE";
	if (config->events_keep && !config->events_size)
		return "--events-keep means nothing without --events-size";
	return NULL;
}
