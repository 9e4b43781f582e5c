/* Parsing of both files, and a look at what is mounted in the end. */
#include "cgroup/cgroup_mounts.h"
#include "cgroup/cgroup_files.h"
#include "core/fd.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

const char *const cgroup_hierarchy_names[CGROUP_HIERARCHIES] = {
	[CGROUP_MEMORY] = "memory",   [CGROUP_CPU] = "cpu",    [CGROUP_PIDS] = "pids",
	[CGROUP_CPUACCT] = "cpuacct", [CGROUP_V2] = "cgroup2",
};

/* Whether `word` is in a list with commas between */
static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = list; *at; at += strcspn(at, ","), at += *at == ',')
		if (!strncmp(at, word, len) && (at[len] == ',' || !at[len]))
			return true;
	return false;
}

/* In place: \040 and the like, by which the kernel keeps blanks and newlines out of a field */
static void unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from; to++) {
		unsigned byte;
		if (from[0] == '\\' && strspn(from + 1, "01234567") >= 3 && sscanf(from + 1, "%3o", &byte) == 1) {
			*to = (char)byte;
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

static bool has_parent_part(const char *path)
{
	for (const char *at = path; (at = strstr(at, "..")); at += 2)
		if ((at == path || at[-1] == '/') && (at[2] == '/' || !at[2]))
			return true;
	return false;
}

/* ---- /proc/self/cgroup ---- */

/* The path behind "ID:CONTROLLERS:"; NULL: we are in none of that hierarchy */
static const char *own_path(struct arena *arena, const char *self, enum cgroup_hierarchy which)
{
	for (const char *line = self; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *text = arena_strndup(arena, line, strcspn(line, "\n"));
		const char *controllers = strchr(text, ':'), *path = controllers ? strchr(controllers + 1, ':') : NULL;
		if (!path || path[1] != '/')
			continue;
		const char *list = arena_strndup(arena, controllers + 1, (size_t)(path - controllers) - 1);
		if (which == CGROUP_V2 ? !strncmp(text, "0::", 3) : has_word(list, cgroup_hierarchy_names[which]))
			return path + 1;
	}
	return NULL;
}

/* ---- /proc/self/mountinfo ---- */

struct line {
	char *device, *root, *top, *options, *type, *super;
};

/* ID PARENT MAJOR:MINOR ROOT TOP OPTIONS [TAG…] - TYPE SOURCE SUPER */
static bool split(char *text, struct line *out)
{
	char *save = NULL, **const fields[] = { NULL, NULL, &out->device, &out->root, &out->top, &out->options };
	char *word = strtok_r(text, " ", &save);

	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++, word = strtok_r(NULL, " ", &save)) {
		if (!word)
			return false;
		if (fields[i])
			*fields[i] = word;
	}
	while (word && strcmp(word, "-") != 0)
		word = strtok_r(NULL, " ", &save);
	out->type = strtok_r(NULL, " ", &save);
	out->super = out->type && save ? strrchr(save, ' ') : NULL; /* the source before it may be empty */
	if (!out->super)
		return false;
	out->super++;
	unescape(out->root);
	unescape(out->top);
	return true;
}

static bool is_of(const struct line *line, enum cgroup_hierarchy which)
{
	if (which == CGROUP_V2)
		return !strcmp(line->type, "cgroup2");
	return !strcmp(line->type, "cgroup") && has_word(line->super, cgroup_hierarchy_names[which]);
}

/* A mount may show a part of its hierarchy alone, and our cgroup may be elsewhere: outside of our cgroup namespace, too. */
static bool place(struct arena *arena, const struct line *line, const char *own, struct cgroup_mount *out)
{
	size_t len = strcmp(line->root, "/") != 0 ? strlen(line->root) : 0;
	unsigned major, minor;

	if (strncmp(own, line->root, len) != 0 || (own[len] != '/' && own[len]) || has_parent_part(own + len) ||
	    sscanf(line->device, "%u:%u", &major, &minor) != 2)
		return false;
	const char *rest = strcmp(own + len, "/") != 0 ? own + len : "";
	*out = (struct cgroup_mount){
		.top = arena_strdup(arena, line->top),
		.own = arena_printf(arena, "%s%s", line->top, rest),
		.device = makedev(major, minor),
		.read_only = has_word(line->options, "ro") || has_word(line->super, "ro"),
	};
	return true;
}

void cgroup_mounts_read(struct arena *arena, const char *mountinfo, const char *self,
			bool (*usable)(enum cgroup_hierarchy, const struct cgroup_mount *),
			struct cgroup_mount out[static CGROUP_HIERARCHIES])
{
	const char *own[CGROUP_HIERARCHIES];

	for (enum cgroup_hierarchy i = 0; i < CGROUP_HIERARCHIES; i++) {
		own[i] = own_path(arena, self, i);
		out[i] = (struct cgroup_mount){ 0 };
	}
	for (const char *at = mountinfo; *at; at += strcspn(at, "\n"), at += *at == '\n') {
		struct cgroup_mount mount;
		struct line line;
		if (!split(arena_strndup(arena, at, strcspn(at, "\n")), &line))
			continue;
		for (enum cgroup_hierarchy i = 0; i < CGROUP_HIERARCHIES; i++)
			if (own[i] && is_of(&line, i) && place(arena, &line, own[i], &mount) &&
			    (!usable || usable(i, &mount)))
				out[i] = mount;
	}
}

/* What a path leads to is not what mountinfo has there, where something else was mounted above it. */
static bool is_there(enum cgroup_hierarchy which, const struct cgroup_mount *mount)
{
	CLEANUP_FD int fd = open(mount->own, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct statfs fs;
	struct stat st;

	return fd >= 0 && !fstatfs(fd, &fs) && !fstat(fd, &st) && st.st_dev == mount->device &&
	       fs.f_type == (which == CGROUP_V2 ? CGROUP2_SUPER_MAGIC : CGROUP_SUPER_MAGIC);
}

int cgroup_mounts_own(struct arena *arena, struct cgroup_mount out[static CGROUP_HIERARCHIES])
{
	const char *mountinfo = cgroup_file_text(arena, "/proc/self/mountinfo");
	const char *self = mountinfo ? cgroup_file_text(arena, "/proc/self/cgroup") : NULL;

	if (!self)
		return -errno;
	cgroup_mounts_read(arena, mountinfo, self, is_there, out);
	return 0;
}
