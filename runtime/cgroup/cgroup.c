/* Making it, being in it, ending it. */
#include "cgroup/cgroup.h"
#include "base/units.h"
#include "cgroup/cgroup_files.h"
#include "cgroup/cgroup_note.h"
#include "core/log.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define LEAF_SUFFIX "-run"

struct cgroup {
	struct arena *arena;
	const struct run_config *config;
	int run_directory;
	const char *parents[CGROUP_HIERARCHIES], *directories[CGROUP_HIERARCHIES]; /* NULL: none in that hierarchy */
	bool wanted[CGROUP_HIERARCHIES];                                           /* by an option */
	const char *leaf; /* that the launcher is in, below its former cgroup; NULL: none */
	unsigned enabled; /* kinds, for its sake */
};

static const char *const options[CGROUP_LIMITS] = { "--memory-max", "--cpus-max", "--pids-max" };

static struct cgroup_limits limits_of(const struct run_config *config)
{
	return (struct cgroup_limits){ { config->memory_max, config->cpus_max, config->pids_max } };
}

static bool any_limit(const struct run_config *config)
{
	return config->memory_max || config->cpus_max || config->pids_max;
}

/* Where a limit is set: version 1 has its controller, or version 2 may */
static enum cgroup_hierarchy home_of(const struct cgroup *cgroup, enum cgroup_hierarchy kind)
{
	return cgroup->parents[kind] ? kind : CGROUP_V2;
}

/* The option for whose sake a hierarchy is used */
static const char *option_for(const struct cgroup *cgroup, enum cgroup_hierarchy which)
{
	struct cgroup_limits limits = limits_of(cgroup->config);

	for (enum cgroup_hierarchy i = 0; i < CGROUP_LIMITS; i++)
		if (limits.most[i] && home_of(cgroup, i) == which)
			return options[i];
	return "--cgroup-parent";
}

/* ---- where ---- */

static void plan(struct cgroup *cgroup, const struct cgroup_mount mounts[CGROUP_HIERARCHIES])
{
	struct cgroup_limits limits = limits_of(cgroup->config);
	const char *parent = cgroup->config->cgroup_parent;
	uint32_t number = 0;

	if (getrandom(&number, sizeof number, GRND_NONBLOCK) < 0)
		number = (uint32_t)getpid();
	for (enum cgroup_hierarchy i = 0; i < CGROUP_HIERARCHIES; i++) {
		if (!mounts[i].top || (i != CGROUP_V2 && !any_limit(cgroup->config)))
			continue;
		cgroup->parents[i] =
			parent ? arena_printf(cgroup->arena, "%s/%s", mounts[i].top, parent) : mounts[i].own;
		cgroup->directories[i] = arena_printf(cgroup->arena, "%s/" CGROUP_PREFIX "%s-%08x", cgroup->parents[i],
						      cgroup->config->name, number);
	}
	for (enum cgroup_hierarchy i = 0; i < CGROUP_LIMITS; i++)
		if (limits.most[i])
			cgroup->wanted[home_of(cgroup, i)] = true;
	cgroup->wanted[CGROUP_V2] |= parent && !any_limit(cgroup->config);
}

/* The kinds of limits that version 2 is to set */
static unsigned kinds_of_v2(const struct cgroup *cgroup)
{
	struct cgroup_limits limits = limits_of(cgroup->config);
	unsigned kinds = 0;

	for (enum cgroup_hierarchy i = 0; i < CGROUP_LIMITS; i++)
		kinds |= limits.most[i] && home_of(cgroup, i) == CGROUP_V2 ? 1u << i : 0;
	return kinds;
}

/* ---- making ---- */

static int refuse(const struct cgroup *cgroup, enum cgroup_hierarchy which, const char *what, const char *directory,
		  int error)
{
	log_error("%s: cannot %s %s: %s", option_for(cgroup, which), what, directory,
		  error == -ENODEV ? "it has no such controller" : strerror(-error));
	if (error == -EBUSY)
		log_help(
			"it holds other processes than msb-run: start that by `systemd-run --scope -p Delegate=yes`, or have "
			"--cgroup-parent msb.slice");
	else if (error == -ENODEV)
		log_help("the cgroup above it does not hand that controller on: Delegate=yes of a systemd unit, or "
			 "--cgroup-parent msb.slice");
	else
		log_help("`msb-ctl doctor` says which cgroups can be made here; without the option nothing is bounded");
	return error;
}

static bool alone_in(struct arena *arena, const char *directory)
{
	const char *procs = cgroup_file_text(arena, arena_printf(arena, "%s/cgroup.procs", directory));

	return procs && !strcmp(procs, arena_printf(arena, "%d\n", (int)getpid()));
}

