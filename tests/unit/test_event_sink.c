/* Where events go: files that are put aside, and what is lost where they cannot be. */
#include "report/event_sink.h"
#include "isolation/as_owner.h"
#include "isolation/capabilities.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIMIT 1000

static char directory[] = "/tmp/msb-sink.XXXXXX";
static char target[64], in_directory[96];

static void make_directory(void)
{
	cr_assert(mkdtemp(directory));
	snprintf(target, sizeof target, "%s/events", directory);
}

static const char *beside(const char *suffix)
{
	snprintf(in_directory, sizeof in_directory, "%s%s", target, suffix);
	return in_directory;
}

static void remove_directory(void)
{
	char command[64];

	snprintf(command, sizeof command, "rm -rf %s", directory);
	cr_assert_eq(system(command), 0);
}

static int write_number(struct event_sink *sink, int number)
{
	json_t *event = json_pack("{s:s}", "kind", "deny");
	char line[64];
	int len = snprintf(line, sizeof line, "{\"number\":%d}\n", number), error;

	error = event_sink_write(sink, event, line, (size_t)len);
	json_decref(event);
	return error;
}

/* The numbers of a file's lines, which follow `*last`; false: there is no such file */
static bool read_on(const char *path, int *last)
{
	FILE *file = fopen(path, "r");
	char line[64];
	int number;

	if (!file)
		return false;
	while (fgets(line, sizeof line, file)) {
		cr_assert_eq(sscanf(line, "{\"number\":%d}\n", &number), 1, "%s: %s", path, line);
		cr_assert(*last < 0 || number == *last + 1, "%s: %d after %d", path, number, *last);
		*last = number;
	}
	fclose(file);
	return true;
}

Test(event_sink, a_file_is_put_aside_at_its_size_and_no_line_is_missing)
{
	struct event_sink sink;
	struct stat st;
	int last = -1;

	make_directory();
	cr_assert_eq(event_sink_open(&sink, target, LIMIT, 2), 0);
	for (int i = 0; i < 500; i++)
		cr_assert_eq(write_number(&sink, i), 0);
	event_sink_close(&sink);
	cr_assert_neq(stat(beside(".3"), &st), 0, "2 are kept");
	for (const char *const *suffix = (const char *[]){ ".2", ".1", "", NULL }; *suffix; suffix++) {
		cr_assert_eq(stat(beside(*suffix), &st), 0);
		cr_assert(st.st_size && st.st_size <= LIMIT, "%ld bytes", (long)st.st_size);
		cr_assert_eq(st.st_mode & 07777, 0600);
		cr_assert(read_on(beside(*suffix), &last));
	}
	cr_assert_eq(last, 499);
	remove_directory();
}

Test(event_sink, what_a_former_run_wrote_counts)
{
	struct event_sink sink;
	struct stat st;

	make_directory();
	cr_assert_eq(event_sink_open(&sink, target, LIMIT, 1), 0);
	while (sink.size < LIMIT - 20)
		cr_assert_eq(write_number(&sink, 1), 0);
	event_sink_close(&sink);
	cr_assert_eq(event_sink_open(&sink, target, LIMIT, 1), 0);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(write_number(&sink, i), 0);
	cr_assert_eq(stat(beside(".1"), &st), 0);
	event_sink_close(&sink);
	remove_directory();
}

Test(event_sink, what_is_no_file_is_not_replaced)
{
	struct event_sink sink;
	struct stat st;
	int written = 0;

	make_directory();
	cr_assert_eq(mkdir(beside(".1"), 0700), 0);
	cr_assert_eq(event_sink_open(&sink, target, LIMIT, 2), 0);
	for (int i = 0; i < 200; i++)
		written += write_number(&sink, i) == 0;
	cr_assert_eq(sink.lost, 200 - (size_t)written);
	cr_assert_eq(sink.why, -EEXIST);
	cr_assert(stat(target, &st) == 0 && st.st_size <= LIMIT);
	cr_assert(stat(beside(".1"), &st) == 0 && S_ISDIR(st.st_mode));
	event_sink_close(&sink);
	remove_directory();
}

Test(event_sink, a_symbolic_link_is_refused_where_it_would_be_left_behind)
{
	struct event_sink sink;
	char link[96];

	make_directory();
	snprintf(link, sizeof link, "%s", beside(".link"));
	cr_assert_eq(symlink(target, link), 0);
	cr_assert_eq(event_sink_open(&sink, link, LIMIT, 2), -ELOOP);
	cr_assert_eq(event_sink_open(&sink, link, 0, 2), 0);
	event_sink_close(&sink);
	remove_directory();
}

