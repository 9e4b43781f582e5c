/* inotify that is a sandbox's own. The kernel counts instances by user and lets each have few (fs.inotify.max_user_instances, 128 where
 * nobody says otherwise): hundreds of sandboxes would leave none to root's other programs. */
#pragma once
#include <sys/types.h>

/* Counted for that uid: a descriptor, non-blocking and close-on-exec, or -errno; -EMFILE where the uid has too many. Takes CAP_SETUID;
 * of a parent that ends meanwhile see changed_ids.h. */
int own_inotify(uid_t);
