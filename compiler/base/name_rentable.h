/* Suffixes under which anybody can have a name for little or nothing: a site, a bucket, a function. */
#pragma once

/* The suffix that is `name` (canonical) or lies below it, the shortest such: "s3.amazonaws.com" for "amazonaws.com",
 * "github.io" for itself, "*.compute.amazonaws.com" for "compute.amazonaws.com". NULL: none is known */
const char *name_rentable_below(const char *name);
