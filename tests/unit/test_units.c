/* Sizes, durations and dates. */
#include "base/date.h"
#include "base/units.h"

#include <criterion/criterion.h>

Test(units, sizes)
{
	uint64_t value = 7;
	cr_expect(units_size("0", &value) && value == 0);
	cr_expect(units_size("512K", &value) && value == 524288);
	cr_expect(units_size("3G", &value) && value == 3ull << 30);
	cr_expect_not(units_size("", &value));
	cr_expect_not(units_size("K", &value));
	cr_expect_not(units_size("1k", &value));
	cr_expect_not(units_size("01", &value));
	cr_expect_not(units_size("-1", &value));
	cr_expect_not(units_size("18446744073709551615K", &value));
	cr_expect_not(units_number("18446744073709551616", &value));
	cr_expect_eq(value, 3ull << 30, "unchanged on failure");
}

Test(units, durations)
{
	uint64_t ms = 0;
	cr_expect(units_duration_ms("500ms", &ms) && ms == 500);
	cr_expect(units_duration_ms("3s", &ms) && ms == 3000);
	cr_expect(units_duration_ms("2m", &ms) && ms == 120000);
	cr_expect_not(units_duration_ms("3", &ms));
	cr_expect_not(units_duration_ms("3 s", &ms));
}

Test(units, dates)
{
	struct date date;
	cr_expect(date_parse("2024-02-29", &date));
	cr_expect_not(date_parse("2026-02-29", &date));
	cr_expect_not(date_parse("2026-13-01", &date));
	cr_expect_not(date_parse("2026-1-1", &date));
	cr_expect_not(date_parse("20260101xx", &date));
	cr_expect_eq(date_days((struct date){ 1970, 1, 1 }), 0);
	cr_expect_eq(date_days((struct date){ 2000, 3, 1 }), 11017);
	cr_expect_eq(date_days((struct date){ 2026, 11, 24 }) - date_days((struct date){ 2026, 6, 30 }), 147);
}
