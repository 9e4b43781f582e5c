/* What all sandboxes of the host, or one, have counted, in Prometheus' text format. */
#pragma once
#include "base/arena.h"

#define SCRAPE_PATIENCE_MS 1500 /* one that hangs is down after that */
/* In the arena; NULL and *error: they cannot be listed, or the one does not run. run_directory -ENOENT: no sandbox has run yet. */
const char *scrape(struct arena *, int run_directory, const char *name, int *error);
