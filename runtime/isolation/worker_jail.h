/* What a worker process keeps when it starts to read what strangers send: its own uid, no capability, no file system, no
 * way to gain either, and the system calls of a list (isolation.h, level 2). */
#pragma once
#include <stddef.h>
#include <sys/types.h>

enum worker_jail_limit {
	JAIL_ANY,
	JAIL_LINGER_ONLY, /* setsockopt: SOL_SOCKET, SO_LINGER */
	JAIL_AT_MARK,     /* ioctl: SIOCATMARK */
	JAIL_PIPE_SIZE,   /* fcntl: F_SETPIPE_SZ */
	JAIL_NO_EXEC,     /* mmap: never executable */
	JAIL_TERMINAL,    /* ioctl: a terminal's mode and size, never input that nobody typed (TIOCSTI) */
};

struct worker_jail_call {
	int number;
	enum worker_jail_limit limit;
	const char *why; /* what the worker needs it for */
};

/* In the worker, as root, single-threaded, with every descriptor it is to have open. 0, or -errno of the stage that failed,
 * after which the caller must exit. */
int worker_jail_enter(uid_t uid, const struct worker_jail_call *calls, size_t count);
/* Closes every descriptor but those listed, which get sorted (negative ones are none); 0, 1 and 2 become /dev/null. */
int worker_jail_keep_only(int *fds, size_t count);
