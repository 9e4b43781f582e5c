/* What /etc/hosts of a guest lacks. */
#include "guest/hosts.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define WANTED "127.0.0.1 localhost\n::1 localhost\n172.16.0.2 agent\n"

static void adds(const char *have, const char *expected)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	bool any = hosts_add(out, have, WANTED);

	fclose(out);
	cr_expect_str_eq(text, expected, "to \"%s\": \"%s\"", have, text);
	cr_expect_eq(any, *expected != '\0');
	free(text);
}

Test(hosts, only_what_is_lacking_is_added)
{
	adds("", WANTED);
	adds("127.0.0.1 localhost\n10.0.0.1\tx agent", "");
	adds("::1 \tip6 LocalHost\r\n", "172.16.0.2 agent\n");
	adds("127.0.0.1 agent", "127.0.0.1 localhost\n::1 localhost\n");
}

Test(hosts, an_address_a_comment_or_part_of_a_name_is_no_name)
{
	adds("localhost\nagent", WANTED);
	adds("# 127.0.0.1 localhost\n127.0.0.1 x # agent localhost", WANTED);
	adds("127.0.0.1 localhost.localdomain agents\n127.0.0.1 xlocalhost agen\n", WANTED);
	adds("\n\n \t\n127.0.0.1", WANTED);
}
