/* Network namespaces, entered and left by the calling thread. */
#pragma once
struct sandbox;

/* The thread's own; a new one, which becomes the thread's: a descriptor or -errno */
int netns_open(void);
int netns_new(void);
int netns_enter(int fd);
/* Calls `act` in the host's namespace, and has what it gives in *result. Not 0, and said: there is no way there, or none back. */
int netns_in_host(struct sandbox *, int (*act)(struct sandbox *), int *result);
