/* What each option's value may be. */
#include "run/run_options.h"
#include "base/name.h"
#include "core/run_directory.h"
#include "run/events_options.h"
#include "run/guest_options.h"

#include <ctype.h>
#include <getopt.h>
#include <grp.h>
#include <string.h>

#define MIN_MEMORY_MIB 32
#define MAX_MEMORY_MIB (1u << 20)
#define MAX_CPUS 64
#define MAX_SEARCH_DOMAINS 8 /* a guest is told at most 4 KiB */

static const char *read_name(struct run_reading *reading, const char *value)
{
	if (!run_name_valid(value))
		return "1 to 32 of a-z, 0-9 and -, other than " CLAIMS_FILE;
	reading->config->name = value;
	return NULL;
}

/* A plain decimal, and what follows it */
static bool read_number(const char *value, uint64_t max, uint64_t *out, const char **rest)
{
	uint64_t number = 0;
	const char *digit = value;

	for (; isdigit((unsigned char)*digit); digit++) {
		number = number * 10 + (uint64_t)(*digit - '0');
		if (number > max)
			return false;
	}
	*out = number;
	*rest = digit;
	return digit > value;
}

static const char *read_memory(struct run_reading *reading, const char *value)
{
	static const char wanted[] = "MiB, or a size such as 512M or 2G";
	const char *unit;
	uint64_t number;

	if (!read_number(value, MAX_MEMORY_MIB, &number, &unit))
		return wanted;
	if (!strcmp(unit, "G"))
		number *= 1024;
	else if (*unit && strcmp(unit, "M") != 0)
		return wanted;
	if (number < MIN_MEMORY_MIB || number > MAX_MEMORY_MIB)
		return "32M at least, 1024G at most";
	reading->config->memory_mib = (uint32_t)number;
	return NULL;
}

static const char *read_cpus(struct run_reading *reading, const char *value)
{
	const char *rest;
	uint64_t number;

	if (!read_number(value, MAX_CPUS, &number, &rest) || *rest || !number)
		return "1 to 64";
	reading->config->cpus = (uint32_t)number;
	return NULL;
}

#define READ_TEXT(member)                                                                \
	static const char *read_##member(struct run_reading *reading, const char *value) \
	{                                                                                \
		reading->config->member = value;                                         \
		return NULL;                                                             \
	}
READ_TEXT(kernel)
READ_TEXT(initrd)
READ_TEXT(rootfs)
READ_TEXT(learn)

#define READ_FLAG(member)                                                                \
	static const char *read_##member(struct run_reading *reading, const char *value) \
	{                                                                                \
		(void)value;                                                             \
		reading->config->member = true;                                          \
		return NULL;                                                             \
	}
READ_FLAG(quiet)
READ_FLAG(cap_net_admin)
READ_FLAG(verbose)
READ_FLAG(repack)
READ_FLAG(suggest)
READ_FLAG(events_all)
READ_FLAG(watch)
READ_FLAG(audit)
READ_FLAG(ask)
READ_FLAG(propose_wildcards)

static const char *read_control_group(struct run_reading *reading, const char *value)
{
	const struct group *group = getgrnam(value);
	const char *rest;
	uint64_t number;

	if (group)
		reading->config->control_group = group->gr_gid;
	else if (read_number(value, UINT32_MAX - 1, &number, &rest) && !*rest)
		reading->config->control_group = (gid_t)number;
	else
		return "a group of this host's";
	reading->config->has_control_group = true;
	return NULL;
}

static const char *read_env(struct run_reading *reading, const char *value)
{
	return guest_option_env(reading->arena, reading->config, value);
}

