/* The supervisor: pid 1 of the sandbox's pid namespace. It sets everything up, serves its workers and the kernel's log in
 * one loop, and ends with the guest's exit status; with it, the kernel ends all that is in the namespace. */
#pragma once
#include "core/config.h"
#include "dns/dns.h"

struct cgroup;
struct claims;
struct supervisor_start {
	const struct run_config *config;
	const struct nameserver *servers;
	size_t server_count;
	const struct claims *claims;
	int launcher; /* from the launcher: a signal number a message; its end is the launcher's death; to it, see below */
	int owner;    /* to the table owner, see table_owner.h */
	struct nft *table;           /* of the host's namespace, shared with the table owner */
	int learnt;                  /* memory for what is learnt; -1: nothing is */
	bool foreground;             /* the guest's command gets the terminal */
	int control;                 /* the control socket, which listens */
	const struct cgroup *cgroup; /* that we are in; NULL: none of the sandbox's own */
	pid_t pid;                   /* the launcher's, as the host knows it */
};

/* What the launcher is told, so that it need not wait for ever: each signal has been passed on; everything is in place; the guest has ended, with
 * this status, and only closing is left. */
enum supervisor_word { SUPERVISOR_PASSED_ON, SUPERVISOR_CLOSES, SUPERVISOR_READY };
struct supervisor_message {
	uint8_t word, status;
};

_Noreturn void supervisor_main(struct supervisor_start *);
