/* The events file: whole lines, and no more of them than a disk bears. */
#include "report/events.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FLOOD 50000

Test(events, a_flood_is_bounded_and_counted)
{
	char path[] = "/tmp/msb-events.XXXXXX", line[1024];
	struct reason reason = { .text = "default egress deny" };
	struct event event = { .kind = "deny",
			       .flow = "dns@a.example:udp",
			       .verdict = { POLICY_DENY, { DECIDER_DEFAULT, 0 } },
			       .reason = &reason };
	unsigned long written = 0, lost = 0;

	close(mkstemp(path));
	struct events *events = events_open(path);
	cr_assert(events);
	for (int i = 0; i < FLOOD; i++)
		events_write(events, &event);
	events_close(events);

	FILE *file = fopen(path, "r");
	while (fgets(line, sizeof line, file)) {
		const char *count = strstr(line, "\"count\":");
		cr_assert(strchr(line, '\n'), "a whole line");
		if (count)
			lost += strtoul(count + strlen("\"count\":"), NULL, 10);
		else
			written++;
	}
	fclose(file);
	unlink(path);
	cr_assert_geq(written, 2000);
	cr_assert_lt(written, FLOOD / 2);
	cr_assert_eq(written + lost, FLOOD, "%lu written, %lu lost", written, lost);
}
