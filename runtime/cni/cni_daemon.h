/* The processes that outlive ADD: msb-run's, with a pod in place of a VM. */
#pragma once
#include "cni/cni.h"
#include "core/pod.h"

/* Starts them in a session of their own, with nothing of the caller's open but `log`, which is their standard error; waits until
 * the policy is in force or they have failed. false: it did not come to that; ready->code says what kind of fault it was, and
 * the log which. */
bool cni_daemon_start(const struct cni_call *, struct run_pod *, const char *name, int log, struct pod_ready *ready);
