/* The result of the plugins before ours in the chain: what the pod was given. */
#pragma once
#include "cni/cni.h"
#include "core/pod.h"

/* The addresses of the pod's link and its gateway, from prevResult; CNI_FINE, or the exit status with the error printed. */
int cni_result_read(const struct cni_call *, struct run_pod *out);
/* The nameservers of the pod's resolv.conf: of runtimeConfig.dns, else of prevResult, else the host's; as addresses */
int cni_result_dns(const struct cni_call *, struct run_pod *out);
/* A route of prevResult's; of the main table, whichever link it is over */
struct cni_route {
	struct addr_prefix destination;
	bool has_gateway;
	struct addr gateway;
};
struct cni_routes {
	struct cni_route *items;
	size_t count, cap;
};
/* Of the call's arena; CNI_FINE, or the exit status with the error printed */
int cni_result_routes(const struct cni_call *, struct cni_routes *out);
/* The link's MAC as prevResult has it, or NULL */
const char *cni_result_mac(const struct cni_call *);
/* prevResult as our own result, in the call's version, with the link's MAC. The caller's */
json_t *cni_result_make(const struct cni_call *, const struct run_pod *);
