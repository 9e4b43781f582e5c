/* The DNS worker process: from fork to its end. */
#pragma once
#include "dns/dns_proxy.h"

#include <sys/types.h>

/* In the child, after fork, still privileged: keeps the sockets and nothing else, and serves until the supervisor is gone. */
_Noreturn void dns_worker(const struct proxy_config *, const struct proxy_sockets *, uid_t uid);
