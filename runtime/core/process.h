/* Child processes and what they inherit. */
#pragma once
#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

/* fork() with CLONE_NEW… flags and a pidfd: 0 in the child, the child's pid, or -errno. *pidfd is close-on-exec and
 * set in the parent only. */
pid_t process_fork(uint64_t flags, int *pidfd);
/* Closes every descriptor above standard error but those in `keep`, which gets sorted; negative ones are none. 0 or -errno */
int process_close_others(int *keep, size_t count);
/* Forgets the environment, overwriting it: who reads strangers' bytes has no secret of the user's in memory. */
void process_forget_environment(void);
/* Those that the command gets: of a terminal, of a user, of a service manager */
void process_forwarded_signals(sigset_t *);
/* Blocks all signals, since the loops here read them from signalfd or wait for them; undoes that before exec. */
void process_block_signals(void);
void process_reset_signals(void);
/* Undoes what whoever started us may have left: where SIGCHLD is ignored, a child's status is lost, and its end tells nobody. */
void process_notice_children(void);
/* At least so many descriptors, where the hard limit lets us; undone for the command, which gets what we were given. The hard
 * limit. */
uint64_t process_raise_descriptors(uint64_t least);
void process_restore_descriptors(void);
/* The kernel kills us, and what we start, for want of memory no more, where it lets us say so; undone for what is not ours. */
void process_spare_from_oom(void);
void process_unspare_from_oom(void);
/* A wait status as shells report it: the exit status, or 128+N for signal N */
int process_exit_status(int wait_status);
/* Waits for a child by its pidfd; its exit status as above, or -errno */
int process_wait(int pidfd);
