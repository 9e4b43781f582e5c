/* Working in a directory with its owner's rights, not with root's: what is done there is what the owner could have done. */
#pragma once
#include "isolation/changed_ids.h"

struct as_owner {
	int uid, gid; /* of this thread's file accesses before */
	struct changed_ids changed;
};
/* `directory`: a descriptor, O_PATH will do. 0 or -errno; after 0, as_owner_end() puts things back. Takes CAP_SETUID and CAP_SETGID
 * where the owner is another. A parent that ends in between (changed_ids.h) the caller sees on a channel. */
int as_owner_begin(struct as_owner *, int directory);
void as_owner_end(const struct as_owner *);
