/* Options that say what the command finds in its guest, in the form that `docker run` has them. Each reader returns NULL, or
 * what it wants instead of `value`; what it keeps belongs to the arena or is `value` itself. */
#pragma once
#include "core/config.h"

/* NAME=VALUE, or NAME: as the caller's environment has it, if it does. The last one of a name stays. */
const char *guest_option_env(struct arena *, struct run_config *, const char *value);
const char *guest_option_workdir(struct run_config *, const char *value);
/* HOST:GUEST, HOST:GUEST:ro or HOST:GUEST:rw */
const char *guest_option_volume(struct arena *, struct run_config *, const char *value);
