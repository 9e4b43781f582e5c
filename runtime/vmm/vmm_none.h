/* --vmm none: COMMAND's init, and its parts in files of their own. */
#pragma once
#include "vmm/vmm.h"

/* The init while it prepares COMMAND's namespaces, beside whoever started it, and then waits to be told to start COMMAND. It ends
 * where `channel` does. */
struct vmm_none_init {
	pid_t pid;
	int pidfd, channel;
};
/* 0 or -errno, with a line on standard error. The first leaves the guest's link down on the VM's side; the second waits for what the
 * first began, and for the links, and starts COMMAND. */
int vmm_none_prepare(const struct vmm_start *, struct vmm_none_init *out);
int vmm_none_start(struct vmm_none_init *, const struct vmm_start *, struct vmm *out);

/* In the guest's namespaces (vmm_none_mounts.c): /proc, /sys, resolv.conf, and what must not be reached. 0 or -errno with a
 * line on standard error. */
int vmm_none_set_up_mounts(const struct vmm_start *);
#define VMM_NONE_RESOLV_CONF "/etc/resolv.conf"
/* Puts one that names the gateway and the search domains over it, by a file system that covers `directory` for a moment. 0 or -errno; -ENOENT where
 * there is nothing to put it over */
int vmm_none_cover_resolv_conf(const struct vmm_start *, const char *directory);
/* In the supervisor's namespaces, before it drops capabilities: forks a process that does so again in the guest's mount
 * namespace whenever the host has replaced the file. 0 or -errno */
int vmm_none_keep_resolv_conf(const struct vmm_start *, int mount_namespace);
/* Before that: the directories of -v, at places that the host has. 0 or -errno with a line on standard error. */
int vmm_none_mount_volumes(const struct vmm_start *);
/* Also there, while /proc can still be covered (vmm_none_hosts.c): the guest's name, and an /etc/hosts that has it and localhost.
 * 0 or -errno with a line on standard error; a host without /etc/hosts is reported, and no failure. */
int vmm_none_set_hosts(const struct vmm_start *);
