/* What the kernel says that it dropped by itself, whatever the rules, in the network namespace of the process. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct kernel_drops {
	uint64_t packets; /* at a full backlog of a processor, or where conntrack could not take the flow */
	uint64_t pieces;  /* packets in fragments that were not put together again, too */
};

/* So far; what a kernel does not tell counts for nothing. */
struct kernel_drops kernel_drops(void);
