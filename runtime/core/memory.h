/* What a process holds of memory. */
#pragma once

/* First of all: what is large gets pages of its own, which take memory only where they are written to, and go when it is freed. */
void memory_prepare(void);
/* Once the set-up is done: gives back what it took of the heap, and the pages of programs and libraries that were read, which come
 * back from the page cache where they are needed. Calls brk and madvise(MADV_DONTNEED), nothing else. */
void memory_settle(void);
