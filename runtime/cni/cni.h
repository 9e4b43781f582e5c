/* What a container runtime asks of the plugin, and how it is answered: https://www.cni.dev/docs/spec/ */
#pragma once
#include "base/arena.h"

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#define CNI_VERSION_LATEST "1.1.0"

enum cni_code {
	CNI_FINE,
	CNI_VERSION_UNKNOWN = 1,
	CNI_ENVIRONMENT_WRONG = 4,
	CNI_IO_FAILED = 5,
	CNI_UNREADABLE = 6,
	CNI_CONFIG_WRONG = 7,
	CNI_TRY_AGAIN = 11,
	CNI_NOT_AVAILABLE = 50, /* STATUS: nothing can be added */
	CNI_LIMITED = 51,       /* STATUS: nor can what is there be relied upon */
	CNI_FAILED = 100,       /* ours from here on: the policy or the pod's network could not be put in force */
	CNI_NOT_IN_FORCE = 101, /* CHECK */
};

struct cni_call {
	struct arena *arena;
	const char *command, *container, *netns, *link, *args; /* of the environment; NULL where it has none */
	json_t *config;                                        /* of standard input */
	const char *version;                                   /* its cniVersion, one that we speak */
	const char *network;                                   /* its name */
	bool is_held;                                          /* ADD: the link is behind a policy already */
};

/* Prints the specification's error object; `code` again, which is the exit status as well, unless that is 0 */
int cni_fail(const struct cni_call *, unsigned code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The commands; the exit status, with what belongs on standard output printed */
int cni_add(struct cni_call *);
int cni_del(struct cni_call *);
int cni_check(struct cni_call *);
int cni_status(struct cni_call *);
int cni_gc(struct cni_call *);