Test(event_sink, a_directory_that_is_gone_loses_lines_and_counts_them)
{
	struct event_sink sink;
	int written = 0;

	make_directory();
	cr_assert_eq(event_sink_open(&sink, target, LIMIT, 2), 0);
	cr_assert_eq(write_number(&sink, 0), 0);
	remove_directory();
	for (int i = 0; i < 200; i++)
		written += write_number(&sink, i) == 0;
	cr_assert_eq(sink.lost, 200 - (size_t)written);
	cr_assert_lt(written, LIMIT / 10);
	cr_assert_eq(sink.why, -ENOENT);
	event_sink_close(&sink);
}

Test(event_sink, a_full_disk_keeps_whole_lines_and_goes_on_when_there_is_room)
{
	struct event_sink sink;
	struct stat st;
	int last = -1, i = 0;

	make_directory();
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("msb", directory, "tmpfs", 0, "size=8k"))
		cr_skip("no mount namespace of one's own");
	cr_assert_eq(event_sink_open(&sink, target, 0, 0), 0);
	int other = open(beside(".other"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	cr_assert_eq(write(other, "x", 1), 1); /* one of its two pages */
	while (write_number(&sink, i) == 0)
		i++;
	cr_assert_eq(sink.why, -ENOSPC);
	cr_assert_eq(write_number(&sink, i), -ENOSPC);
	cr_assert_eq(sink.lost, 2);
	cr_assert(read_on(target, &last));
	cr_assert_eq(last, i - 1, "only whole lines");
	cr_assert_eq(unlink(in_directory), 0);
	close(other);
	cr_assert_eq(write_number(&sink, i), 0);
	last = -1;
	cr_assert(read_on(target, &last));
	cr_assert_eq(last, i);
	cr_assert(stat(target, &st) == 0 && (uint64_t)st.st_size == sink.size);
	event_sink_close(&sink);
	umount2(directory, MNT_DETACH);
	remove_directory();
}

/* As the supervisor has: root without CAP_DAC_OVERRIDE, in a directory of somebody's */
Test(event_sink, a_file_in_anothers_directory_is_put_aside_with_that_ones_rights)
{
	static const unsigned kept[] = { CAP_SETUID, CAP_SETGID };
	struct event_sink sink;
	struct as_owner before;
	struct stat st;
	int death_signal = 0;

	if (geteuid())
		cr_skip("not root");
	make_directory();
	cr_assert(!chmod(directory, 0755) && !chown(directory, 12345, 12345));
	cr_assert_eq(event_sink_open(&sink, target, LIMIT, 1), 0);
	cr_assert_eq(capabilities_keep(kept, 2), 0);
	cr_assert(!prctl(PR_SET_PDEATHSIG, SIGKILL) && !prctl(PR_SET_DUMPABLE, 0));
	cr_assert(open(beside(".denied"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0, "root alone may not write there");
	for (int i = 0; i < 100; i++)
		cr_assert_eq(write_number(&sink, i), 0);
	cr_assert(stat(beside(".1"), &st) == 0 && st.st_uid == 0, "the first is root's");
	cr_assert(stat(target, &st) == 0 && st.st_uid == 12345);
	cr_assert(!prctl(PR_GET_PDEATHSIG, &death_signal) && death_signal == SIGKILL, "it still ends with its parent");
	cr_assert_eq(prctl(PR_GET_DUMPABLE), 0);
	cr_assert_eq(as_owner_begin(&before, sink.directory), 0);
	cr_assert(!unlink(target) && !unlink(beside(".1")) && !rmdir(directory));
	as_owner_end(&before);
	event_sink_close(&sink);
}

Test(event_sink, a_pipe_that_nobody_empties_loses_lines)
{
	struct event_sink sink;
	int fd, written = 0;

	make_directory();
	cr_assert_eq(mkfifo(target, 0600), 0);
	cr_assert_eq(event_sink_open(&sink, target, LIMIT, 1), -ENXIO);
	fd = open(target, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	cr_assert_eq(event_sink_open(&sink, target, LIMIT, 1), 0);
	for (int i = 0; i < 10000; i++)
		written += write_number(&sink, i) == 0;
	cr_assert_lt(written, 10000);
	cr_assert_eq(sink.lost, 10000 - (size_t)written);
	cr_assert_str_eq(event_sink_why(&sink), "the reader was too slow");
	event_sink_close(&sink);
	close(fd);
	remove_directory();
}
