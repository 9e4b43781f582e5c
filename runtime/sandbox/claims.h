/* What no two sandboxes of a host may share: a name, and the uids of their processes. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Each has a uid of its own, also its gid, and of each sandbox another */
enum role { ROLE_DNS, ROLE_NAT64, ROLE_RELAY, ROLE_NAMES, ROLE_DHCP, ROLE_VMM, ROLE_STREAMS };

struct claims {
	int fd;    /* the claims hold until its last copy is closed */
	uid_t uid; /* of the first role; those of the other roles follow */
};

/* 0, or -errno with a line on standard error: also where a sandbox of that name is running. */
int claims_take(const char *name, struct claims *out);
/* Whether a sandbox of that name is running, told from the claims in the run directory `directory`: 1, 0 or -errno. */
int claims_is_taken(int directory, const char *name);

/* For who is no sandbox, silently, in the run directory `directory`. Takes the claim of a name for a moment, in which no sandbox of that
 * name can start: a descriptor that holds it, -EAGAIN where a sandbox has it, or another -errno. */
int claims_hold_name(int directory, const char *name);
/* Does any sandbox run that shares this run directory? Where that cannot be told, one does. */
bool claims_any(int directory);
