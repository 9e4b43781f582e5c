/* inotify on each directory that the path leads through, since a file may be replaced and a link led elsewhere, and on the
 * file itself, which may be written by another name (a bind mount). Events only begin a short wait, in which what is being
 * written gets complete. What inotify does not see, as on file systems of other hosts, the slow poll does. */
#include "dns/dns_follow.h"
#include "core/fd.h"
#include "isolation/own_inotify.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>

#define POLL_MS 5000
#define REST_MS 30000
#define SETTLE_MS 100
#define LINKS_MAX 16
#define DIRECTORY_EVENTS \
	(IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CLOSE_WRITE | IN_MOVE_SELF | IN_DELETE_SELF)
#define FILE_EVENTS (IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF)

struct dns_follow {
	char path[PATH_MAX]; /* "": none */
	uid_t uid;
	int epoll, timer, inotify; /* inotify: -1 where there is none */
	bool settling;
};

/* ---- what is watched ---- */

/* The next path that a symbolic link leads to; false: `path` is none */
static bool follow_link(char path[static PATH_MAX])
{
	char target[PATH_MAX], joined[2 * PATH_MAX];
	ssize_t len = readlink(path, target, sizeof target - 1);
	if (len < 0)
		return false;
	target[len] = '\0';
	const char *slash = strrchr(path, '/');
	int prefix = target[0] != '/' && slash ? (int)(slash + 1 - path) : 0;
	snprintf(joined, sizeof joined, "%.*s%s", prefix, path, target);
	if (strlen(joined) >= PATH_MAX)
		return false;
	strcpy(path, joined);
	return true;
}

static void watch_directory(int inotify, const char *path)
{
	char directory[PATH_MAX];
	strcpy(directory, path);
	char *slash = strrchr(directory, '/');
	/* a directory that is not there yet: the one it will be made in */
	while (slash && slash > directory) {
		*slash = '\0';
		if (inotify_add_watch(inotify, directory, DIRECTORY_EVENTS) >= 0)
			return;
		slash = strrchr(directory, '/');
	}
	inotify_add_watch(inotify, "/", DIRECTORY_EVENTS);
}

static void watch_path(int inotify, const char *from)
{
	char path[PATH_MAX];
	strcpy(path, from);
	watch_directory(inotify, path);
	for (int i = 0; i < LINKS_MAX && follow_link(path); i++)
		watch_directory(inotify, path);
	inotify_add_watch(inotify, path, FILE_EVENTS);
}

/* Anew: what was watched before may not be on the way any more */
static void watch_anew(struct dns_follow *follow)
{
	fd_closep(&follow->inotify);
	follow->inotify = *follow->path ? own_inotify(follow->uid) : -1;
	if (follow->inotify < 0)
		return;
	watch_path(follow->inotify, follow->path);
	struct epoll_event event = { .events = EPOLLIN };
	if (epoll_ctl(follow->epoll, EPOLL_CTL_ADD, follow->inotify, &event) < 0)
		fd_closep(&follow->inotify);
}

/* ---- when ---- */

static void set_timer(struct dns_follow *follow, long ms)
{
	struct itimerspec when = { .it_value = { ms / 1000, ms % 1000 * 1000000 } };
	timerfd_settime(follow->timer, 0, &when, NULL);
}

struct dns_follow *dns_follow_open(const char *path, uid_t uid)
{
	struct dns_follow *follow = calloc(1, sizeof *follow);
	if (!follow)
		return NULL;
	snprintf(follow->path, sizeof follow->path, "%s", path ? path : "");
	follow->uid = uid;
	follow->inotify = -1;
	follow->epoll = epoll_create1(EPOLL_CLOEXEC);
	follow->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	struct epoll_event event = { .events = EPOLLIN };
	if (follow->epoll < 0 || follow->timer < 0 ||
	    epoll_ctl(follow->epoll, EPOLL_CTL_ADD, follow->timer, &event) < 0) {
		dns_follow_close(follow);
		return NULL;
	}
	/* it may have changed since it was read first: watched and read once more, which what is short need not wait for */
	follow->settling = true;
	set_timer(follow, SETTLE_MS);
	return follow;
}

void dns_follow_close(struct dns_follow *follow)
{
	if (!follow)
		return;
	fd_closep(&follow->inotify);
	fd_closep(&follow->timer);
	fd_closep(&follow->epoll);
	free(follow);
}

int dns_follow_descriptor(const struct dns_follow *follow)
{
	return follow->epoll;
}

static bool read_events(struct dns_follow *follow)
{
	char events[4096];
	bool any = false;
	while (follow->inotify >= 0 && read(follow->inotify, events, sizeof events) > 0)
		any = true;
	return any;
}

bool dns_follow_due(struct dns_follow *follow)
{
	uint64_t turns;
	bool ended = read(follow->timer, &turns, sizeof turns) == sizeof turns;
	if (read_events(follow) && !ended && !follow->settling) {
		follow->settling = true;
		set_timer(follow, SETTLE_MS);
	}
	if (!ended)
		return false;
	if (follow->settling || follow->inotify < 0)
		watch_anew(follow); /* before the file is read, or a change between the two would go unseen */
	follow->settling = false;
	set_timer(follow, POLL_MS);
	return true;
}

void dns_follow_rest(struct dns_follow *follow)
{
	set_timer(follow, REST_MS);
}
