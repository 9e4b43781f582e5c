/* /run/msb: what sandboxes of this host note for each other. Only root may look into it. */
#pragma once

#define RUN_DIRECTORY "/run/msb"

/* A descriptor of it, made where it is not there; or -errno with a line on standard error: also where what is there is
 * a link, another's, or open to others. */
int run_directory_open(void);
