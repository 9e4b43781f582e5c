/* Descriptors whose closing waits for every processor (packet sockets, the owner of a table of nftables), for a process that is
 * waited for. */
#pragma once
#include <stddef.h>

/* Closes them all, and lets the kernel do the rest when it likes; what is not there (-1) is fine. What others see of them must have
 * been undone before. */
void leave_fds(int *fds, size_t count);
