/* The process that watches a policy's files. Editors replace files, so the directories are watched, and what counts is whether
 * the files' bytes are others: whatever happens in a directory, they are looked at soon after. It asks for the reload over the
 * control socket, as anybody would; what is wrong with the policy is printed, and the old one stays in force. */
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
#define LOOK_MS 5000  /* where inotify is short */
#define EVENTS (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_ONLYDIR)

struct watch {
	const char *name;    /* of the sandbox */
	int inotify;         /* -1: there is none */
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

static void watch_directory(const struct watch *watch, const char *file)
{
	const char *slash = strrchr(file, '/');
	const char *directory = !slash        ? "." :
				slash == file ? "/" :
						arena_strndup(watch->arena, file, (size_t)(slash - file));

	inotify_add_watch(watch->inotify, directory, EVENTS);
}

static void add_file(struct watch *watch, const char *name)
{
	*arena_push(watch->arena, &watch->files) = arena_strdup(watch->arena, name);
	watch_directory(watch, name);
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
		add_file(watch, texts->items[i].name);
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
	struct ctl_line line = { .command = &command, .arena = arena_new(), .sandbox = watch->name };
	uint64_t before = hash_now(watch);
	enum ctl_status status = ctl_reload(&line);

	if (status == CTL_FINE)
		status = look(watch, &line);
	else
		watch->seen = before; /* it was said: again when the files change */
	arena_free(line.arena);
	return status != CTL_FAILED;
}

static void drain(const struct watch *watch)
{
	char events[8192] __attribute__((aligned(__alignof__(struct inotify_event))));

	while (read(watch->inotify, events, sizeof events) > 0)
		;
}

_Noreturn static void serve(struct watch *watch)
{
	struct pollfd changed = { .fd = watch->inotify, .events = POLLIN };
	bool done = true;

	for (;;) {
		if (done && hash_now(watch) == watch->seen)
			poll(&changed, 1, watch->inotify < 0 ? LOOK_MS : -1);
		poll(NULL, 0, done ? SETTLE_MS : AGAIN_MS);
		drain(watch);
		done = hash_now(watch) == watch->seen || reload(watch);
	}
}

_Noreturn static void watch_main(const struct run_config *config, uid_t uid, pid_t launcher)
{
	static const unsigned kept[] = { CAP_DAC_READ_SEARCH };
	struct watch watch = { .name = config->name, .inotify = own_inotify(uid) };
	struct policy_bundle bundle;
	struct arena *arena = arena_new();

	prctl(PR_SET_NAME, "msb-watch");
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != launcher || dup2(STDERR_FILENO, STDOUT_FILENO) < 0 ||
	    process_close_others(NULL, 0) < 0 || capabilities_keep(kept, 1) < 0 ||
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
