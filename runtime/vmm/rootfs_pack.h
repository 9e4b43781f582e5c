/* A directory becomes an ext4 image. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

struct rootfs_pack {
	const char *option, *path; /* for messages: "--rootfs", and what the user called the directory */
	int directory;
	bool repack; /* do not look for an image of an earlier run */
	bool full;   /* without room for more: it will be read only */
	/* Who reads the directory: root, who may read all of it, or another user, without further groups. What that one cannot
	 * read is an error. */
	uid_t uid;
	gid_t gid;
};

/* The image, without a name, readable and writable; or -errno with a line on standard error. Nothing of it is
 * left behind once its descriptor is closed, but a copy in the cache (rootfs_cache.h), which is used again while the
 * directory is what it was. On a terminal, packing that takes long shows how far it is. */
int rootfs_pack(const struct rootfs_pack *);
