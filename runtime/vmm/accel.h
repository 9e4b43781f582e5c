/* Which accelerator QEMU gets. */
#pragma once
#include "core/config.h"

#include <stdio.h>

/* Whether /proc/cpuinfo, read from `cpuinfo`, has a flag for running guests; given to it by tests. Opening /dev/kvm does
 * not tell: it can be there on a machine where guests then hang. */
bool accel_processor_can(FILE *cpuinfo);

/* NULL, or why KVM cannot be used: valid until the next call */
const char *accel_kvm_unusable(void);

/* ACCEL_KVM or ACCEL_TCG for what was asked for; falling back to TCG is reported. -1 and an error reported where KVM was
 * asked for and cannot be used. */
int accel_choose(enum accel_kind asked);

/* The rate of this machine's time stamp counter, measured in a few milliseconds: TCG gives it to guests as it is. */
uint32_t accel_tsc_khz(void);
