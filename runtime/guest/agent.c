/* The last thing that init of the default guest starts, and process 1 from then on: runs the command with standard
 * streams that are the host's, by the ports of agent.h, and tells the host how it ended. usage: agent ROOT */
#include "agent.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Bytes on their way from one descriptor to another. A side that is over is -1. */
struct stream {
	int from, to;
	size_t start, end;
	uint64_t total; /* that went out */
	char buffer[32768];
};

struct command {
	pid_t pid;
	int terminal; /* the master of its terminal, or -1 */
	struct stream in, out, err;
};

static void end_machine(void)
{
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void fail(const char *what)
{
	fprintf(stderr, "msb-run: in the guest: %s: %s\n", what, strerror(errno));
	end_machine();
}

/* --- ports --- */

static int port_named(const char *wanted)
{
	DIR *ports = opendir("/sys/class/virtio-ports");
	struct dirent *entry;
	int found = -1;

	while (ports && found < 0 && (entry = readdir(ports))) {
		char path[300], name[64] = "";
		FILE *file;

		snprintf(path, sizeof path, "/sys/class/virtio-ports/%s/name", entry->d_name);
		if (entry->d_name[0] == '.' || !(file = fopen(path, "re")))
			continue;
		if (fgets(name, sizeof name, file) && !strcmp(strtok(name, "\n") ?: "", wanted)) {
			snprintf(path, sizeof path, "/dev/%s", entry->d_name);
			found = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		}
		fclose(file);
	}
	if (ports)
		closedir(ports);
	return found;
}

/* Open, and connected on the host's side: before that, reading looks like the end of the input */
static int port_open(const char *name)
{
	for (int tries = 0; tries < 1000; tries++) {
		int fd = port_named(name);
		struct pollfd port = {.fd = fd};

		if (fd >= 0 && poll(&port, 1, 0) >= 0 && !(port.revents & POLLHUP))
			return fd;
		if (fd >= 0)
			close(fd);
		usleep(10000);
	}
	errno = ENODEV;
	fail(name);
	return -1;
}

static void port_say(int port, const char *line)
{
	size_t length = strlen(line);

	while (length) {
		struct pollfd ready = {.fd = port, .events = POLLOUT};
		ssize_t n = write(port, line, length);

		if (n > 0) {
			line += n;
			length -= (size_t)n;
		} else if (errno != EAGAIN || poll(&ready, 1, -1) < 0 || ready.revents & POLLHUP) {
			return;
		}
	}
}

/* --- streams --- */

static void shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static bool stream_empty(const struct stream *stream)
{
	return stream->start == stream->end;
}

/* Either the side to read from or the side to write to: never both */
static int stream_interest(const struct stream *stream, struct pollfd *out)
{
	bool reads = stream_empty(stream);

	out->fd = stream->to < 0 ? -1 : reads ? stream->from : stream->to;
	out->events = reads ? POLLIN : POLLOUT;
	out->revents = 0;
	return out->fd;
}

static void stream_over(struct stream *stream)
{
	shut(&stream->from);
	shut(&stream->to);
	stream->start = stream->end = 0;
}

/* One read or one write. The end of `from` reaches `to` as its close; where nobody takes the bytes, `from` is
 * closed, so that who writes them learns of it. */
static void stream_move(struct stream *stream, bool hangup)
{
	ssize_t n;

	if (stream_empty(stream)) {
		n = read(stream->from, stream->buffer, sizeof stream->buffer);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			stream_over(stream);
			return;
		}
		stream->start = 0;
		stream->end = (size_t)n;
		return;
	}
	n = write(stream->to, stream->buffer + stream->start, stream->end - stream->start);
	if (n > 0) {
		stream->start += (size_t)n;
		stream->total += (uint64_t)n;
	} else if (hangup || (errno != EAGAIN && errno != EINTR)) {
		stream_over(stream);
	}
}

/* All that is still on its way: the writers are dead, so this ends */
static void stream_drain(struct stream *stream)
{
	struct pollfd ready;

	while (stream_interest(stream, &ready) >= 0) {
		if (ready.events == POLLOUT)
			poll(&ready, 1, -1);
		else if (poll(&ready, 1, 0) == 0)
			return;
		stream_move(stream, ready.revents & POLLHUP);
	}
}

/* --- the command --- */

/* The strings of a file, NULL-terminated */
static char **strings_of(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	size_t count = 0, have = 0;
	char *text, **strings;

	if (fd < 0 || fstat(fd, &st) < 0 || !(text = malloc((size_t)st.st_size + 1)))
		fail(path);
	for (ssize_t n; (n = read(fd, text + have, (size_t)st.st_size - have)) > 0;)
		have += (size_t)n;
	close(fd);
	text[have] = '\0';
	for (size_t i = 0; i < have; i++)
		count += !text[i];
	strings = calloc(count + 1, sizeof *strings);
	for (size_t i = 0; strings && i < count; i++, text += strlen(text) + 1)
		strings[i] = text;
	if (!strings || !count)
		fail(path);
	return strings;
}

