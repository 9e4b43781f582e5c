/* Two steps of the set-up: the first before any namespace is made, the second before the firewall. 0 or -errno, reported */
#pragma once
#include "sandbox/setup.h"

int sandbox_ask_nat64(struct sandbox *);
int sandbox_take_nat64(struct sandbox *);
