/* Bytes on their way from one descriptor to another, for a poll loop: a stream waits either for the side it
 * reads from or for the side it writes to, never for both, so it holds at most one buffer. */
#pragma once
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#define STREAM_BUFFER 32768

struct stream {
	int from, to;      /* owned; -1: that side is over */
	size_t start, end; /* what was read and is not yet written */
	size_t write_max;  /* a write; 0: no bound. PIPE_BUF where `to` may block: poll() promises that much */
	bool half_close;   /* `to` is a socket that is held elsewhere, too: its reader is told of the end */
	uint64_t total;    /* bytes written */
	char buffer[STREAM_BUFFER];
};

static inline bool stream_empty(const struct stream *stream)
{
	return stream->start == stream->end;
}

/* What to poll for; fd is -1 where the stream is over */
static inline struct pollfd stream_interest(const struct stream *stream)
{
	bool reads = stream_empty(stream);

	return (struct pollfd){
		.fd = stream->to < 0 ? -1 :
		      reads          ? stream->from :
				       stream->to,
		.events = reads ? POLLIN : POLLOUT,
	};
}

static inline void stream_shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Closes both sides. */
static inline void stream_over(struct stream *stream)
{
	if (stream->to >= 0 && stream->half_close)
		shutdown(stream->to, SHUT_WR);
	stream_shut(&stream->from);
	stream_shut(&stream->to);
	stream->start = stream->end = 0;
}

static inline void stream_read(struct stream *stream)
{
	ssize_t n = read(stream->from, stream->buffer, sizeof stream->buffer);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		stream_over(stream);
		return;
	}
	stream->start = 0;
	stream->end = (size_t)n;
}

static inline void stream_write(struct stream *stream, bool hangup)
{
	size_t size = stream->end - stream->start;

	if (stream->write_max && size > stream->write_max)
		size = stream->write_max;
	ssize_t n = write(stream->to, stream->buffer + stream->start, size);
	if (n > 0) {
		stream->start += (size_t)n;
		stream->total += (uint64_t)n;
	} else if (hangup || (errno != EAGAIN && errno != EINTR)) {
		stream_over(stream);
	}
}

/* One read or one write, after poll(). The end of `from` reaches `to` as its close; where `to` takes no more bytes, `from` is
 * closed, so that its writer learns of it. */
static inline void stream_move(struct stream *stream, short revents)
{
	if (!revents)
		return;
	if (stream_empty(stream))
		stream_read(stream);
	else
		stream_write(stream, revents & (POLLHUP | POLLERR));
}
