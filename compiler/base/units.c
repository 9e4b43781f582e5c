/* Sizes, durations, rates and dates. */
#include "base/units.h"

#include <inttypes.h>
#include <string.h>

static bool parse_number(const char *text, size_t len, uint64_t *out)
{
	uint64_t value = 0;

	if (!len || (len > 1 && text[0] == '0'))
		return false;
	for (size_t i = 0; i < len; i++)
		if (text[i] < '0' || text[i] > '9' || __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(text[i] - '0'), &value))
			return false;
	*out = value;
	return true;
}

bool units_number(const char *text, uint64_t *out)
{
	return parse_number(text, strlen(text), out);
}

bool units_port(const char *text, size_t len, bool lax, uint16_t *out)
{
	uint64_t value;

	for (; lax && len > 1 && *text == '0'; text++)
		len--;
	if (!parse_number(text, len, &value) || value > UINT16_MAX)
		return false;
	*out = (uint16_t)value;
	return true;
}

/* A number, then exactly one of `units` */
static bool parse_scaled(const char *text, const char *const *units, const uint64_t *factors, size_t count,
			 uint64_t *out)
{
	size_t digits = strspn(text, "0123456789");
	uint64_t value;

	for (size_t i = 0; i < count; i++)
		if (!strcmp(text + digits, units[i])) {
			if (!parse_number(text, digits, &value) || __builtin_mul_overflow(value, factors[i], &value))
				return false;
			*out = value;
			return true;
		}
	return false;
}

bool units_size(const char *text, uint64_t *out)
{
	static const char *const units[] = { "", "K", "M", "G" };
	static const uint64_t factors[] = { 1, 1u << 10, 1u << 20, 1u << 30 };

	return parse_scaled(text, units, factors, 4, out);
}

const char *units_size_format(struct arena *arena, uint64_t size)
{
	static const char units[] = { 'G', 'M', 'K' };

	for (unsigned i = 0; i < sizeof units; i++)
		if (size && size % (1u << (30 - 10 * i)) == 0)
			return arena_printf(arena, "%" PRIu64 "%c", size >> (30 - 10 * i), units[i]);
	return arena_printf(arena, "%" PRIu64, size);
}

bool units_duration_ms(const char *text, uint64_t *out)
{
	static const char *const units[] = { "ms", "s", "m" };
	static const uint64_t factors[] = { 1, 1000, 60 * 1000 };

	return parse_scaled(text, units, factors, 3, out);
}

bool units_rate(struct arena *arena, const char *text, uint64_t *size, uint64_t *interval_ms)
{
	size_t len = strcspn(text, "/");
	uint64_t amount, interval = 1000;

	if (!units_size(arena_strndup(arena, text, len), &amount) ||
	    (text[len] && !units_duration_ms(text + len + 1, &interval)) || !amount || !interval)
		return false;
	*size = amount;
	*interval_ms = interval;
	return true;
}
