/* A directory that is to be packed, looked at without trusting it: how large it is, and whether it is what it was. */
#pragma once
#include <stdint.h>

#define ROOTFS_VIEW "/tmp" /* what the directory covers, in a mount namespace of the caller's own */
#define ROOTFS_DIGEST 32

struct rootfs_scan {
	uint64_t bytes, inodes; /* of an ext4 image that holds it, without room for more */
	/* SHA-256 over the path, kind, mode, owner, size, times, inode, device and link target of each entry. What is written
	 * to a file sets its ctime, which nobody can set back. */
	unsigned char digest[ROOTFS_DIGEST];
};

/* In a process of one's own: a mount of the directory at ROOTFS_VIEW, in which no symbolic link is followed, no device opens
 * and nothing is written: whoever changes the directory meanwhile cannot lead us to a file outside. 0 or -errno. */
int rootfs_scan_view(int directory);

/* Waits until no entry is so young that a further change could leave its times as they are. 0 or -errno. */
int rootfs_scan(int directory, struct rootfs_scan *out);
