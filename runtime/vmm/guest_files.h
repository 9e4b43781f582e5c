/* Where a guest's kernel and initrd come from. */
#pragma once
#include "core/config.h"

/* msb-guest is in the Debian package, and makes the default guest there */
#define MSB_GUEST_PROGRAM "/usr/sbin/msb-guest"
#define MSB_GUEST_DIRECTORY "/var/lib/msb-policy/guest"

struct guest_files {
	int kernel, initrd; /* opened to read; initrd -1: none */
	bool agent;         /* the default guest: its initrd has our agent */
	bool tree;          /* kernel is a mount of the file, of open_tree(), which need not be copied */
};

/* --kernel and --initrd, else the default guest: the first that is there of guest/ beside the program, as `make`
 * leaves it, where `make install` puts it, and where msb-guest does. 0, or -errno with a line on standard error; nothing is open then. */
int guest_files_open(const struct run_config *, struct guest_files *out);
