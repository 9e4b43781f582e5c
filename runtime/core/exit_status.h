/* Exit statuses of msb-run that are not the command's. */
#pragma once

#define EXIT_STATUS_FAILED 125 /* our own failure: the command did not run, or its end is not known */
