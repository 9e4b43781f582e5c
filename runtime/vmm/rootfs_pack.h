/* A directory becomes an ext4 image. */
#pragma once

/* The image, without a name, readable and writable; or -errno with a line on standard error. Nothing of it is
 * left behind once its descriptor is closed. */
int rootfs_pack(int directory);
