/* Words that several commands have for the same. Any bytes may be in them. */
#pragma once
#include "base/arena.h"

#include <jansson.h>
#include <stdint.h>

/* A member; `none` where it is not there or no text; 0 where it is no number above that */
const char *section_text(const json_t *object, const char *key, const char *none);
uint64_t section_number(const json_t *object, const char *key);
/* "127.0.0.1:8080->80/tcp", of an object of "published" */
const char *section_port(struct arena *, const json_t *);
/* How long ago a time as control_time() writes it is: "4s"; "-" where it is none */
const char *section_ago(struct arena *, const char *time);
