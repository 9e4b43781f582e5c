/* Links, forwarding, run directories. Who is dead is never guessed from a process's number:
 *   a link       has an alias since its table was there, and the table goes with the last process that holds its socket. One
 *                without either belongs to a sandbox that starts, or was killed then: it goes only where no name is claimed at
 *                all, which is looked at after the link was seen
 *   forwarding   forward_put_back(), as the end of every sandbox does it
 *   directories  the claim of their name is taken while they are removed: who holds it is the only one that may make, or remove,
 *                that directory
 *   cgroups      are those that such a directory has a note of: cgroup_note.h */
#include "sandbox/gc.h"
#include "base/arena.h"
#include "cgroup/cgroup_note.h"
#include "control/control_place.h"
#include "core/fd.h"
#include "core/run_directory.h"
#include "net/forward.h"
#include "sandbox/claims.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct gc {
	bool dry;
	void (*each)(const struct gc_item *, void *);
	void *context;
	int directory; /* /run/msb, or -1: there is none */
	struct nl *host;
	struct nft *tables;
	struct arena *arena;
	LIST_OF(struct rtnl_link) links;
};

static void report(const struct gc *gc, enum gc_kind kind, const char *name, bool unsure, int error)
{
	gc->each(&(const struct gc_item){ kind, name, unsure, error }, gc->context);
}

/* ---- links ---- */

static int add_link(const struct rtnl_link *link, void *context)
{
	struct gc *gc = context;

	if (forward_is_sandbox(link->name))
		*arena_push(gc->arena, &gc->links) = *link;
	return 0;
}

static void sweep_link(const struct gc *gc, const struct rtnl_link *link)
{
	enum host_link_state state = forward_link_state(link, gc->tables);
	bool unsure = state == HOST_LINK_STARTING && (gc->directory < 0 || claims_any(gc->directory));
	int error = 0;

	if (state == HOST_LINK_FOREIGN || state == HOST_LINK_LIVES)
		return;
	if (!unsure && !gc->dry)
		error = rtnl_link_delete(gc->host, link->index);
	if (error != -ENODEV) /* gone by itself */
		report(gc, GC_LINK, link->name, unsure, error);
}

static int sweep_links(struct gc *gc)
{
	int error = rtnl_links(gc->host, add_link, gc);

	for (size_t i = 0; error == 0 && i < gc->links.count; i++)
		sweep_link(gc, &gc->links.items[i]);
	return error;
}

/* ---- forwarding ---- */

static int report_forwarding(const char *link, void *context)
{
	report(context, GC_FORWARDING, link, false, 0);
	return 0;
}

static int sweep_forwarding(struct gc *gc)
{
	int error = forward_left(gc->host, report_forwarding, gc);

	if (error == 0 && !gc->dry)
		forward_put_back(gc->host);
	return error;
}

/* ---- run directories ---- */

static void report_cgroup(const char *path, int error, void *context)
{
	report(context, GC_CGROUP, path, false, error);
}

static void sweep_directory(const struct gc *gc, const char *name)
{
	struct stat st;

	if (fstatat(gc->directory, name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISDIR(st.st_mode) || !run_name_valid(name))
		return;
	CLEANUP_FD int claim = claims_hold_name(gc->directory, name);
	int error = claim < 0 ? claim : 0;
	if (error == -EAGAIN) /* a sandbox runs by that name, or is starting */
		return;
	if (error == 0)
		cgroup_note_sweep(gc->directory, name, gc->dry, report_cgroup, (void *)gc);
	if (error == 0 && !gc->dry)
		error = control_place_remove(gc->directory, name);
	if (error != -ENOENT)
		report(gc, GC_DIRECTORY, name, false, error);
}

static int sweep_directories(struct gc *gc)
{
	int again = gc->directory < 0 ? -1 : openat(gc->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = again < 0 ? NULL : fdopendir(again);

	if (gc->directory < 0)
		return 0;
	if (!directory)
		return -errno;
	for (struct dirent *entry; (entry = readdir(directory));)
		sweep_directory(gc, entry->d_name);
	closedir(directory);
	return 0;
}

/* ---- all of it ---- */

static int sweep(struct gc *gc, const char **what)
{
	*what = "list links";
	int error = sweep_links(gc);
	if (error == 0) {
		*what = "look for forwarding";
		error = sweep_forwarding(gc);
	}
	if (error == 0) {
		*what = "list " RUN_DIRECTORY;
		error = sweep_directories(gc);
	}
	return error;
}

int gc_run(bool dry, void (*each)(const struct gc_item *, void *), void *context, const char **what)
{
	CLEANUP_FD int directory = run_directory_look(true);
	CLEANUP_NL struct nl *host = nl_open(NETLINK_ROUTE);
	struct nft *tables = nft_open();
	int looked = directory < 0 ? directory : 0;
	struct gc gc = { dry, each, context, directory, host, tables, .arena = arena_new() };

	int error = host && tables ? 0 : -errno;
	*what = "open netlink";
	if (error == 0 && looked < 0 && looked != -ENOENT) {
		*what = "look into " RUN_DIRECTORY;
		error = looked;
	}
	if (error == 0)
		error = sweep(&gc, what);
	nft_close(tables);
	arena_free(gc.arena);
	return error;
}
