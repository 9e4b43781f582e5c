/* Dates in text, and days between them. */
#include "base/date.h"

#include <string.h>

static bool leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && leap(year));
}

bool date_parse(const char *text, struct date *out)
{
	if (strlen(text) != 10 || text[4] != '-' || text[7] != '-')
		return false;
	for (int i = 0; i < 10; i++)
		if (i != 4 && i != 7 && (text[i] < '0' || text[i] > '9'))
			return false;
	struct date date = {
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

long date_days(struct date date)
{
	long days = date.day - 1;

	for (int month = 1; month < date.month; month++)
		days += days_in_month(date.year, month);
	long before = date.year - 1; /* whole years since year 1, by the Gregorian calendar */
	return days + before * 365 + before / 4 - before / 100 + before / 400 - 719162;
}
