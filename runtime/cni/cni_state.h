/* What the plugin remembers of a pod's link, from ADD to DEL: /run/msb-cni/CONTAINER@LINK, root's alone. */
#pragma once
#include "cni/cni.h"
#include "core/pod.h"

#define CNI_STATE_DIRECTORY POD_DIRECTORY

struct cni_state {
	const char *network, *container, *link;
	const char *name;           /* the sandbox's: run_name_valid() */
	pid_t supervisor, launcher; /* 0: not in force yet */
};

/* Makes the directory where it is not there; a descriptor, or -errno. -EPERM: it is open to others */
int cni_state_directory(void);
/* What the sandbox of this call's is called */
const char *cni_state_name(const struct cni_call *, const char *pod_namespace, const char *pod_name);
/* 0, -ENOENT, or -errno; texts are the call's arena's. `container` and `link` are words */
int cni_state_read(const struct cni_call *, const char *container, const char *link, struct cni_state *out);
int cni_state_write(const struct cni_call *, const struct cni_state *);
void cni_state_remove(const struct cni_state *); /* with its log */
/* The log of a pod's processes, emptied; what is in it, of the arena. A descriptor or -errno; NULL where there is none */
int cni_state_log(const struct cni_state *);
const char *cni_state_log_text(const struct cni_call *, const struct cni_state *);
/* What calls that were killed have left beside states, of any network */
void cni_state_sweep(const struct cni_call *);
/* All there are; `each` ends it early with a value other than 0 */
int cni_state_each(const struct cni_call *, int (*each)(const struct cni_call *, const struct cni_state *));
