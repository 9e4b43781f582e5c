/* Sizes, durations, rates and dates. */
#include "base/units.h"

#include <string.h>

static bool number(const char *text, size_t len, uint64_t *out)
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
	return number(text, strlen(text), out);
}

/* A number, then exactly one of `units` */
static bool scaled(const char *text, const char *const *units, const uint64_t *factors, size_t count, uint64_t *out)
{
	size_t digits = strspn(text, "0123456789");
	uint64_t value;

	for (size_t i = 0; i < count; i++)
		if (!strcmp(text + digits, units[i])) {
			if (!number(text, digits, &value) || __builtin_mul_overflow(value, factors[i], &value))
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

	return scaled(text, units, factors, 4, out);
}

bool units_duration_ms(const char *text, uint64_t *out)
{
	static const char *const units[] = { "ms", "s", "m" };
	static const uint64_t factors[] = { 1, 1000, 60 * 1000 };

	return scaled(text, units, factors, 3, out);
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

static bool leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && leap(year));
}

bool date_parse(const char *text, struct policy_date *out)
{
	if (strlen(text) != 10 || text[4] != '-' || text[7] != '-')
		return false;
	for (int i = 0; i < 10; i++)
		if (i != 4 && i != 7 && (text[i] < '0' || text[i] > '9'))
			return false;
	struct policy_date date = {
		(text[0] - '0') * 1000 + (text[1] - '0') * 100 + (text[2] - '0') * 10 + (text[3] - '0'),
		(text[5] - '0') * 10 + (text[6] - '0'),
		(text[8] - '0') * 10 + (text[9] - '0'),
	};
	if (date.year < 1970 || date.month < 1 || date.month > 12 || date.day < 1 ||
	    date.day > days_in_month(date.year, date.month))
		return false;
	*out = date;
	return true;
}

long date_days(struct policy_date date)
{
	long days = date.day - 1;

	for (int month = 1; month < date.month; month++)
		days += days_in_month(date.year, month);
	long before = date.year - 1; /* whole years since year 1, by the Gregorian calendar */
	return days + before * 365 + before / 4 - before / 100 + before / 400 - 719162;
}
