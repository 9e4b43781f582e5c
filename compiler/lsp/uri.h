/* file: URIs (RFC 8089) and paths. Texts belong to the arena. */
#pragma once
#include "base/arena.h"

/* NULL where it names no file of this machine by an absolute path */
const char *uri_path(struct arena *, const char *uri);
const char *uri_of_path(struct arena *, const char *path);
