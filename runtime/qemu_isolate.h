/* The process that becomes QEMU: its own namespaces, a root directory with nothing but what it needs, an
 * unprivileged user. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct qemu_isolate {
	uid_t uid;  /* also its gid; it has no other group */
	int kernel; /* files opened with the caller's rights, to appear as QEMU_KERNEL and QEMU_INITRD */
	int initrd; /* -1: none */
	const char *initrd_run; /* follows the initrd, or NULL */
	size_t initrd_run_size;
	bool kvm; /* /dev/kvm is there */
};
#define QEMU_KERNEL "/kernel"
#define QEMU_INITRD "/initrd"

/* In the child, as root, before exec. 0, or -errno with a line on standard error. Descriptors are left as they
 * are. */
int qemu_isolate(const struct qemu_isolate *);