/* Out of a cgroup that is to hand controllers on */
static int step_aside(struct cgroup *cgroup, const char *directory)
{
	if (!alone_in(cgroup->arena, directory))
		return -EBUSY;
	const char *leaf = arena_printf(cgroup->arena, "%s" LEAF_SUFFIX, cgroup->directories[CGROUP_V2]);
	if (mkdir(leaf, 0755))
		return -errno;
	cgroup->leaf = leaf;
	return cgroup_file_write(leaf, "cgroup.procs", "0");
}

/* The parts of --cgroup-parent from the top on, made where they are not there; `kinds` are handed on from each to the next. */
static int make_parent(struct cgroup *cgroup, const char *top, const char *parent, unsigned kinds, const char **failed)
{
	size_t len = strlen(top);
	int error = 0;

	for (;;) {
		const char *directory = *failed = arena_strndup(cgroup->arena, parent, len);
		if (mkdir(directory, 0755) && errno != EEXIST)
			return -errno;
		bool last = !parent[len];
		error = cgroup_v2_enable(directory, kinds);
		if (error == -EBUSY && last) {
			error = step_aside(cgroup, directory);
			if (error == 0)
				error = cgroup_v2_enable(directory, cgroup->enabled = kinds);
		}
		if (error < 0 || last)
			return error;
		len += 1 + strcspn(parent + len + 1, "/");
	}
}

static int limit(struct cgroup *cgroup, enum cgroup_hierarchy which)
{
	struct cgroup_limits limits = limits_of(cgroup->config);
	const char *directory = cgroup->directories[which];

	for (enum cgroup_hierarchy i = 0; i < CGROUP_LIMITS; i++) {
		if (!limits.most[i] || home_of(cgroup, i) != which)
			continue;
		int error = (which == CGROUP_V2 ? cgroup_v2_limit : cgroup_v1_limit)(directory, i, limits.most[i]);
		if (error < 0)
			return error;
	}
	return 0;
}

/* Where the cgroup above has both processes and controllers of a kind, none can enter */
static int judge_type(const char *directory)
{
	return cgroup_file_has(directory, "cgroup.type", "domain") &&
			       !cgroup_file_has(directory, "cgroup.type", "invalid") ?
		       0 :
		       -EBUSY;
}

static int make_one(struct cgroup *cgroup, enum cgroup_hierarchy which, const char *top)
{
	const char *failed, *directory = cgroup->directories[which];
	const char *from = cgroup->config->cgroup_parent ? top : cgroup->parents[which];
	bool loud = cgroup->wanted[which];

	int error = make_parent(cgroup, from, cgroup->parents[which], which == CGROUP_V2 ? kinds_of_v2(cgroup) : 0,
				&failed);
	if (error < 0)
		return loud ? refuse(cgroup, which, "use", failed, error) : error;
	error = mkdir(directory, 0755) ? -errno : which == CGROUP_V2 ? judge_type(directory) : 0;
	if (error < 0)
		return loud ? refuse(cgroup, which, "make", directory, error) : error;
	error = limit(cgroup, which);
	return error < 0 && loud ? refuse(cgroup, which, "set the limit of", directory, error) : error;
}

/* What is asked for and cannot be, before anything is made */
static int check(const struct cgroup *cgroup)
{
	struct cgroup_limits limits = limits_of(cgroup->config);

	for (enum cgroup_hierarchy i = 0; i < CGROUP_LIMITS; i++) {
		enum cgroup_hierarchy home = home_of(cgroup, i);
		if (!limits.most[i] || cgroup->parents[home])
			continue;
		log_error("%s: no cgroup is mounted that could bound it", options[i]);
		log_help("mount -t cgroup2 cgroup2 /sys/fs/cgroup; `msb-ctl doctor` says what is mounted");
		return -ENODEV;
	}
	if (!cgroup->wanted[CGROUP_V2] || cgroup->parents[CGROUP_V2])
		return 0;
	log_error("--cgroup-parent: no cgroup of version 2 is mounted, and no limit asks for one of version 1");
	log_help("mount -t cgroup2 cgroup2 /sys/fs/cgroup; or leave it out");
	return -ENODEV;
}

static int write_note(struct cgroup *cgroup)
{
	const char *paths[CGROUP_HIERARCHIES + 1];
	size_t count = 0;

	for (enum cgroup_hierarchy i = 0; i < CGROUP_HIERARCHIES; i++)
		if (cgroup->directories[i])
			paths[count++] = cgroup->directories[i];
	if (kinds_of_v2(cgroup))
		paths[count++] = arena_printf(cgroup->arena, "%s" LEAF_SUFFIX, cgroup->directories[CGROUP_V2]);
	return count ? cgroup_note_write(cgroup->run_directory, cgroup->config->name, paths, count) : 0;
}

