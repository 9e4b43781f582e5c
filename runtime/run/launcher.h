/* The front process: what the user started. It starts the latch and the supervisor, forwards signals to the guest, and
 * ends with the guest's exit status. It is single-threaded, and its death ends the sandbox. */
#pragma once
#include "core/config.h"

#define FRONT_FAILED 125 /* our own failure, the guest did not run */

/* The exit status of msb-run. */
int front_run(const struct run_config *);
