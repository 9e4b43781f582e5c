/* Theory of operation: nothing is read from standard input before the agent sends "ready", since a guest that boots takes
 * the end of input for a port that is not yet connected. After "exit" the streams run on until all bytes that the agent
 * counted are out; then this process ends, and the kernel kills QEMU, its child. Where QEMU ends first, what is left in the sockets still goes out. */
#include "vmm/guest_stdio.h"
#include "core/clock.h"
#include "core/exit_status.h"
#include "core/log.h"
#include "core/process.h"
#include "guest/agent.h"
#include "guest/stream.h"
#include "isolation/worker_jail.h"
#include "vmm/guest_console.h"
#include "vmm/guest_end.h"

#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <termios.h>

#define ERROR_LINES_MAX 20 /* QEMU's own */
#define LINE_MAX_LENGTH 1000
#define VOLUME_PATIENCE_MS 1000
#define READER_PATIENCE_MS 5000 /* with whoever reads our output, once we are asked to end */

enum relay_source {
	SIGNALS,
	CONTROL,
	IN,
	OUT,
	ERR,
	CONSOLE,
	ERRORS,
	EVENTS,
	QEMU,
	VOLUME,
	SOURCES = VOLUME + VOLUMES_MAX
};

/* Bytes up to a newline; longer lines are cut */
struct line {
	char text[LINE_MAX_LENGTH];
	size_t length;
};

struct relay {
	struct guest_stdio *stdio;
	struct stream in, out, err;
	int signals;
	struct line control, error, event;
	struct guest_console console;
	struct guest_end end;
	unsigned error_lines;
	bool ready;  /* the command runs */
	bool exited; /* and has ended: its status and how many bytes it wrote are known */
	bool qemu_ended;
	bool asked_to_end;
	uint64_t give_up_ms; /* when what is left of the output is lost; 0: as long as it takes */
	int status;
	unsigned long long out_total, err_total;
	struct termios cooked; /* of the terminal, while `raw` */
	bool raw;
};

/* ---- privileges ---- */

/* Bytes of a guest pass through here: should they ever do more than pass, there is little to misuse. */
static const struct worker_jail_call calls[] = {
	{ SCMP_SYS(poll), JAIL_ANY, "the loop" },
	{ SCMP_SYS(ppoll), JAIL_ANY, "the loop, in other C libraries" },
	{ SCMP_SYS(restart_syscall), JAIL_ANY, "the loop, after a stop and SIGCONT" },
	{ SCMP_SYS(read), JAIL_ANY, "streams, signals" },
	{ SCMP_SYS(write), JAIL_ANY, "streams, messages" },
	{ SCMP_SYS(pwritev2), JAIL_ANY, "messages, without waiting" },
	{ SCMP_SYS(sendto), JAIL_ANY, "lines for the agent" },
	{ SCMP_SYS(shutdown), JAIL_ANY, "the end of a stream" },
	{ SCMP_SYS(close), JAIL_ANY, "the end of a stream" },
	{ SCMP_SYS(ioctl), JAIL_TERMINAL, "the terminal's mode and size" },
	{ SCMP_SYS(waitid), JAIL_ANY, "the end of QEMU" },
	{ SCMP_SYS(clock_gettime), JAIL_ANY, "patience, where the vDSO cannot" },
	{ SCMP_SYS(brk), JAIL_ANY, "what the heap gives back" },
	{ SCMP_SYS(munmap), JAIL_ANY, "the same" },
	{ SCMP_SYS(exit_group), JAIL_ANY, "our own end" },
};

/* ---- lines ---- */

static bool line_add(struct line *line, char byte)
{
	if (byte == '\n') {
		line->text[line->length] = '\0';
		line->length = 0;
		return true;
	}
	if (byte != '\r' && line->length < sizeof line->text - 1)
		line->text[line->length++] = byte;
	return false;
}

