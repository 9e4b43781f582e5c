/* What a process holds of memory. */
#pragma once

/* First of all: what is large gets pages of its own, which take memory only where they are written to, and go when it is freed. */
void memory_prepare(void);
/* Where it runs out, an error line (core/log.h) and an end with this exit status */
void memory_end_with(int exit_status);
/* Once the set-up is done: gives back what it took of the heap, and the pages of programs and libraries that were read, which come
 * back from the page cache where they are needed. Calls brk and madvise(MADV_DONTNEED), nothing else. */
void memory_settle(void);
