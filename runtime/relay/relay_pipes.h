/* Pipes for splice(): a direction has one while bytes of it are on the way, so idle connections hold none, and what is
 * used for the next turn is the one that is still in the processor's cache. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* What one turn of a stream moves: the fewer turns, the fewer processes are woken for the same bytes. */
#define RELAY_PIPE_BYTES (1u << 20)
/* At once. A peer that does not read keeps its direction's; when all are kept, pipes of the usual size do. */
#define RELAY_PIPES_WIDE 16
/* Empty ones of each size that wait for their next use */
#define RELAY_PIPES_IDLE 16

struct relay_pipe {
	int in, out; /* where bytes are put, where they are taken; -1: none */
	bool wide;
};
#define RELAY_PIPE_NONE ((struct relay_pipe){ -1, -1, false })

struct relay_pipes {
	struct relay_idle_pipes {
		struct relay_pipe pipes[RELAY_PIPES_IDLE];
		size_t count;
	} usual, wide;
	size_t wide_count; /* all there are, idle or not */
	bool wide_refused; /* by the kernel: fs.pipe-max-size is less, or this uid has too many pages of pipes */
};

/* An empty pipe; false and errno: there is none */
bool relay_pipe_take(struct relay_pipes *, struct relay_pipe *);
/* Given back, or closed where it is not empty: no byte of one connection reaches another. None is fine; none is left. */
void relay_pipe_give(struct relay_pipes *, struct relay_pipe *, bool empty);
