#include "base/name_lookalike.h"
#include "base/name_rentable.h"

#include <criterion/criterion.h>
#include <string.h>

Test(name_lookalike, skeletons)
{
	static const struct {
		const char *name, *other;
		bool alike;
	} rows[] = {
		{ "paypa1.com", "paypal.com", true },
		{ "rnicrosoft.com", "microsoft.com", true },
		{ "g00gle.com", "google.com", true },
		{ "g1thub.com", "github.com", false },
		{ "githud.com", "github.com", false },
		{ "xn--80ak6aa92e.com", "apple.com", true },          /* all of it Cyrillic */
		{ "xn--gthub-n2e.com", "github.com", true },          /* one letter Cyrillic */
		{ "xn--bcher-kva.example", "bucher.example", false }, /* an umlaut is no u */
	};
	struct arena *arena = arena_new();

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *a = name_skeleton(arena, rows[i].name), *b = name_skeleton(arena, rows[i].other);

		cr_assert_eq(!strcmp(a, b), rows[i].alike, "%s, %s: %s, %s", rows[i].name, rows[i].other, a, b);
	}
	cr_assert_str_eq(name_well_known(name_skeleton(arena, "g00gle.com")), "google.com");
	cr_assert_null(name_well_known(name_skeleton(arena, "google.co")));
	arena_free(arena);
}

Test(name_lookalike, scripts)
{
	struct arena *arena = arena_new();

	cr_assert_str_eq(name_mixed_scripts(arena, "xn--gthub-n2e.com"), "Latin and Cyrillic");
	cr_assert_null(name_mixed_scripts(arena, "xn--80ak6aa92e.com"));
	cr_assert_null(name_mixed_scripts(arena, "api-2.github.com"));
	cr_assert_null(name_mixed_scripts(arena, "xn--n8j.xn--80ak6aa92e.com"), "each label by itself");
	arena_free(arena);
}

Test(name_rentable, below)
{
	static const struct {
		const char *name, *suffix; /* NULL: none, "": any */
	} rows[] = {
		{ "amazonaws.com", "s3.amazonaws.com" },
		{ "s3.amazonaws.com", "s3.amazonaws.com" },
		{ "bucket.s3.amazonaws.com", NULL },
		{ "windows.net", "" },
		{ "azurefd.net", "azurefd.net" },
		{ "example-amazonaws.com", NULL },
		{ "github.io", "github.io" },
		{ "github.com", NULL },
		{ "co.uk", "co.uk" },
		{ "example.co.uk", NULL },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *found = name_rentable_below(rows[i].name);

		cr_assert_eq(!found, !rows[i].suffix, "%s: %s", rows[i].name, found ? found : "-");
		if (rows[i].suffix && *rows[i].suffix)
			cr_assert_str_eq(found, rows[i].suffix, "%s: %s", rows[i].name, found);
	}
}
