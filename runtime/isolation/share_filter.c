/* A row for each call that sets a mode, and which of its arguments that is. */
#include "isolation/share_filter.h"

#include <errno.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/stat.h>

#define FCHMODAT2 452 /* Linux 6.6; not in older headers */

static const struct {
	int number;
	unsigned mode; /* its place among the arguments */
} calls[] = {
	{ SCMP_SYS(chmod), 1 },   { SCMP_SYS(fchmod), 1 }, { SCMP_SYS(fchmodat), 2 }, { FCHMODAT2, 2 },
	{ SCMP_SYS(open), 2 },    { SCMP_SYS(openat), 3 }, { SCMP_SYS(creat), 1 },    { SCMP_SYS(mkdir), 1 },
	{ SCMP_SYS(mkdirat), 2 }, { SCMP_SYS(mknod), 1 },  { SCMP_SYS(mknodat), 2 },
};

int share_filter_load(void)
{
	static const unsigned bits[] = { S_ISUID, S_ISGID };
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int error = filter ? 0 : -ENOMEM;

	for (size_t i = 0; error == 0 && i < 2 * sizeof calls / sizeof *calls; i++)
		error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), calls[i / 2].number, 1,
					 SCMP_CMP(calls[i / 2].mode, SCMP_CMP_MASKED_EQ, bits[i % 2], bits[i % 2]));
	if (error == 0)
		error = seccomp_load(filter);
	seccomp_release(filter);
	return error;
}
