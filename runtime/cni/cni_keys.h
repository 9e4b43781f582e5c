/* The keys of the network configuration and their types: one that is mistyped would leave a floor out. */
#pragma once
#include "cni/cni.h"

/* CNI_FINE, or the exit status with the error printed. Keys of others have a `/` in them. */
int cni_keys_check(const struct cni_call *);
