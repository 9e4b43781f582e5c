/* The network sysctls that the sandbox's safety rests on, each set explicitly: a new network namespace inherits the host's
 * values, hostile ones too. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* In the VM's namespace, before any link exists. 0 or -errno with a line on standard error. */
int sysctl_set_sandbox(void);
/* In the host's namespace, for the sandbox's host link, while it is still down. */
int sysctl_set_host_link(const char *link);
/* In a pod's sandbox, for its links, of which the other settings are the namespace's. 0 or -errno with a line on standard error */
int sysctl_set_pod_links(void);
/* In there: do forwarding and what was set for links still hold? false: `wrong` says which does not */
bool sysctl_pod_holds(char *wrong, size_t size);

/* One value under /proc/sys/net, read or written in the calling thread's namespace. 0 or -errno, silently. */
int sysctl_write(const char *path, const char *value);
int sysctl_read(const char *path, char *value, size_t size);
bool sysctl_exists(const char *path);
