/* What one `msb-run` was asked to do: run/config.c fills it from argv, nothing changes it afterwards. */
#pragma once
#include "core/pod.h"
#include "policy/options.h"

#include <sys/types.h>

enum vmm_kind { VMM_QEMU, VMM_NONE };
enum accel_kind { ACCEL_AUTO, ACCEL_KVM, ACCEL_TCG };

/* A directory of the host's in the guest: -v */
struct run_volume {
	const char *host, *guest; /* guest: an absolute path */
	bool read_only;
};
#define RUN_EVENTS_MAX 4
#define VOLUMES_MAX 4 /* as a microvm has room for devices */

struct run_config {
	const struct policy *policy; /* resolved, without errors */
	const char *name;            /* run_name_valid(); never NULL, made up where not given */
	bool has_control_group;      /* who may speak to it by msb-ctl, besides root */
	gid_t control_group;
	uint32_t memory_mib, cpus;
	/* What bounds all of it on the host; 0: no limit */
	uint64_t memory_max;                  /* bytes */
	uint32_t cpus_max, pids_max;          /* hundredths of a processor; processes and threads */
	const char *cgroup_parent;            /* "msb.slice": from each hierarchy's top on; NULL: our own cgroup */
	const char *kernel, *initrd, *rootfs; /* NULL: the embedded default guest */
	enum accel_kind accel;
	enum vmm_kind vmm;
	const char *events[RUN_EVENTS_MAX + 1]; /* files, - for standard output, "journald"; NULL-terminated */
	uint64_t events_size;                   /* bytes of such a file; 0: no bound */
	uint32_t events_keep;                   /* former files, where there is a bound; 0: not said */
	bool events_all;                        /* flows that are let pass, whether their rules have `log` or not */
	bool quiet, silent_deny, cap_net_admin, verbose, repack;
	const struct policy
		*bound; /* as stated, where `policy` is what enforces it and reports everything; else NULL */
	const struct policy *spared; /* of an audit: by what it lets pass; else NULL */
	const char *bound_name;      /* for messages, and the file of --learn */
	const char *learn;           /* the file for a policy of what happens; NULL: none */
	bool audit;
	bool ask;                       /* what no rule decides waits for an answer */
	bool propose_wildcards;         /* in it, as comments */
	bool watch;                     /* the policy's files, and reload when they change */
	bool suggest;                   /* at the end, the rules that would let denials pass */
	char **command;                 /* NULL-terminated; NULL: a shell */
	struct options_list dns_search; /* the guest's search domains, canonical */
	/* NAME=VALUE, no NAME twice: for the command, beside or in place of what it has anyway */
	struct options_list env;
	struct run_volume volumes[VOLUMES_MAX];
	size_t volume_count;
	const char *workdir;       /* the command's, absolute; or NULL */
	const struct run_pod *pod; /* instead of a VM; NULL: a VM or a command */
};

enum config_result { CONFIG_RUN, CONFIG_DONE /* --help, --version: printed */, CONFIG_WRONG /* reported */ };
/* argv stays the caller's; all else belongs to the arena. The policy is resolved, its findings printed. */
enum config_result config_parse(struct arena *, int argc, char **argv, struct run_config *);
