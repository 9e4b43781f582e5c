/* QEMU's command line, from what it is to be: pure, so that a test can read it. */
#pragma once
#include "base/arena.h"
#include "core/config.h"
#include "vmm/guest_volumes.h"

enum qemu_disk_format { QEMU_DISK_NONE, QEMU_DISK_RAW, QEMU_DISK_QCOW2 };

/* By which the guest tells them apart: serial numbers of disks, tags of file systems */
#define QEMU_ROOT_NAME "msb-root"
#define QEMU_VOLUME_NAME "msb-volume%zu"

/* Paths are those that QEMU sees; descriptors are those that it inherits, -1 where there is none. */
struct qemu_config {
	const char *program;
	enum accel_kind accel; /* ACCEL_KVM or ACCEL_TCG */
	uint32_t tsc_khz;      /* the rate of the guest's time stamp counter under TCG, see accel_tsc_khz() */
	uint32_t memory_mib, cpus;
	bool verbose; /* the kernel writes more than errors to its console */
	const char *kernel;
	bool known_kernel;  /* the default guest's, whose options are known */
	const char *initrd; /* NULL: none */
	int tap;            /* opened without IFF_VNET_HDR */
	uint8_t mac[6];
	uint16_t mtu;              /* told to the guest's driver; 0: not */
	int console;               /* a stream socket for the serial console */
	int events;                /* one for QMP, which tells how the guest ends */
	int in, out, err, control; /* stream sockets for the agent's ports; -1, all of them: a guest without it */
	enum qemu_disk_format disk_format;
	int disk;
	const struct guest_volumes *volumes; /* or NULL */
};

/* NULL-terminated, in the arena. */
char **qemu_argv(struct arena *, const struct qemu_config *);
