/* What QEMU's events say of how its guest ended, in lines as it writes them */
#include "vmm/guest_end.h"

#include <criterion/criterion.h>

#define TIMED(rest) "{\"timestamp\": {\"seconds\": 1795975323, \"microseconds\": 809082}, " rest "}"
#define SHUTDOWN(reason) TIMED("\"event\": \"SHUTDOWN\", \"data\": {\"guest\": true, \"reason\": \"" reason "\"}")
#define STOP TIMED("\"event\": \"STOP\"")

static enum guest_end_kind kind_after(const char *line)
{
	struct guest_end end = { 0 };

	cr_assert_not(guest_end_line(&end, line));
	return end.kind;
}

Test(guest_end, reasons_of_a_shutdown)
{
	cr_assert_eq(kind_after(SHUTDOWN("guest-reset")), GUEST_END_RESET);
	cr_assert_eq(kind_after(SHUTDOWN("guest-shutdown")), GUEST_END_OFF);
	cr_assert_eq(kind_after(SHUTDOWN("host-signal")), GUEST_END_SIGNAL);
	cr_assert_eq(kind_after(SHUTDOWN("a new one")), GUEST_END_UNKNOWN);
}

Test(guest_end, other_lines_say_nothing)
{
	static const char *const lines[] = {
		"",
		"{",
		"null",
		"[\"STOP\"]",
		"{\"event\": 1}",
		"{\"event\": \"SHUTDOWN\"}",
		"{\"event\": \"SHUTDOWN\", \"data\": [\"guest-reset\"]}",
		"{\"event\": \"SHUTDOWN\", \"data\": {\"reason\": null}}",
		"{\"QMP\": {\"version\": {}, \"capabilities\": [\"oob\"]}}",
		"{\"return\": {}}",
		TIMED("\"event\": \"VSERPORT_CHANGE\", \"data\": {\"open\": true, \"id\": \"\"}"),
	};

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		cr_assert_eq(kind_after(lines[i]), GUEST_END_UNKNOWN, "%s", lines[i]);
}

Test(guest_end, one_that_stands_still_is_told_to_end_once)
{
	struct guest_end end = { 0 };

	cr_assert(guest_end_line(&end, STOP));
	cr_assert_not(guest_end_line(&end, STOP));
	cr_assert_not(guest_end_line(&end, SHUTDOWN("host-qmp-quit")));
	cr_assert_eq(end.kind, GUEST_END_STOPPED);
}

/* QEMU stops a guest, too, before it ends by itself. */
Test(guest_end, a_stop_on_the_way_to_its_end)
{
	struct guest_end end = { 0 };

	cr_assert_not(guest_end_line(&end, SHUTDOWN("guest-shutdown")));
	cr_assert_not(guest_end_line(&end, STOP));
	cr_assert_eq(end.kind, GUEST_END_OFF);
}

Test(guest_end, a_disk_that_failed)
{
	struct guest_end end = { 0 };

	cr_assert_not(guest_end_line(
		&end, TIMED("\"event\": \"BLOCK_IO_ERROR\", \"data\": {\"device\": \"\", \"nospace\": true, "
			    "\"node-name\": \"disk0\", \"reason\": \"No space\\u001b left\", \"operation\": "
			    "\"write\", \"action\": \"stop\"}")));
	cr_assert_str_eq(end.disk, "No space? left");
	cr_assert(guest_end_line(&end, STOP));
}

Test(guest_end, what_the_guest_did_not_do_is_explained)
{
	cr_assert_not(guest_end_explain(&(struct guest_end){ .kind = GUEST_END_RESET }));
	cr_assert_not(guest_end_explain(&(struct guest_end){ .kind = GUEST_END_OFF }));
	cr_assert_not(guest_end_explain(&(struct guest_end){ .disk = "No space left on device" }));
	cr_assert(guest_end_explain(&(struct guest_end){ .kind = GUEST_END_SIGNAL }));
	cr_assert(guest_end_explain(&(struct guest_end){ .kind = GUEST_END_STOPPED }));
}
