/* What the agent makes of the command's root directory before the command starts: it may be a file system of the user's. */
#pragma once
#include <limits.h>

/* Puts an /etc/hosts over that of `root`, links followed inside of it, which has the lines of AGENT_HOSTS whose names are
 * lacking. The file system keeps its own. -1 with errno where that failed. */
int root_complete_hosts(const char *root);

/* In the command's root directory: makes `path` where it is missing, and goes there. -1 with errno where that failed. */
int root_workdir(const char *path);

/* Mounts what AGENT_VOLUMES says, in `root`, where each directory is made if it is missing. -1 with a line on the console. */
int root_mount_volumes(const char *root, char **volumes);
/* The device of a disk by its serial number: their order is nobody's promise. -1 with errno where there is none. */
int root_disk(const char *serial, char device[static PATH_MAX]);
