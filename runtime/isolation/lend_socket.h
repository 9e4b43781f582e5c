/* A child that may not open raw sockets is lent one: its first socket(AF_INET6, SOCK_RAW) waits in the kernel
 * (seccomp user notification) until the parent has put the socket into it; any later one fails. */
#pragma once

/* In the child, before exec, without privileges (no_new_privs is set by it): the listener's number in the
 * child's table, or -errno. It is close-on-exec. */
int lend_socket_listen(void);
/* In the parent: gives `socket`, which stays the caller's, to the child of `pidfd` when it asks. `number` is the listener's
 * in the child; `took_over` is called once we have a copy: the child may exec from then on. 0, or -errno; -ETIMEDOUT where it
 * never asks. */
int lend_socket(int pidfd, int number, int socket, int timeout_ms, void (*took_over)(void *), void *context);
