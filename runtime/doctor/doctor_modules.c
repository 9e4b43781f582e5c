/* Where a module of the kernel is: loaded, built in, beside the kernel, or nowhere. By kmod's own lists, which depmod writes. */
#include "core/fd.h"
#include "doctor/doctor.h"

#include <string.h>
#include <sys/utsname.h>

/* kmod takes - and _ for the same */
static bool same_name(const char *a, const char *b, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (a[i] != b[i] && !(strchr("-_", a[i]) && strchr("-_", b[i])))
			return false;
	return true;
}

/* A line begins with "kernel/net/netfilter/nft_tproxy.ko", or that with .xz, .zst */
static bool line_is(const char *line, const char *module)
{
	size_t path = strcspn(line, ": \n"), len = strlen(module);
	const char *name = line;

	for (const char *slash; (slash = memchr(name, '/', path - (size_t)(name - line)));)
		name = slash + 1;
	return path - (size_t)(name - line) > len + 2 && same_name(name, module, len) && !strncmp(name + len, ".ko", 3);
}

static bool is_listed(const char *list, const char *module)
{
	CLEANUP_FREE char *line = NULL;
	struct utsname system;
	char path[sizeof system.release + 64];
	size_t size = 0;
	bool found = false;

	uname(&system);
	snprintf(path, sizeof path, "/lib/modules/%s/%s", system.release, list);
	FILE *file = fopen(path, "re");
	while (file && !found && getline(&line, &size, file) > 0)
		found = line_is(line, module);
	if (file)
		fclose(file);
	return found;
}

static bool may_load(void)
{
	char disabled[4] = "0";
	FILE *file = fopen("/proc/sys/kernel/modules_disabled", "re");

	if (file) {
		if (!fgets(disabled, sizeof disabled, file))
			disabled[0] = '0';
		fclose(file);
	}
	return disabled[0] == '0';
}

void doctor_help_module(struct doctor_finding *finding, const char *module, const char *config)
{
	struct utsname system;
	char path[96];

	uname(&system);
	snprintf(path, sizeof path, "/sys/module/%s", module);
	if (access(path, F_OK) == 0)
		doctor_help(finding,
			    "module %s is loaded, but this kernel is too old, or was built without a part of it",
			    module);
	else if (is_listed("modules.builtin", module))
		doctor_help(finding, "%s is part of this kernel, which is too old, or was built without a part of it",
			    module);
	else if (!is_listed("modules.dep", module))
		doctor_help(finding, "this kernel has no module %s (%s; none in /lib/modules/%s): another kernel",
			    module, config, system.release);
	else if (!may_load())
		doctor_help(finding,
			    "module %s is there, but kernel.modules_disabled is 1: reboot, and load it before "
			    "that is set",
			    module);
	else
		doctor_help(finding, "modprobe %s; for every boot: echo %s > /etc/modules-load.d/msb.conf", module,
			    module);
}
