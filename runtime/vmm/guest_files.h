/* Where a guest's kernel and initrd come from. */
#pragma once
#include "core/config.h"

struct guest_files {
	int kernel, initrd; /* opened to read; initrd -1: none */
	bool agent;         /* the default guest: its initrd has our agent */
	bool tree;          /* kernel is a mount of the file, of open_tree(), which need not be copied */
};

/* --kernel and --initrd, else the default guest: in guest/ beside the program, as `make` leaves it, or where
 * `make install` puts it. 0, or -errno with a line on standard error; nothing is open then. */
int guest_files_open(const struct run_config *, struct guest_files *out);
