/* A policy's file by the name that a pod has for it. */
#pragma once
#include "base/arena.h"

#include <stdbool.h>

/* The path of `name` (with .msb behind it, unless it ends so) below the absolute directory, into the arena; NULL: *why says why
 * not, and *missing whether the file, or its directory, is merely not there. */
const char *cni_policy_file(struct arena *, const char *directory, const char *name, const char **why, bool *missing);
