/* The network sysctls that the sandbox's safety rests on, each set explicitly: a new network namespace inherits the host's
 * values, hostile ones too. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* In the VM's namespace, before any link exists. 0 or -errno with a line on standard error. */
int sysctl_set_sandbox(void);
/* In the host's namespace, for the sandbox's host link, while it is still down. */
int sysctl_set_host_link(const char *link);

/* One value under /proc/sys/net, read or written in the calling thread's namespace. 0 or -errno, silently. */
int sysctl_write(const char *path, const char *value);
int sysctl_read(const char *path, char *value, size_t size);
bool sysctl_exists(const char *path);