static int make(struct cgroup *cgroup, const struct cgroup_mount mounts[CGROUP_HIERARCHIES])
{
	bool any = false;

	plan(cgroup, mounts);
	int error = check(cgroup);
	if (error == 0 && (error = write_note(cgroup)) < 0) {
		if (!any_limit(cgroup->config) && !cgroup->config->cgroup_parent)
			return 0;
		log_error("cannot note the sandbox's cgroups: %s", strerror(-error));
	}
	for (enum cgroup_hierarchy i = 0; error == 0 && i < CGROUP_HIERARCHIES; i++) {
		int failed = cgroup->directories[i] ? make_one(cgroup, i, mounts[i].top) : 0;
		error = cgroup->wanted[i] ? failed : 0;
		if (failed < 0 && error == 0) {
			rmdir(cgroup->directories[i]);
			cgroup->directories[i] = NULL;
		}
		any |= cgroup->directories[i] != NULL;
	}
	return error < 0 ? error : any;
}

/* ---- being in it ---- */

int cgroup_enter(const struct cgroup *cgroup)
{
	for (enum cgroup_hierarchy i = 0; cgroup && i < CGROUP_HIERARCHIES; i++) {
		int error = cgroup->directories[i] ? cgroup_file_write(cgroup->directories[i], "cgroup.procs", "0") : 0;
		if (error < 0 && cgroup->wanted[i])
			return refuse(cgroup, i, "enter", cgroup->directories[i], error);
	}
	return 0;
}

struct cgroup_usage cgroup_usage(const struct cgroup *cgroup)
{
	struct cgroup_usage usage = { 0 };

	if (cgroup && cgroup->directories[CGROUP_V2])
		cgroup_v2_usage(cgroup->directories[CGROUP_V2], &usage);
	for (enum cgroup_hierarchy i = 0; cgroup && i < CGROUP_V2; i++)
		if (cgroup->directories[i])
			cgroup_v1_usage(cgroup->directories[i], i, &usage);
	return usage;
}

int cgroup_oom_watch(const struct cgroup *cgroup)
{
	if (!cgroup)
		return -ENOENT;
	if (cgroup->directories[CGROUP_MEMORY])
		return cgroup_v1_oom_watch(cgroup->directories[CGROUP_MEMORY]);
	return cgroup->directories[CGROUP_V2] ? cgroup_v2_oom_watch(cgroup->directories[CGROUP_V2]) : -ENOENT;
}

void cgroup_say_killed(const struct cgroup *cgroup, uint64_t kills)
{
	struct arena *arena = arena_new();
	const char *most = cgroup->config->memory_max ? units_size_format(arena, cgroup->config->memory_max) : NULL;
	const char *more = kills > 1 ? arena_printf(arena, "%" PRIu64 " processes ", kills) : "";

	if (most)
		log_error("%skilled for memory: limit %s (--memory-max)", more, most);
	else
		log_error("%skilled for memory: a limit of a cgroup above the sandbox's", more);
	arena_free(arena);
}

/* ---- ending it ---- */

void cgroup_kill(const struct cgroup *cgroup)
{
	if (cgroup && cgroup->directories[CGROUP_V2])
		cgroup_v2_kill(cgroup->directories[CGROUP_V2]);
}

void cgroup_remove(const struct cgroup *cgroup)
{
	bool all = true;

	if (!cgroup)
		return;
	cgroup_kill(cgroup);
	for (enum cgroup_hierarchy i = 0; i < CGROUP_HIERARCHIES; i++)
		if (cgroup->directories[i])
			all &= cgroup_note_end(cgroup->directories[i]) == 0;
	if (all && !cgroup->leaf)
		cgroup_note_remove(cgroup->run_directory, cgroup->config->name);
}

static void leave_leaf(const struct cgroup *cgroup)
{
	cgroup_v2_disable(cgroup->parents[CGROUP_V2], cgroup->enabled);
	if (cgroup_file_write(cgroup->parents[CGROUP_V2], "cgroup.procs", "0") == 0 &&
	    cgroup_note_end(cgroup->leaf) == 0 && access(cgroup->directories[CGROUP_V2], F_OK))
		cgroup_note_remove(cgroup->run_directory, cgroup->config->name);
}

void cgroup_close(struct cgroup *cgroup)
{
	if (cgroup && cgroup->leaf)
		leave_leaf(cgroup);
	if (cgroup)
		arena_free(cgroup->arena);
}

int cgroup_make(const struct run_config *config, int run_directory, struct cgroup **out)
{
	struct cgroup_mount mounts[CGROUP_HIERARCHIES] = { 0 };
	struct arena *arena = arena_new();
	struct cgroup *cgroup = arena_alloc(arena, sizeof *cgroup);

	*out = NULL;
	*cgroup = (struct cgroup){ .arena = arena, .config = config, .run_directory = run_directory };
	cgroup_mounts_own(arena, mounts); /* without /proc there is none */
	int made = make(cgroup, mounts);
	if (made > 0) {
		*out = cgroup;
		return 0;
	}
	cgroup_remove(cgroup);
	cgroup_close(cgroup);
	return made;
}
