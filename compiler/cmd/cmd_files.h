/* Directories among the file arguments. */
#pragma once
#include "cmd/cmd.h"

/* Puts in the place of each directory among the line's files the policies (*.msb) below it, in the order of their paths.
 * Not those in hidden directories or hidden themselves, and none that a link out of the directory leads to. STATUS_FINE, or
 * the status of what was reported to standard error: nothing is left out in silence. */
int cmd_files_expand(struct cmd_line *);
