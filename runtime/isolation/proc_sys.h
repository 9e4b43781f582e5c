/* Containers have /proc/sys read-only. */
#pragma once

/* Writable from here on, for this process and those it starts: where it is read-only, in a mount namespace of their own. 0, or -errno
 * with a line on standard error. */
int proc_sys_make_writable(void);
