/* Two stacks of idle pipes: the last one used is the next. */
#include "relay/relay_pipes.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static bool open_pipe(struct relay_pipe *pipe)
{
	int ends[2];

	if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0)
		return false;
	*pipe = (struct relay_pipe){ .in = ends[1], .out = ends[0] };
	return true;
}

static bool open_wide(struct relay_pipes *pipes, struct relay_pipe *pipe)
{
	if (!open_pipe(pipe))
		return false;
	pipe->wide = fcntl(pipe->in, F_SETPIPE_SZ, RELAY_PIPE_BYTES) >= 0;
	pipes->wide_count += pipe->wide;
	pipes->wide_refused = !pipe->wide; /* not asked again: what there is does */
	return true;
}

static bool take_idle(struct relay_idle_pipes *idle, struct relay_pipe *pipe)
{
	if (idle->count == 0)
		return false;
	*pipe = idle->pipes[--idle->count];
	return true;
}

bool relay_pipe_take(struct relay_pipes *pipes, struct relay_pipe *pipe)
{
	if (take_idle(&pipes->wide, pipe))
		return true;
	if (pipes->wide_count < RELAY_PIPES_WIDE && !pipes->wide_refused)
		return open_wide(pipes, pipe);
	return take_idle(&pipes->usual, pipe) || open_pipe(pipe);
}

void relay_pipe_give(struct relay_pipes *pipes, struct relay_pipe *pipe, bool empty)
{
	struct relay_idle_pipes *idle = pipe->wide ? &pipes->wide : &pipes->usual;
	int saved = errno;

	if (pipe->in < 0)
		return;
	if (empty && idle->count < RELAY_PIPES_IDLE) {
		idle->pipes[idle->count++] = *pipe;
	} else {
		pipes->wide_count -= pipe->wide;
		close(pipe->in);
		close(pipe->out);
	}
	*pipe = RELAY_PIPE_NONE;
	errno = saved;
}
