/* Two steps of the set-up: the links as they are made, all down, and with addresses, neighbours, routes and up. 0 or -errno, reported */
#pragma once
#include "sandbox/setup.h"

int sandbox_make_links(struct sandbox *);
/* The uplink, the bridge and the tap by their names, whose tap is put into the bridge. 0 or -errno, not reported */
int sandbox_find_links(struct sandbox *);
int sandbox_open_links(struct sandbox *);
