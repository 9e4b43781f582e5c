/* The launcher: what the user started. It starts the table owner and the supervisor, forwards signals to the guest, and
 * ends with the guest's exit status. It is single-threaded, and its death ends the sandbox. */
#pragma once
#include "core/config.h"

/* The exit status of msb-run. */
int launcher_run(const struct run_config *);
