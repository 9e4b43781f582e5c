/* The guest's disk, from --rootfs: an image, or a directory packed into one. */
#pragma once
#include "vmm/qemu_argv.h"

/* --rootfs: an image is opened to read and write, with the caller's rights, and locked against a second guest. Its format
 * is never probed: FILE.qcow2 is qcow2, anything else is raw. A qcow2 image that refers to another file is
 * refused. A directory goes into an ext4 image that has no name and ends with the guest: what the guest writes
 * is lost. 0 with a descriptor in *out, or -errno with a line on standard error. */
int rootfs_open(const struct run_config *, int *out, enum qemu_disk_format *format);

/* NULL, or why an image with these first bytes is refused as qcow2; exported for tests. */
const char *rootfs_qcow2_problem(const unsigned char *header, size_t size);
