/* Descriptors that are left to the kernel: closed here at once, and for everybody soon after. */
#include "core/leave_fds.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#define PATIENCE_MS 10000

Test(leave_fds, the_other_end_sees_it)
{
	int first[2], second[2];

	cr_assert(pipe(first) == 0 && pipe(second) == 0);
	int left[] = { first[1], -1, second[1] }, first_number = first[1];
	leave_fds(left, 3);
	cr_assert_eq(left[0], -1);
	cr_assert_eq(left[2], -1);
	cr_assert_lt(fcntl(first_number, F_GETFD), 0, "it is closed here");
	for (int i = 0; i < 2; i++) {
		struct pollfd end = { .fd = i ? second[0] : first[0] };
		cr_assert_eq(poll(&end, 1, PATIENCE_MS), 1);
		cr_assert(end.revents & POLLHUP, "nobody has it any more");
		close(end.fd);
	}
}

Test(leave_fds, of_none_nothing_is_left)
{
	int none[] = { -1, -1 };

	leave_fds(none, 2);
	leave_fds(none, 0);
	cr_assert_eq(none[0], -1);
}
