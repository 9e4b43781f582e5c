/* Parsing a policy, linking libraries and building rulesets touch more than all that comes after. */
#include "core/memory.h"
#include "base/arena.h"
#include "base/json_memory.h"
#include "core/log.h"

#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define LARGE (16 << 10) /* bytes */
#define SPARE (8 << 10)  /* at the heap's end; what fits in there is taken from it, however large */

void memory_prepare(void)
{
	mallopt(M_MMAP_THRESHOLD, LARGE);
	mallopt(M_TOP_PAD, SPARE);
}

static int exhausted_status;

static void say_and_end(void)
{
	fflush(stdout);
	log_error("out of memory");
	exit(exhausted_status);
}

void memory_end_with(int exit_status)
{
	exhausted_status = exit_status;
	arena_on_exhaustion(say_and_end);
	json_memory_must();
}

/* Segments that nobody has written to: what the dynamic linker relocates is in those that are writable at first. */
static int drop_segments(struct dl_phdr_info *object, size_t size, void *context)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	(void)size, (void)context;
	for (int i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
		if (segment->p_type != PT_LOAD || segment->p_flags & PF_W)
			continue;
		uintptr_t start = (object->dlpi_addr + segment->p_vaddr) & ~(page - 1);
		uintptr_t end = (object->dlpi_addr + segment->p_vaddr + segment->p_memsz + page - 1) & ~(page - 1);
		madvise((void *)start, end - start, MADV_DONTNEED);
	}
	return 0;
}

void memory_settle(void)
{
	malloc_trim(0);
	dl_iterate_phdr(drop_segments, NULL);
}