static void command_exec(const char *root, const int std[3], bool terminal)
{
	char **argv = strings_of(AGENT_ARGV), **environment = strings_of(AGENT_ENVIRON);
	sigset_t none;

	setsid();
	if (terminal)
		ioctl(std[0], TIOCSCTTY, 0);
	for (int i = 0; i < 3; i++)
		dup2(std[i], i);
	if (chroot(root) < 0 || (chdir("/root") < 0 && chdir("/") < 0))
		fail(root);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	environ = environment;
	execvp(argv[0], argv);
	fprintf(stderr, "msb-run: cannot run %s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* pair[0] is to be read from, pair[1] to be written to; ours, `mine`, does not block */
static void pipe_new(int pair[2], int mine)
{
	if (pipe2(pair, O_CLOEXEC) < 0)
		fail("pipe");
	fcntl(pair[mine], F_SETFL, O_NONBLOCK);
}

static void command_start(struct command *command, const char *root)
{
	bool terminal = access(AGENT_TERMINAL, F_OK) == 0;
	int in[2], out[2], err[2], slave = -1;

	command->terminal = -1;
	if (terminal) {
		if (openpty(&command->terminal, &slave, NULL, NULL, NULL) < 0)
			fail("openpty");
		fcntl(command->terminal, F_SETFD, FD_CLOEXEC);
		fcntl(command->terminal, F_SETFL, O_NONBLOCK);
		in[0] = out[1] = err[1] = slave;
		in[1] = command->terminal;
		out[0] = dup(command->terminal);
		err[0] = -1;
	} else {
		pipe_new(in, 1);
		pipe_new(out, 0);
		pipe_new(err, 0);
	}
	command->pid = fork();
	if (command->pid < 0)
		fail("fork");
	if (command->pid == 0)
		command_exec(root, (int[]){in[0], out[1], err[1]}, terminal);
	command->in.to = in[1];
	command->out.from = out[0];
	command->err.from = err[0];
	shut(&in[0]);
	if (!terminal) {
		shut(&out[1]);
		shut(&err[1]);
	}
}

/* A line of the host; what is none of agent.h's is ignored */
static void command_control(const struct command *command, const char *line)
{
	struct winsize size = {0};
	int number;

	if (sscanf(line, "size %hu %hu", &size.ws_row, &size.ws_col) == 2 && command->terminal >= 0)
		ioctl(command->terminal, TIOCSWINSZ, &size);
	else if (sscanf(line, "signal %d", &number) == 1 && number > 0 && number < 32)
		kill(-command->pid, number);
}

static void control_read(const struct command *command, int port)
{
	static char line[AGENT_LINE_MAX];
	static size_t length;
	char byte;

	while (read(port, &byte, 1) == 1) {
		if (byte == '\n') {
			line[length] = '\0';
			length = 0;
			command_control(command, line);
		} else if (length < sizeof line - 1) {
			line[length++] = byte;
		}
	}
}

/* Reaps whatever has ended; true once the command is among it */
static bool command_ended(const struct command *command, int *status)
{
	bool ended = false;
	int each;
	pid_t pid;

	while ((pid = waitpid(-1, &each, WNOHANG)) > 0)
		if (pid == command->pid) {
			*status = WIFSIGNALED(each) ? 128 + WTERMSIG(each) : WEXITSTATUS(each);
			ended = true;
		}
	return ended;
}

static int command_run(struct command *command, int control, int signals)
{
	int status = 125;

	for (;;) {
		struct signalfd_siginfo info;
		struct pollfd fds[5] = {{.fd = control, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
		struct stream *streams[3] = {&command->in, &command->out, &command->err};

		for (int i = 0; i < 3; i++)
			stream_interest(streams[i], &fds[2 + i]);
		if (poll(fds, 5, -1) < 0)
			continue;
		if (fds[0].revents & POLLHUP)
			end_machine();
		if (fds[0].revents)
			control_read(command, control);
		for (int i = 0; i < 3; i++)
			if (fds[2 + i].revents)
				stream_move(streams[i], fds[2 + i].revents & POLLHUP);
		if (fds[1].revents && read(signals, &info, sizeof info) > 0 && command_ended(command, &status))
			return status;
	}
}

/* Ends every other process, and waits until it is gone and its files are closed */
static void end_all_others(void)
{
	kill(-1, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
}

int main(int argc, char **argv)
{
	struct command command = {.in.from = port_open(AGENT_IN), .out.to = port_open(AGENT_OUT), .err.to = port_open(AGENT_ERR)};
	int control = port_open(AGENT_CONTROL), signals, status;
	const char *root = argc > 1 ? argv[1] : "/";
	char line[AGENT_LINE_MAX];
	sigset_t child;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	signals = signalfd(-1, &child, SFD_CLOEXEC);
	port_say(control, "ready\n");
	command_start(&command, root);
	status = command_run(&command, control, signals);

	end_all_others();
	stream_drain(&command.out);
	stream_drain(&command.err);
	sync();
	if (strcmp(root, "/"))
		umount2(root, MNT_DETACH);
	snprintf(line, sizeof line, "exit %d %llu %llu\n", status, (unsigned long long)command.out.total,
		 (unsigned long long)command.err.total);
	port_say(control, line);
	for (;;)
		pause();
}
