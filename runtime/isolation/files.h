/* Landlock: what of the file system a process may open, from then on and for good. */
#pragma once

/* Nothing but to read what is in that directory: no file elsewhere, no writing, no executing. Connecting to sockets is not bounded by
 * it. What is open stays open. 0; -EOPNOTSUPP where the kernel has no Landlock; or another -errno */
int files_read_only(int directory);
