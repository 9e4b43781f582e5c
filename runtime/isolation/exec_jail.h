/* A process that is about to become somebody else's program (QEMU, dnsmasq): its own namespaces, a root
 * directory with nothing but what it needs, an unprivileged user (isolation.h, level 3). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct exec_jail_file {
	const char *path; /* in the new root: "/kernel" */
	int from;         /* an open file to copy, or -1 */
	const char *more; /* bytes that follow it, on a multiple of four, or NULL */
	size_t more_size;
	bool bound; /* `from` is a mount that is nowhere yet, of open_tree(), of a file that nobody but root can write: no copy */
};

/* A directory to serve, at EXEC_JAIL_SHARE: nothing above it is to be found. With it come /proc of the process's pid namespace,
 * a gid beside the uid, a user namespace in which both are root's, with all capabilities over what is theirs and nothing
 * else's, and a filter: no file becomes setuid or setgid. */
#define EXEC_JAIL_SHARE "/share"
struct exec_jail_share {
	int tree; /* a mount that is nowhere yet, of open_tree() */
	gid_t gid;
};

struct exec_jail {
	uid_t uid; /* also its gid; it has no other group */
	const struct exec_jail_file *files;
	size_t file_count;
	const char *const *devices; /* of /dev, to be there for this user alone */
	size_t device_count;
	bool own_network; /* a network namespace without links; else it stays where it is */
	/* A set of 1 << CAP_… to hold in its own user namespace, so over nothing that is there already */
	unsigned capabilities;
	const struct exec_jail_share *share; /* or NULL */
};

/* Only this user, without further groups, and no_new_privs: for a program that does with a user's rights what the user asks for.
 * 0 or -errno */
int exec_jail_become(uid_t uid, gid_t gid);
/* In the child, as root, before exec. 0, or -errno with a line on standard error. Descriptors stay as they are. */
int exec_jail_enter(const struct exec_jail *);
