/* The guest's links, by rtnetlink. Each returns -1 with errno where the kernel refused. */
#pragma once

int network_up(const char *link);
/* "172.16.0.2/30", of either family */
int network_address(const char *link, const char *address);
int network_default_route(const char *link, const char *gateway);
