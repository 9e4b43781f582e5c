/* The system calls by which a program reaches into other processes, denied: to trace, to read or write their memory, to
 * take their descriptors, to send them signals. To itself it may send signals, as threads do. */
#pragma once

/* With no_new_privs set; stays through exec. 0 or -errno. */
int exec_filter_load(void);
