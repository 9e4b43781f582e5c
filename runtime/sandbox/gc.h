/* What killed sandboxes have left on the host: removed, and nothing else is. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum gc_kind {
	GC_LINK,       /* a host link whose sandbox is dead: somebody else holds the namespace at its other end */
	GC_FORWARDING, /* a link of the host's that forwards since a sandbox had it to, while none lives */
	GC_CGROUP,     /* a cgroup of one */
	GC_DIRECTORY,  /* a run directory of a name that no sandbox has */
};
struct gc_item {
	enum gc_kind kind;
	const char *name; /* of the link, the directory; a cgroup's path */
	bool unsure;      /* of a link: its sandbox may be starting, so it is left alone */
	int error;        /* 0, or why it could not be removed */
};

/* In the host's network namespace, by root. dry: only looks. Sandboxes may start and end meanwhile. `each` keeps no pointer. 0, or
 * -errno where the host could not be looked at, and what for in *what. */
int gc_run(bool dry, void (*each)(const struct gc_item *, void *), void *context, const char **what);
