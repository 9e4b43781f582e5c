/* What QEMU gets for each -v: the socket of a virtiofsd, or where there is no such program a read-only image. */
#pragma once
#include "core/config.h"

struct guest_volumes {
	size_t count;
	struct guest_volume {
		int socket; /* QEMU's end of virtiofsd's, connected; or -1 */
		int image;  /* ext4, to be read; or -1 */
		int pidfd;  /* virtiofsd's: readable once it is dead; or -1 */
	} items[VOLUMES_MAX];
};

/* Starts the processes; `errors` is what they have as standard output and error. 0, or -errno with a line on standard error;
 * either way guest_volumes_close() is due, after which what QEMU has keeps on. */
int guest_volumes_open(const struct run_config *, int errors, struct guest_volumes *out);
void guest_volumes_close(struct guest_volumes *);
/* The virtiofsd of this host, or NULL */
const char *guest_volumes_program(void);
