/* The host's end of a -v: its directory, opened with the caller's rights. */
#pragma once
#include "core/config.h"

#include <sys/types.h>

struct volume {
	int tree; /* a mount of the directory and what is mounted in it, nowhere yet; read only where asked for */
	uid_t uid;
	gid_t gid; /* whose rights the guest has in it */
};

/* Those rights are the caller's: of who called sudo, else our own; but where we are root by ourselves, those of the
 * directory's owner. `links`: whether symbolic links in it are followed. 0, or -errno with a line on standard error; *out is
 * unchanged then. */
int volume_open(const struct run_volume *, bool links, struct volume *out);
