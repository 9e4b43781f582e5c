/* Where events go: --events, several times, and the bounds of a file. Each reader returns NULL, or what it wants instead of `value`, which
 * must outlive the configuration. */
#pragma once
#include "core/config.h"

const char *events_option_target(struct run_config *, const char *value);
const char *events_option_size(struct run_config *, const char *value);
const char *events_option_keep(struct run_config *, const char *value);
/* NULL, or what does not go together */
const char *events_options_agree(const struct run_config *);
