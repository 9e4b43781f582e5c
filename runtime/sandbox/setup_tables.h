/* Two steps of the set-up, in this order, before a link is up. 0 or -errno, reported */
#pragma once
#include "sandbox/setup.h"

int sandbox_install_policy(struct sandbox *);
int sandbox_install_host_table(struct sandbox *);
