/* The first process of the default guest: prepares it, then runs the command with standard streams that are the host's, by the
 * ports of agent.h, and tells the host how it ended. */
#include "agent.h"
#include "init.h"
#include "root.h"
#include "stream.h"

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
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct command {
	pid_t pid;
	bool terminal; /* it has one: out.from is its master */
	struct stream in, out, err;
};

static void fail(const char *what)
{
	fprintf(stderr, "msb-run: in the guest: %s: %s\n", what, strerror(errno));
	init_end_machine();
}

/* ---- ports ---- */

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
		struct pollfd port = { .fd = fd };

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
		struct pollfd ready = { .fd = port, .events = POLLOUT };
		ssize_t n = write(port, line, length);

		if (n > 0) {
			line += n;
			length -= (size_t)n;
		} else if (errno != EAGAIN || poll(&ready, 1, -1) < 0 || ready.revents & POLLHUP) {
			return;
		}
	}
}

/* All that is still on its way: the writers are dead, so this ends */
static void stream_drain(struct stream *stream)
{
	struct pollfd ready = stream_interest(stream);

	while (ready.fd >= 0 && poll(&ready, 1, ready.events == POLLIN ? 0 : -1) > 0) {
		stream_move(stream, ready.revents);
		ready = stream_interest(stream);
	}
}

/* ---- the command ---- */

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
	const char *workdir = access(AGENT_WORKDIR, F_OK) == 0 ? *strings_of(AGENT_WORKDIR) : NULL;
	sigset_t none;

	setsid();
	signal(SIGPIPE, SIG_DFL);
	if (terminal)
		ioctl(std[0], TIOCSCTTY, 0);
	for (int i = 0; i < 3; i++)
		dup2(std[i], i);
	if (chroot(root) < 0 || (chdir("/root") < 0 && chdir("/") < 0))
		fail(root);
	if (workdir && root_workdir(workdir) < 0) {
		fprintf(stderr, "msb-run: error: --workdir %s: %s\n", workdir, strerror(errno));
		_exit(125);
	}
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

/* A terminal of the size that the host's has; std are the command's ends, as below */
static void command_terminal(struct command *command, int std[3])
{
	struct winsize size = { 0 };
	FILE *file = fopen(AGENT_TERMINAL, "re");
	int master, slave;

	if (file && fscanf(file, "%hu %hu", &size.ws_row, &size.ws_col) != 2)
		size = (struct winsize){ 0 };
	if (file)
		fclose(file);
	if (openpty(&master, &slave, NULL, NULL, &size) < 0)
		fail("openpty");
	fcntl(master, F_SETFL, O_NONBLOCK);
	fcntl(master, F_SETFD, FD_CLOEXEC);
	command->out.from = master;
	command->in.to = fcntl(master, F_DUPFD_CLOEXEC, 3);
	command->err.from = -1;
	std[0] = slave;
	std[1] = fcntl(slave, F_DUPFD_CLOEXEC, 3);
	std[2] = fcntl(slave, F_DUPFD_CLOEXEC, 3);
	fcntl(slave, F_SETFD, FD_CLOEXEC);
}

static void command_pipes(struct command *command, int std[3])
{
	int in[2], out[2], err[2];

	pipe_new(in, 1);
	pipe_new(out, 0);
	pipe_new(err, 0);
	command->in.to = in[1];
	command->out.from = out[0];
	command->err.from = err[0];
	std[0] = in[0];
	std[1] = out[1];
	std[2] = err[1];
}

static void command_start(struct command *command, const char *root)
{
	int std[3]; /* the command's ends */

	command->terminal = access(AGENT_TERMINAL, F_OK) == 0;
	if (command->terminal)
		command_terminal(command, std);
	else
		command_pipes(command, std);
	command->pid = fork();
	if (command->pid < 0)
		fail("fork");
	if (command->pid == 0)
		command_exec(root, std, command->terminal);
	for (int i = 0; i < 3; i++)
		close(std[i]);
}

/* A line of the host; what is none of agent.h's is ignored */
static void command_control(const struct command *command, const char *line)
{
	struct winsize size = { 0 };
	int number;

	if (sscanf(line, "size %hu %hu", &size.ws_row, &size.ws_col) == 2 && command->terminal)
		ioctl(command->out.from, TIOCSWINSZ, &size);
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
		struct pollfd fds[5] = { { .fd = control, .events = POLLIN }, { .fd = signals, .events = POLLIN } };
		struct stream *streams[3] = { &command->in, &command->out, &command->err };

		for (int i = 0; i < 3; i++)
			fds[2 + i] = stream_interest(streams[i]);
		if (poll(fds, 5, -1) < 0)
			continue;
		if (fds[0].revents & POLLHUP)
			init_end_machine();
		if (fds[0].revents)
			control_read(command, control);
		for (int i = 0; i < 3; i++)
			stream_move(streams[i], fds[2 + i].revents);
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

int main(void)
{
	const char *root = init_prepare();
	struct command command = { .in.from = port_open(AGENT_IN),
				   .out.to = port_open(AGENT_OUT),
				   .err.to = port_open(AGENT_ERR) };
	int control = port_open(AGENT_CONTROL), signals, status;
	char line[AGENT_LINE_MAX];
	sigset_t child;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	signals = signalfd(-1, &child, SFD_CLOEXEC);
	/* no reason to keep the command from running; whoever looks at the console learns of it */
	if (root_complete_hosts(root) < 0)
		fprintf(stderr, "msb-run: in the guest: /etc/hosts: %s\n", strerror(errno));
	if (access(AGENT_VOLUMES, F_OK) == 0 && root_mount_volumes(root, strings_of(AGENT_VOLUMES)) < 0)
		init_end_machine();
	port_say(control, "ready\n");
	command_start(&command, root);
	status = command_run(&command, control, signals);

	end_all_others();
	stream_drain(&command.out);
	stream_drain(&command.err);
	sync();
	if (strcmp(root, "/")) /* leaves a clean file system behind */
		mount(NULL, root, NULL, MS_REMOUNT | MS_RDONLY, NULL);
	snprintf(line, sizeof line, "exit %d %llu %llu\n", status, (unsigned long long)command.out.total,
		 (unsigned long long)command.err.total);
	port_say(control, line);
	for (;;)
		pause();
}
