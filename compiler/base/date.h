/* Calendar days. */
#pragma once
#include <stdbool.h>

struct date {
	int year, month, day; /* year 0: none */
};

bool date_parse(const char *text, struct date *out); /* YYYY-MM-DD, a day that exists, from 1970 on; else unchanged */
long date_days(struct date);                         /* since 1970-01-01 */
