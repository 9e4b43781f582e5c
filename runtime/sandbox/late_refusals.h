/* Refusals once more, and again: "no route" may be back while connect() still holds its socket, always so on this very kernel (--vmm
 * none), and the kernel drops ICMP errors of a socket that is held; the client would learn it a second later, from the next
 * SYN's. */
#pragma once
#include <stdint.h>

struct icmp_ends;
struct late_refusals;

/* In the VM's namespace; `link` is the guest's. NULL and errno on failure. */
struct late_refusals *late_refusals_open(uint32_t link, const struct icmp_ends *);
void late_refusals_close(struct late_refusals *); /* NULL is fine */
int late_refusals_fd(const struct late_refusals *);
/* What was refused since: tells it once more, and remembers it. */
void late_refusals_serve(struct late_refusals *);
/* Tells again what is due; at most how many milliseconds later there is more to do, -1: nothing. NULL is fine. */
int late_refusals_repeat(struct late_refusals *);
