/* The capabilities of processes that stay root (isolation.h, level 1). */
#pragma once
#include <stddef.h>

/* Keeps these (CAP_…) and no others, now and for good, without the environment: no gain by exec, no core dump, not
 * traceable by its uid. 0 or -errno */
int capabilities_keep(const unsigned *capabilities, size_t count);
/* Keeps these and no others through exec; nothing else changes. 0 or -EPERM */
int capabilities_keep_through_exec(const unsigned *capabilities, size_t count);
/* Gives these up for good, itself and what it executes. 0 or -EPERM */
int capabilities_drop(const unsigned *capabilities, size_t count);
