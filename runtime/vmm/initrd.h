/* The files of one start: a newc cpio archive that follows the base image in the guest's initrd. */
#pragma once
#include "vmm/guest_volumes.h"
#include "vmm/vmm.h"

#include <stddef.h>
#include <sys/ioctl.h>

struct initrd_run {
	const struct vmm_start *start;
	const struct winsize *terminal;      /* NULL: the command gets pipes */
	const char *term;                    /* the value of TERM, or NULL */
	bool has_rootfs;                     /* on the disk that is called QEMU_ROOT_NAME */
	const struct guest_volumes *volumes; /* or NULL */
};

/* The archive in new memory, *out (the caller's to free) of *size bytes, for runtime/guest/init.c and agent.c.
 * -errno on failure. */
int initrd_make(const struct initrd_run *, char **out, size_t *size);