static const char *read_dns_search(struct run_reading *reading, const char *value)
{
	struct options_list *search = &reading->config->dns_search;
	const char *why, *name = name_from_rule(reading->arena, value, &why);

	if (!name || name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-._")])
		return "a domain, such as corp.example";
	if (search->count == MAX_SEARCH_DOMAINS)
		return "8 domains at most";
	*arena_push(reading->arena, search) = name;
	return NULL;
}

static const char *read_events(struct run_reading *reading, const char *value)
{
	return events_option_target(reading->config, value);
}

static const char *read_events_size(struct run_reading *reading, const char *value)
{
	return events_option_size(reading->config, value);
}

static const char *read_events_keep(struct run_reading *reading, const char *value)
{
	return events_option_keep(reading->config, value);
}

static const char *read_workdir(struct run_reading *reading, const char *value)
{
	return guest_option_workdir(reading->config, value);
}

static const char *read_volume(struct run_reading *reading, const char *value)
{
	return guest_option_volume(reading->arena, reading->config, value);
}

/* Habits from elsewhere, which would otherwise be unknown options */
static const char *read_terminal_habit(struct run_reading *reading, const char *value)
{
	(void)reading, (void)value;
	return "leave it out, and -it: the command has msb-run's standard input, and a terminal where that is one";
}

static const char *read_rm_habit(struct run_reading *reading, const char *value)
{
	(void)reading, (void)value;
	return "leave it out: nothing of a sandbox is left when it has ended";
}

static const char *read_accel(struct run_reading *reading, const char *value)
{
	static const char *const words[] = { [ACCEL_AUTO] = "auto", [ACCEL_KVM] = "kvm", [ACCEL_TCG] = "tcg" };

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (!strcmp(value, words[i])) {
			reading->config->accel = (enum accel_kind)i;
			return NULL;
		}
	return "auto, kvm or tcg";
}

static const char *read_vmm(struct run_reading *reading, const char *value)
{
	if (strcmp(value, "qemu") && strcmp(value, "none"))
		return "qemu or none";
	reading->config->vmm = strcmp(value, "none") ? VMM_QEMU : VMM_NONE;
	return NULL;
}

static const char *read_deny_mode(struct run_reading *reading, const char *value)
{
	if (strcmp(value, "refuse") && strcmp(value, "drop"))
		return "refuse or drop";
	reading->config->silent_deny = !strcmp(value, "drop");
	return NULL;
}

static const char *read_color(struct run_reading *reading, const char *value)
{
	static const char *const words[] = {
		[COLOR_AUTO] = "auto", [COLOR_ALWAYS] = "always", [COLOR_NEVER] = "never"
	};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (!strcmp(value, words[i])) {
			reading->color = (enum color_when)i;
			return NULL;
		}
	return "auto, always or never";
}

const struct run_option run_options[] = {
	{ "name", required_argument, read_name },
	{ "control-group", required_argument, read_control_group },
	{ "memory", required_argument, read_memory, RUN_FOR_QEMU },
	{ "cpus", required_argument, read_cpus, RUN_FOR_QEMU },
	{ "kernel", required_argument, read_kernel, RUN_FOR_QEMU },
	{ "initrd", required_argument, read_initrd, RUN_FOR_QEMU },
	{ "rootfs", required_argument, read_rootfs, RUN_FOR_QEMU },
	{ "repack", no_argument, read_repack, RUN_FOR_QEMU },
	{ "accel", required_argument, read_accel, RUN_FOR_QEMU },
	{ "vmm", required_argument, read_vmm },
	{ "events", required_argument, read_events },
	{ "events-all", no_argument, read_events_all },
	{ "events-size", required_argument, read_events_size },
	{ "events-keep", required_argument, read_events_keep },
	{ "dns-search", required_argument, read_dns_search },
	{ "deny-mode", required_argument, read_deny_mode },
	{ "suggest", no_argument, read_suggest },
	{ "watch", no_argument, read_watch },
	{ "audit", no_argument, read_audit },
	{ "ask", no_argument, read_ask },
	{ "learn", required_argument, read_learn },
	{ "propose-wildcards", no_argument, read_propose_wildcards },
	{ "quiet", no_argument, read_quiet, RUN_FOR_ALL, 'q' },
	{ "verbose", no_argument, read_verbose, RUN_FOR_QEMU },
	{ "env", required_argument, read_env, RUN_FOR_ALL, 'e' },
	{ "workdir", required_argument, read_workdir, RUN_FOR_ALL, 'w' },
	{ "volume", required_argument, read_volume, RUN_FOR_ALL, 'v' },
	{ "interactive", no_argument, read_terminal_habit, RUN_FOR_ALL, 'i' },
	{ "tty", no_argument, read_terminal_habit, RUN_FOR_ALL, 't' },
	{ "rm", no_argument, read_rm_habit },
	{ "cap-net-admin", no_argument, read_cap_net_admin, RUN_FOR_NONE },
	{ "color", required_argument, read_color },
	{ .name = NULL },
};
