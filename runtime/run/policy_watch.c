/* The process that watches a policy's files. Editors replace files, and links are led elsewhere, so the directories on the way are
 * watched, and what counts is whether the files' bytes are others: whatever happens in a directory, they are looked at soon after. Where
 * one cannot be watched, they are looked at now and then. It asks for the reload over the control socket, as anybody would; what is wrong
 * with the policy is printed and told there, and the old one stays in force. */
#include "run/policy_watch.h"
#include "base/fnv.h"
#include "core/fd.h"
#include "core/log.h"
#include "core/process.h"
#include "ctl/running.h"
#include "isolation/capabilities.h"
#include "isolation/own_inotify.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define SETTLE_MS 100 /* what saves a file does several things */
#define AGAIN_MS 500  /* a sandbox that cannot be reached yet, or is busy */
#define LOOK_MS 5000  /* where nothing tells of changes */
#define LINKS_MAX 40  /* as many as the kernel follows */
#define EVENTS                                                                                                  \
	(IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_MOVE_SELF | IN_DELETE_SELF | \
	 IN_ONLYDIR)

struct watched { /* directories, by inotify's descriptors */
	int *items;
	size_t count, cap;
};

struct watch {
	const char *name;   /* of the sandbox */
	int inotify;        /* -1: there is none */
	bool is_blind;      /* to what changes in some directory */
	struct arena *turn; /* of what is watched */
	struct watched watched;
	struct arena *arena; /* of the names */
	struct options_list files;
	uint64_t seen; /* a hash of their bytes, when they were last taken */
};

static bool is_watched(const struct source *source)
{
	return source->kind == SOURCE_FILE && source->name[0] != '<' && !source_is_stream(source->name);
}

const char *policy_watch_cannot(const struct policy *policy)
{
	return !policy->file                  ? "there is no policy file" :
	       source_is_stream(policy->file) ? "the policy is read from a pipe" :
						NULL;
}

/* ---- which files, and what is in them ---- */

static uint64_t hash_bytes(uint64_t hash, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		hash = fnv_byte(hash, (unsigned char)bytes[i]);
	return fnv_byte(hash, 0);
}

static uint64_t hash_file(uint64_t hash, const char *name)
{
	CLEANUP_FD int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char bytes[16384];
	ssize_t len;

	while (fd >= 0 && (len = read(fd, bytes, sizeof bytes)) > 0)
		for (ssize_t i = 0; i < len; i++)
			hash = fnv_byte(hash, (unsigned char)bytes[i]);
	return fnv_byte(hash, 0);
}

static uint64_t hash_now(const struct watch *watch)
{
	uint64_t hash = FNV_START;

	for (size_t i = 0; i < watch->files.count; i++)
		hash = hash_file(hash, watch->files.items[i]);
	return hash;
}

static void watch_directory(struct watch *watch, const char *file)
{
	const char *slash = strrchr(file, '/');
	const char *directory = !slash        ? "." :
				slash == file ? "/" :
						arena_strndup(watch->turn, file, (size_t)(slash - file));

	int descriptor = inotify_add_watch(watch->inotify, directory, EVENTS);
	if (descriptor < 0)
		watch->is_blind = true;
	else
		*arena_push(watch->turn, &watch->watched) = descriptor;
}

/* The path behind its first link, whose directory is watched; NULL: none of its parts is one */
static const char *behind_link(struct watch *watch, const char *path)
{
	char target[PATH_MAX];

	for (const char *end = path; end && *end;) {
		end = strchr(end + 1, '/');
		const char *part = end ? arena_strndup(watch->turn, path, (size_t)(end - path)) : path;
		ssize_t len = readlink(part, target, sizeof target);
		if (len <= 0 || (size_t)len == sizeof target)
			continue;
		const char *slash = strrchr(part, '/');
		int before = *target != '/' && slash ? (int)(slash + 1 - part) : 0;
		watch_directory(watch, part);
		return arena_printf(watch->turn, "%.*s%.*s%s", before, part, (int)len, target, end ? end : "");
	}
	return NULL;
}

static void watch_file(struct watch *watch, const char *file)
{
	const char *next = file;

	for (int i = 0; next && i < LINKS_MAX; i++) {
		file = next;
		next = behind_link(watch, file);
	}
	watch_directory(watch, file);
}

