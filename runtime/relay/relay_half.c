/* Moving the bytes of one direction. */
#include "relay/relay_half.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUDGET RELAY_PIPE_BYTES /* bytes of one direction in one turn */
#define TRIES 16                /* and how often it is looked whether there are more */

struct relay_half relay_half_between(int from, int to)
{
	return (struct relay_half){
		.from = from, .to = to, .pipe = RELAY_PIPE_NONE, .limit = RELAY_UNLIMITED, .writable = true
	};
}

/* Past the mark: recv() leaves the urgent byte out, and takes the one behind it where there is one; that goes into the pipe */
static ssize_t pass_mark(struct relay_half *half)
{
	char behind;
	ssize_t got = recv(half->from, &behind, 1, MSG_DONTWAIT);

	half->urgent = false;
	half->moved = true;
	half->ended = got == 0;
	if (got <= 0)
		return got == 0 || errno == EAGAIN || errno == EINTR ? 0 : -1;
	half->held = 1;
	return write(half->pipe.in, &behind, 1);
}

/* All before the urgent byte is with the other end. As fill() */
static ssize_t pass_urgent(struct relay_half *half)
{
	int at_mark = 0;
	char urgent;

	if (half->limit != RELAY_UNLIMITED)
		return -1;
	if (ioctl(half->from, SIOCATMARK, &at_mark) < 0 || !at_mark ||
	    recv(half->from, &urgent, 1, MSG_OOB | MSG_PEEK | MSG_DONTWAIT) != 1)
		return 0; /* not yet: its event comes */
	half->readable = true;
	if (send(half->to, &urgent, 1, MSG_OOB | MSG_DONTWAIT | MSG_NOSIGNAL) == 1) {
		half->passed_on++;
		return pass_mark(half);
	}
	half->writable = false;
	return errno == EAGAIN ? 0 : -1;
}

/* From the socket into the empty pipe; how many bytes, or -1: the connection is broken */
static ssize_t fill(struct relay_half *half)
{
	size_t most = half->limit < RELAY_PIPE_BYTES ? half->limit : RELAY_PIPE_BYTES;

	if (half->ended || !half->readable || half->held > 0)
		return 0;
	ssize_t got = splice(half->from, NULL, half->pipe.in, NULL, most, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
	if (got < 0) {
		half->readable = errno != EAGAIN;
		if (errno != EAGAIN && errno != EINTR)
			return -1;
		return half->urgent ? pass_urgent(half) : 0;
	}
	half->held = (size_t)got;
	half->moved |= got > 0;
	half->ended = got == 0;
	if (half->limit != RELAY_UNLIMITED)
		half->limit -= (size_t)got;
	return got;
}

/* What is followed by the end goes in one packet with it, and wakes the other end once: pass_end() comes soon, since nothing
 * is left to wait for but room. */
static bool drain(struct relay_half *half)
{
	bool end_follows = half->closing && half->limit == RELAY_UNLIMITED;
	unsigned flags = SPLICE_F_NONBLOCK | SPLICE_F_MOVE | (end_follows ? SPLICE_F_MORE : 0);

	while (half->held > 0 && half->writable) {
		ssize_t sent = splice(half->pipe.out, NULL, half->to, NULL, half->held, flags);
		if (sent > 0) {
			half->held -= (size_t)sent;
			half->passed_on += (uint64_t)sent;
			half->moved = true;
			continue;
		}
		if (sent < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		half->writable = sent < 0 && errno == EINTR;
	}
	return true;
}

/* Towards one that is still connecting it would give up the connection. */
static bool pass_end(struct relay_half *half)
{
	if (!half->ended || half->held > 0 || half->passed || !half->writable)
		return true;
	half->passed = true;
	return shutdown(half->to, SHUT_WR) == 0 || errno == ENOTCONN;
}

/* Whether something can be done without waiting for an event */
static bool can_move(const struct relay_half *half)
{
	if (half->held > 0)
		return half->writable;
	return half->limit > 0 && half->readable && !half->ended && (half->writable || !half->urgent);
}

static bool move_bytes(struct relay_half *half)
{
	size_t budget = BUDGET;

	for (int tries = 0; can_move(half) && budget > 0 && tries < TRIES; tries++) {
		ssize_t got = fill(half);
		if (got < 0 || !drain(half))
			return false;
		budget -= (size_t)got < budget ? (size_t)got : budget;
	}
	return pass_end(half);
}

int relay_half_move(struct relay_half *half, struct relay_pipes *pipes)
{
	if (!can_move(half))
		return pass_end(half) ? 0 : -1;
	if (half->pipe.in < 0 && !relay_pipe_take(pipes, &half->pipe))
		return -1;
	if (!move_bytes(half))
		return -1;
	if (half->held == 0)
		relay_pipe_give(pipes, &half->pipe, true);
	return can_move(half);
}
