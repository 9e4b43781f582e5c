/* Names that a person takes for others: UTS 39's skeletons, and labels whose letters are of scripts that no language
 * writes together. Names are canonical, A-labels. */
#pragma once
#include "base/arena.h"

#include <stdbool.h>

/* Two names look alike where their skeletons are equal: "g1thub.com" and "github.com" are not, "paypa1.com" and
 * "paypal.com" are. Of no use but to compare. */
const char *name_skeleton(struct arena *, const char *name);
/* The ASCII name that an internationalised one looks like: "github.com" with a Cyrillic letter in it is "github.com". NULL
 * where it is ASCII, or looks like none */
const char *name_plain(struct arena *, const char *name);
/* As a reader sees it: U-labels */
const char *name_shown(struct arena *, const char *name);
/* A label outside of the highly restrictive profile (UTS 39, 5.2): its scripts, "Latin and Cyrillic"; NULL: none */
const char *name_mixed_scripts(struct arena *, const char *name);
/* The part of it that somebody registered, "github.com" of "api.github.com": it lies in `name`; NULL where there is none */
const char *name_registrable(const char *name);
/* The name of the short list of those that are worth imitating whose skeleton this is, or NULL */
const char *name_well_known(const char *skeleton);
