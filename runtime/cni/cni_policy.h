/* Which policy a pod gets, and what its policy is told of the cluster.
 *
 * The network configuration may hold
 *     "policy": "web.msb"               a file below `policies`, for pods that name none
 *     "rules": ["allow@dns", …]         instead of it, or in front of it
 *     "policies": "/etc/msb/policies"   the directory of policies, which this is unless given
 *     "floors": "/etc/msb/floors"       of floors, one a namespace: NAMESPACE.msb
 *     "floor": "jobs"                   a file below them, which all pods of the network have to pass
 *     "clusterNetworks": {"pods": ["10.244.0.0/16"], "services": ["10.96.0.0/12"]}
 *     "clusterDomain": "cluster.local"  this unless given: names below it are in these networks (--dns-cluster)
 *     "searchDomains": ["svc.cluster.local"]   else those of runtimeConfig.dns
 * Rules name the networks cluster-pods and cluster-services (--net-group).
 *
 * The policy is, the first that there is: the pod's, by its annotation msb.dev/policy or MSB_POLICY in CNI_ARGS (both must
 * say the same); the configuration's; else all is denied. A pod only names a file below `policies`, and only where a floor bounds
 * it: the network's, or that of its namespace (K8S_POD_NAMESPACE). These hold whichever policy it gets. The host's own floor
 * is the caller's to add, by host_floor_take() on the options.
 *
 * A policy or floor is opened beneath its directory, through no link, and is a regular file of root's that nobody else may
 * write; nor may anybody else write to a directory between, or to that one. Members of objects are compared without case where runtimes write them. */
#pragma once
#include "policy/options.h"

#include <jansson.h>

#define CNI_POLICY_ANNOTATIONS "io.kubernetes.cri.pod-annotations" /* of runtimeConfig */

/* The specification's codes */
enum cni_policy_code { CNI_POLICY_BAD_ENVIRONMENT = 4, CNI_POLICY_BAD_CONFIG = 7, CNI_POLICY_REFUSED = 100 };

struct cni_policy_error {
	unsigned code;
	const char *message; /* what is wrong, where, and what to do */
};

struct cni_policy {
	struct policy_options options; /* floors, groups, clusters and rules among them; its arena is the caller's */
	const char *file;              /* as options_resolve() takes it; NULL: none */
	const char *
		chosen_by; /* "the pod's annotation", "CNI_ARGS", "the network configuration", "no policy: all is denied" */
	const char *pod_namespace, *pod_name, *pod_uid; /* of CNI_ARGS, NULL where it has none */
	struct options_list search;                     /* domains: run_config's dns_search */
};

/* `args` is CNI_ARGS, or NULL. Texts of *out are the arena's. false: *error says why, *out is of no use and the pod must have no
 * network. Nothing is resolved here: options_resolve() tells of mistakes in files and networks. */
bool cni_policy_choose(struct arena *, const json_t *config, const char *args, struct cni_policy *out,
		       struct cni_policy_error *error);

/* The object's member, its key compared without case where it has none of just that key; NULL: none, or no object */
json_t *cni_policy_member(const json_t *object, const char *key);
