/* CHECK of a pod's network: what ADD made is compared with prevResult, in the pod and in the namespace between. More than that may
 * be there: plugins behind this one add to it. */
#pragma once
#include "cni/cni_state.h"
#include "core/pod.h"

/* `pod` as cni_result_read() has it, `netns` the pod's. CNI_FINE, or the exit status with an error printed that says what differs */
int cni_check_links(const struct cni_call *, const struct cni_state *, const struct run_pod *, int netns);