/* Reads what is there and hands on every whole line. False at the end. */
static bool lines_read(struct relay *relay, int fd, struct line *line, void (*each)(struct relay *, const char *))
{
	char buffer[1024];
	ssize_t n = read(fd, buffer, sizeof buffer);

	for (ssize_t i = 0; i < n; i++)
		if (line_add(line, buffer[i]))
			each(relay, line->text);
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void log_column_one(void)
{
	ssize_t written = write(STDERR_FILENO, "\r", 1);
	(void)written;
}

/* False at the end */
static bool console_read(struct relay *relay, int fd)
{
	char buffer[1024];
	ssize_t n = read(fd, buffer, sizeof buffer);

	if (n > 0)
		guest_console_add(&relay->console, buffer, (size_t)n);
	/* A raw terminal does not go back to the first column by itself */
	if (n > 0 && relay->console.verbose && relay->raw)
		log_column_one();
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void tell_qemu(struct relay *relay, const char *line)
{
	ssize_t sent = send(relay->stdio->events, line, strlen(line), MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)sent;
}

static void error_line(struct relay *relay, const char *text)
{
	if (relay->error_lines++ < ERROR_LINES_MAX)
		log_line("%s", text);
}

/* A guest that stands still would be waited for forever. */
static void event_line(struct relay *relay, const char *text)
{
	if (guest_end_line(&relay->end, text))
		tell_qemu(relay, GUEST_END_QUIT);
}

/* ---- the terminal ---- */

static void terminal_raw(struct relay *relay)
{
	struct termios raw;

	if (!relay->stdio->terminal || relay->raw || tcgetattr(relay->stdio->host_stdin, &relay->cooked))
		return;
	raw = relay->cooked;
	cfmakeraw(&raw);
	relay->raw = !tcsetattr(relay->stdio->host_stdin, TCSANOW, &raw);
}

static void terminal_restore(struct relay *relay)
{
	if (relay->raw)
		tcsetattr(relay->stdio->host_stdin, TCSANOW, &relay->cooked);
	relay->raw = false;
}

/* ---- control ---- */

/* A line for the agent; a guest that does not read them loses some. */
static void send_line(struct relay *relay, const char *fmt, unsigned a, unsigned b)
{
	char line[AGENT_LINE_MAX];
	int length = snprintf(line, sizeof line, fmt, a, b);
	ssize_t sent = send(relay->stdio->control, line, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)sent;
}

static void send_size(struct relay *relay)
{
	struct winsize size;

	if (relay->stdio->terminal && !ioctl(relay->stdio->host_stdin, TIOCGWINSZ, &size))
		send_line(relay, "size %u %u\n", size.ws_row, size.ws_col);
}

/* "exit STATUS OUT ERR" */
static void command_exited(struct relay *relay, const char *numbers)
{
	char *rest;

	relay->status = (int)(strtoul(numbers, &rest, 10) & 0xff);
	relay->out_total = strtoull(rest, &rest, 10);
	relay->err_total = strtoull(rest, &rest, 10);
	relay->exited = true;
}

static void control_line(struct relay *relay, const char *text)
{
	if (!strcmp(text, "ready") && !relay->ready) {
		relay->ready = true;
		terminal_raw(relay);
		send_size(relay);
	} else if (!strncmp(text, "exit ", 5)) {
		command_exited(relay, text + 5);
	}
}

static bool only_output_is_left(const struct relay *relay)
{
	return relay->exited || relay->qemu_ended;
}

/* Output that nobody reads keeps nobody from ending: after a while, or with the next signal */
static void lose_patience(struct relay *relay, int signo)
{
	bool again = relay->give_up_ms != 0;

	if (signo == SIGHUP || signo == SIGINT || signo == SIGQUIT || signo == SIGTERM)
		relay->asked_to_end = true;
	else
		again = false;
	if (relay->asked_to_end && only_output_is_left(relay) && (again || !relay->give_up_ms))
		relay->give_up_ms = clock_ms() + (again ? 0 : READER_PATIENCE_MS);
}

/* A signal for the command. Before it runs, and without an agent, one that ends a process ends the sandbox. */
static void serve_signals(struct relay *relay)
{
	struct signalfd_siginfo info;

	if (read(relay->signals, &info, sizeof info) != sizeof info)
		return;
	lose_patience(relay, (int)info.ssi_signo);
	if (info.ssi_signo == SIGWINCH) {
		send_size(relay);
	} else if (relay->ready && relay->stdio->control >= 0) {
		send_line(relay, "signal %u\n", info.ssi_signo, 0);
	} else if (info.ssi_signo != SIGCONT) {
		relay->exited = true;
		relay->status = 128 + (int)info.ssi_signo;
	}
}

/* A volume's process ends with QEMU, perhaps a moment before it. By itself it does not: the guest would wait for it forever. */
static void volume_gone(struct relay *relay, int *volume)
{
	struct pollfd qemu = { .fd = relay->stdio->qemu_pidfd, .events = POLLIN };

	*volume = -1;
	if (relay->exited || poll(&qemu, 1, VOLUME_PATIENCE_MS) == 1)
		return;
	log_error("virtiofsd, which serves a volume, is gone: the sandbox is closed");
	relay->exited = true;
	relay->status = EXIT_STATUS_FAILED;
}

/* ---- the loop ---- */

static void nonblocking(int fd)
{
	if (fd >= 0)
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static int open_signals(void)
{
	sigset_t set;

	process_forwarded_signals(&set);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int copy(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
}

/* The socket of standard input is held twice: closed whole, QEMU would drop what it has not yet read. The
 * launcher's streams too: the terminal and our own messages outlive them. Without an agent the console is both
 * input and output. */
static void relay_init(struct relay *relay, struct guest_stdio *stdio)
{
	bool agent = stdio->control >= 0;

	*relay = (struct relay){
		.stdio = stdio, .signals = open_signals(), .ready = !agent, .status = EXIT_STATUS_FAILED
	};
	relay->console.verbose = stdio->verbose;
	relay->in.from = copy(stdio->host_stdin);
	relay->in.to = copy(agent ? stdio->in : stdio->console);
	relay->in.half_close = agent;
	relay->out.from = agent ? stdio->out : stdio->console;
	relay->out.to = copy(stdio->host_stdout);
	relay->err.from = agent ? stdio->err : -1;
	relay->err.to = agent ? copy(stdio->host_stderr) : -1;
	relay->out.write_max = relay->err.write_max = PIPE_BUF;
	const int sockets[] = { stdio->in,      stdio->out,    stdio->err,   stdio->control,
				stdio->console, stdio->errors, stdio->events };
	for (size_t i = 0; i < sizeof sockets / sizeof *sockets; i++)
		nonblocking(sockets[i]);
	if (!agent)
		stdio->console = -1;
	signal(SIGPIPE, SIG_IGN);
	json_object_seed(0); /* it reads a file */
	tell_qemu(relay, GUEST_END_ASK);
}

static void relay_interest(const struct relay *relay, struct pollfd fds[static SOURCES])
{
	const struct guest_stdio *stdio = relay->stdio;

	fds[SIGNALS] = (struct pollfd){ relay->signals, POLLIN, 0 };
	fds[CONTROL] = (struct pollfd){ stdio->control, POLLIN, 0 };
	fds[IN] = stream_interest(&relay->in);
	if (!relay->ready || relay->exited)
		fds[IN].fd = -1;
	fds[OUT] = stream_interest(&relay->out);
	fds[ERR] = stream_interest(&relay->err);
	fds[CONSOLE] = (struct pollfd){ stdio->console, POLLIN, 0 };
	fds[ERRORS] = (struct pollfd){ stdio->errors, POLLIN, 0 };
	fds[EVENTS] = (struct pollfd){ stdio->events, POLLIN, 0 };
	fds[QEMU] = (struct pollfd){ relay->qemu_ended ? -1 : stdio->qemu_pidfd, POLLIN, 0 };
	for (size_t i = 0; i < VOLUMES_MAX; i++)
		fds[VOLUME + i] = (struct pollfd){ stdio->volumes[i], POLLIN, 0 };
}

static void relay_serve(struct relay *relay, const struct pollfd fds[static SOURCES])
{
	struct guest_stdio *stdio = relay->stdio;

	if (fds[CONTROL].revents && !lines_read(relay, stdio->control, &relay->control, control_line))
		stream_shut(&stdio->control);
	stream_move(&relay->in, fds[IN].revents);
	stream_move(&relay->out, fds[OUT].revents);
	stream_move(&relay->err, fds[ERR].revents);
	if (fds[CONSOLE].revents && !console_read(relay, stdio->console))
		stream_shut(&stdio->console);
	if (fds[ERRORS].revents && !lines_read(relay, stdio->errors, &relay->error, error_line))
		stream_shut(&stdio->errors);
	if (fds[EVENTS].revents && !lines_read(relay, stdio->events, &relay->event, event_line))
		stream_shut(&stdio->events);
	if (fds[SIGNALS].revents)
		serve_signals(relay);
	if (fds[QEMU].revents)
		relay->qemu_ended = true;
	for (size_t i = 0; i < VOLUMES_MAX; i++)
		if (fds[VOLUME + i].revents)
			volume_gone(relay, &stdio->volumes[i]);
}

static bool stream_done(const struct stream *stream, unsigned long long total)
{
	return stream->to < 0 || stream->total >= total;
}

static bool relay_done(const struct relay *relay)
{
	const struct guest_stdio *stdio = relay->stdio;

	if (relay->give_up_ms && clock_ms() >= relay->give_up_ms)
		return true;
	if (relay->exited && stream_done(&relay->out, relay->out_total) && stream_done(&relay->err, relay->err_total))
		return true;
	return relay->qemu_ended && relay->out.from < 0 && relay->err.from < 0 && stdio->control < 0 &&
	       stdio->console < 0 && stdio->errors < 0 && stdio->events < 0;
}

/* The guest has ended without "exit": in order, where it has no agent; else its last words help. */
static int ended_silently(const struct relay *relay, bool agent, int qemu_status)
{
	if (qemu_status == 0 && guest_end_explain(&relay->end))
		return EXIT_STATUS_FAILED;
	if (!agent && qemu_status == 0)
		return 0;
	if (qemu_status > 128)
		log_error("QEMU was killed by signal %d", qemu_status - 128);
	else if (qemu_status != 0)
		log_error("QEMU ended with status %d", qemu_status);
	if (agent && qemu_status == 0)
		guest_console_last_words(&relay->console, relay->end.kind);
	return EXIT_STATUS_FAILED;
}

static void relay_run(struct relay *relay)
{
	while (!relay_done(relay)) {
		struct pollfd fds[SOURCES];
		relay_interest(relay, fds);
		if (poll(fds, SOURCES, relay->give_up_ms ? 100 : -1) > 0)
			relay_serve(relay, fds);
		lose_patience(relay, 0); /* the command may have ended since it was asked to */
	}
	terminal_restore(relay);
}

int guest_stdio_run(struct guest_stdio *stdio)
{
	static struct relay relay;
	bool agent = stdio->control >= 0;

	prctl(PR_SET_NAME, "msb-stdio");
	relay_init(&relay, stdio);
	int error = worker_jail_enter(stdio->uid, calls, sizeof calls / sizeof *calls);
	if (error < 0) {
		log_error("cannot give up privileges: %s", strerror(-error));
	} else {
		if (!agent)
			terminal_raw(&relay);
		relay_run(&relay);
	}
	/* QEMU, if it still runs, is killed by the kernel when this process ends. */
	if (error < 0)
		return EXIT_STATUS_FAILED;
	if (!relay.exited)
		return ended_silently(&relay, agent, process_wait(stdio->qemu_pidfd));
	if (relay.status == 128 + SIGKILL)
		guest_console_explain_kill(&relay.console);
	return relay.status;
}
