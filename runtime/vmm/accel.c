/* Whether KVM can be used, and the rate of the time stamp counter. */
#include "vmm/accel.h"
#include "core/fd.h"
#include "core/log.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#ifdef __x86_64__
#include <x86intrin.h>
#endif

#define TSC_SAMPLE_NS 5000000

bool accel_processor_can(FILE *cpuinfo)
{
	CLEANUP_FREE char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, cpuinfo) > 0) {
		char *save = NULL;
		if (strncmp(line, "flags", 5))
			continue;
		for (char *flag = strtok_r(line, " \t\n", &save); flag; flag = strtok_r(NULL, " \t\n", &save))
			if (!strcmp(flag, "vmx") || !strcmp(flag, "svm"))
				return true;
	}
	return false;
}

const char *accel_kvm_unusable(void)
{
	CLEANUP_FD int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	static char why[64];

	if (kvm < 0) {
		snprintf(why, sizeof why, "/dev/kvm: %s", strerror(errno));
		return why;
	}
	FILE *cpuinfo = fopen("/proc/cpuinfo", "re");
	bool can = cpuinfo && accel_processor_can(cpuinfo);
	if (cpuinfo)
		fclose(cpuinfo);
	return can ? NULL : "no vmx or svm in /proc/cpuinfo";
}

int accel_choose(enum accel_kind asked)
{
	const char *why = asked == ACCEL_TCG ? NULL : accel_kvm_unusable();

	if (asked == ACCEL_KVM && why) {
		log_error("no usable KVM (%s)", why);
		log_help("--accel tcg, which is slower");
		return -1;
	}
	if (why)
		log_line("no usable KVM (%s): using TCG, slower", why);
	return asked == ACCEL_TCG || why ? ACCEL_TCG : ACCEL_KVM;
}

#ifdef __x86_64__
static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint32_t accel_tsc_khz(void)
{
	uint64_t start_ns = now_ns(), start = __rdtsc(), end_ns;

	do
		end_ns = now_ns();
	while (end_ns - start_ns < TSC_SAMPLE_NS);
	return (uint32_t)((__rdtsc() - start) * 1000000 / (end_ns - start_ns));
}
#else
uint32_t accel_tsc_khz(void)
{
	return 1000000; /* TCG counts nanoseconds where the host has no such counter */
}
#endif
