/* The host's end of a guest's standard streams: moves bytes between what msb-run was given and the sockets that
 * are QEMU's character devices, and ends with the command's exit status. The guest's end is
 * runtime/guest/agent.c, which also describes the control port; a guest without an agent has its serial console
 * instead. */
#pragma once
#include "core/config.h"

#include <stdbool.h>
#include <sys/types.h>

struct guest_stdio {
	/* Owned: stream sockets whose other ends QEMU alone has. The first four are -1 without an agent. */
	int in, out, err, control, console;
	int errors; /* QEMU's own standard output and error */
	int events; /* what it tells of the guest (guest_end.h) */
	int host_stdin, host_stdout, host_stderr;
	bool terminal; /* the guest's command has a terminal, and host_stdin is one */
	bool verbose;  /* the console's lines are shown as they come */
	pid_t qemu;
	int qemu_pidfd;
	int volumes[VOLUMES_MAX]; /* pidfds of processes without which the guest's file systems hang; -1: none */
	uid_t uid;                /* to become */
};

/* In a process of its own, all signals blocked. Returns the command's exit status, 128+N for a signal, 125
 * where the guest ended without telling it; a guest without an agent: 0 once it has ended by itself. The
 * kernel kills QEMU with the process. */
int guest_stdio_run(struct guest_stdio *);
