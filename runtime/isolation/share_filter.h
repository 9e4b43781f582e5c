/* For a process that writes files at a guest's wish into a directory of the host's: no file or directory becomes setuid or
 * setgid, since it would be the host's users who run it. */
#pragma once

/* With no_new_privs set; stays through exec. Such calls fail with EPERM from then on. 0 or -errno. */
int share_filter_load(void);
