/* Parts of --vmm none, each run in the guest's namespaces. 0 or -errno with a line on standard error. */
#pragma once
#include "vmm/vmm.h"

int none_set_up_network(const struct vmm_start *); /* eth0 and its routes */
int none_set_up_mounts(const struct vmm_start *);  /* /proc, /sys, resolv.conf, what must not be reached */
int none_drop_capabilities(bool keep_net_admin);
