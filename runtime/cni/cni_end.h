/* Ending a pod's sandbox. */
#pragma once
#include "cni/cni_state.h"

/* What this call's sandbox is called */
const char *cni_end_name(const struct cni_call *);
bool cni_end_is_running(const struct cni_state *);
/* The network namespace between; a descriptor, or -ESRCH: it has ended */
int cni_end_open_sandbox(const struct cni_state *);
/* In order, else by force; back when it is over. 0, or -ETIMEDOUT */
int cni_end(const struct cni_state *);
int cni_end_by_force(const struct cni_state *);
/* The pod's former link goes back to it, down, with its addresses, in place of ours; fine where either is gone */
void cni_end_give_back(const struct cni_call *, const struct cni_state *, int netns);
