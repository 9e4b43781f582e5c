/* Whose file the floor is: it binds callers, so none of them may be able to change it, nor a directory or a link on the
 * way to it. Where that is in doubt nothing starts. */
#include "run/host_floor.h"
#include "base/escape.h"
#include "core/log.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LINKS_MAX = 40 };

/* A path being walked: what is behind us, without links, and what is still to go */
struct walk {
	char done[PATH_MAX], rest[PATH_MAX];
	unsigned links;
};

static bool refuse(const char *path, const char *why)
{
	log_error("the host's floor %s cannot be trusted: %s: %s", FLOOR_FILE, path, why);
	log_help("have it owned by root and writable by nobody else, with the directories above it; or remove it");
	return false;
}

/* On to what a link names */
static bool follow(struct walk *walk, const char *link)
{
	char target[PATH_MAX], joined[2 * PATH_MAX];
	ssize_t len = readlink(link, target, sizeof target - 1);

	if (len <= 0 || ++walk->links > LINKS_MAX)
		return refuse(link, len <= 0 ? strerror(errno) : strerror(ELOOP));
	target[len] = 0;
	if (snprintf(joined, sizeof joined, "%s/%s", target, walk->rest) >= (int)sizeof walk->rest)
		return refuse(link, strerror(ENAMETOOLONG));
	strcpy(walk->rest, joined);
	if (target[0] == '/')
		walk->done[0] = 0;
	return true;
}

/* One part further. false: refused */
static bool step(struct walk *walk)
{
	char part[NAME_MAX + 1], path[2 * PATH_MAX];
	struct stat status;
	size_t len = strcspn(walk->rest, "/");
	bool is_part = len > 0 && !(len == 1 && walk->rest[0] == '.');

	if (len > NAME_MAX)
		return refuse(walk->rest, strerror(ENAMETOOLONG));
	memcpy(part, walk->rest, len);
	part[len] = 0;
	memmove(walk->rest, walk->rest + len, strlen(walk->rest + len) + 1);
	memmove(walk->rest, walk->rest + strspn(walk->rest, "/"), strlen(walk->rest + strspn(walk->rest, "/")) + 1);
	if (is_part && !strcmp(part, "..")) {
		char *slash = strrchr(walk->done, '/');
		if (slash)
			*slash = 0;
		return true;
	}
	if (snprintf(path, sizeof path, "%s%s%s", walk->done, is_part ? "/" : "", is_part ? part : "") >= PATH_MAX)
		return refuse(part, strerror(ENAMETOOLONG));
	const char *shown = *path ? path : "/";
	if (lstat(shown, &status))
		return refuse(shown, strerror(errno));
	if (status.st_uid != 0)
		return refuse(shown, "it is not root's");
	if (S_ISLNK(status.st_mode))
		return follow(walk, path);
	if (status.st_mode & (S_IWGRP | S_IWOTH))
		return refuse(shown, "others may write to it");
	if (!S_ISDIR(status.st_mode) && (*walk->rest || !S_ISREG(status.st_mode)))
		return refuse(shown, "it is no regular file");
	strcpy(walk->done, path);
	return true;
}

/* Every directory, link and file on the way is root's, and writable by nobody else */
static bool is_roots(const char *path)
{
	struct walk walk = { .links = 0 };
	char here[PATH_MAX];

	if (path[0] == '/' || !getcwd(here, sizeof here))
		here[0] = 0;
	if (snprintf(walk.rest, sizeof walk.rest, "%s/%s", here, path) >= (int)sizeof walk.rest)
		return refuse(path, strerror(ENAMETOOLONG));
	do
		if (!step(&walk))
			return false;
	while (*walk.rest);
	return true;
}

/* The day, whatever --today says: that is the policy's */
static void set_day(struct policy_options *options)
{
	struct policy_options now = { .arena = options->arena };

	options_set_today(&now, time(NULL));
	options->floors_today = now.today;
}

bool host_floor_take(struct policy_options *options)
{
	struct options_list floors = { NULL, 0, 0 };
	struct stat status;

	set_day(options);
	if (lstat(FLOOR_FILE, &status)) {
		if (errno == ENOENT)
			return true;
		return refuse(FLOOR_FILE, strerror(errno));
	}
	if (!is_roots(FLOOR_FILE))
		return false;
	*arena_push(options->arena, &floors) = FLOOR_FILE;
	for (size_t i = 0; i < options->floors.count; i++)
		*arena_push(options->arena, &floors) = options->floors.items[i];
	options->floors = floors;
	return true;
}

static bool sources_are_roots(const struct policy *policy, const struct policy *floor)
{
	for (size_t i = 0; i < floor->source_count; i++) {
		const struct source *source = sources_get(policy->sources, (uint32_t)(floor->first_source + i));
		if (source->kind == SOURCE_FILE && !is_roots(source->name))
			return false;
	}
	return true;
}

bool host_floor_trusted(const struct policy *policy)
{
	for (size_t i = 0; i < policy->floors.count; i++)
		if (!strcmp(policy->floors.items[i]->name, FLOOR_FILE) &&
		    !sources_are_roots(policy, policy->floors.items[i]))
			return false;
	return true;
}