static bool is_among(const struct watched *watched, int descriptor)
{
	for (size_t i = 0; i < watched->count; i++)
		if (watched->items[i] == descriptor)
			return true;
	return false;
}

static void drain(const struct watch *watch)
{
	char events[8192] __attribute__((aligned(__alignof__(struct inotify_event))));

	while (read(watch->inotify, events, sizeof events) > 0)
		;
}

/* What was watched before may not be on the way any more. The files are looked at after this, so no event is missed. */
static void watch_anew(struct watch *watch)
{
	struct watched before = watch->watched;
	struct arena *of_before = watch->turn;

	watch->turn = arena_new();
	watch->watched = (struct watched){ NULL, 0, 0 };
	watch->is_blind = false;
	for (size_t i = 0; i < watch->files.count; i++)
		watch_file(watch, watch->files.items[i]);
	for (size_t i = 0; i < before.count; i++)
		if (!is_among(&watch->watched, before.items[i]))
			inotify_rm_watch(watch->inotify, before.items[i]);
	arena_free(of_before);
	drain(watch);
}

/* Floors are the sandbox's for good */
static void take_texts(struct watch *watch, const struct source_texts *texts)
{
	arena_free(watch->arena);
	watch->arena = arena_new();
	watch->files = (struct options_list){ NULL, 0, 0 };
	watch->seen = FNV_START;
	for (size_t i = 0; i < texts->count; i++) {
		if (!is_watched(&texts->items[i]))
			continue;
		*arena_push(watch->arena, &watch->files) = arena_strdup(watch->arena, texts->items[i].name);
		watch->seen = hash_bytes(watch->seen, texts->items[i].text, texts->items[i].len);
	}
}

/* ---- reloading ---- */

/* Which files there are by now: what is included may have changed. What changed in them meanwhile shows in the hash of the
 * texts that are in force. */
static enum ctl_status look(struct watch *watch, struct ctl_line *line)
{
	struct ctl_running running;
	enum ctl_status status = ctl_running(line, &running);

	if (status == CTL_FINE)
		take_texts(watch, &running.bundle.files);
	return status;
}

/* false: again soon */
static bool reload(struct watch *watch)
{
	static const struct ctl_command command = { .name = "reload" };
	struct ctl_line line = { .command = &command, .arena = arena_new(), .sandbox = watch->name, .tells = true };
	uint64_t before = hash_now(watch);
	enum ctl_status status = ctl_reload(&line);

	if (status == CTL_FINE)
		status = look(watch, &line);
	else
		watch->seen = before; /* it was said: again when the files change */
	arena_free(line.arena);
	return status != CTL_FAILED;
}

_Noreturn static void serve(struct watch *watch)
{
	for (;;) {
		watch_anew(watch);
		struct pollfd changed = { .fd = watch->inotify, .events = POLLIN };
		bool is_same = hash_now(watch) == watch->seen;
		bool done = is_same || reload(watch);
		if (is_same)
			poll(&changed, 1, watch->is_blind ? LOOK_MS : -1);
		poll(NULL, 0, done ? SETTLE_MS : AGAIN_MS);
	}
}

_Noreturn static void watch_main(const struct run_config *config, uid_t uid, pid_t launcher)
{
	static const unsigned kept[] = { CAP_DAC_READ_SEARCH };
	struct watch watch = { .name = config->name, .inotify = -1 };
	struct policy_bundle bundle;
	struct arena *arena = arena_new();

	prctl(PR_SET_NAME, "msb-watch");
	if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0 || process_close_others(NULL, 0) < 0)
		_exit(1);
	watch.inotify = own_inotify(uid);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != launcher || capabilities_keep(kept, 1) < 0 ||
	    !policy_bundle_of(arena, config->policy, &bundle))
		_exit(1);
	take_texts(&watch, &bundle.files);
	serve(&watch);
}

pid_t policy_watch_start(const struct run_config *config, uid_t uid)
{
	pid_t launcher = getpid(), pid = fork();

	if (pid == 0)
		watch_main(config, uid, launcher);
	if (pid < 0)
		log_error("cannot watch the policy's files: %s", strerror(errno));
	return pid < 0 ? -errno : pid;
}

void policy_watch_end(pid_t pid)
{
	if (pid > 0 && kill(pid, SIGKILL) == 0)
		waitpid(pid, NULL, 0);
}
