/* What msb-run needs of the process that starts it. */
#pragma once
#include "core/config.h"

/* 0; or -errno where a capability, a system call, a device or descriptors are missing, with a line on standard error that says
 * which. Nothing has been made yet. */
int prerequisites_check(const struct run_config *);
