/* Parts of --vmm none, in files of their own. */
#pragma once
#include "vmm/vmm.h"

/* In the guest's namespaces (vmm_none_mounts.c): /proc, /sys, resolv.conf, and what must not be reached. 0 or -errno with a
 * line on standard error. */
int vmm_none_set_up_mounts(const struct vmm_start *);
