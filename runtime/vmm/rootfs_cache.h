/* Packed directories of earlier runs, in /var/cache/msb: root's alone, few, the least recently used go first. What cannot be
 * kept is said, and no failure. */
#pragma once
#include "vmm/rootfs_scan.h"

/* A copy of the image for this digest, without a name, readable and writable; -ENOENT where there is none, or another -errno. */
int rootfs_cache_find(const unsigned char digest[static ROOTFS_DIGEST]);
/* Keeps a copy of the image for this digest, in place of one that is there. */
void rootfs_cache_keep(const unsigned char digest[static ROOTFS_DIGEST], int image);
/* An image without a name, empty. -errno on failure */
int rootfs_cache_new_image(void);
