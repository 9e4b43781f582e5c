/* msb-policyc lsp: a language server on standard input and output. */
#include "cmd/cmd.h"
#include "lsp/lsp.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct session {
	const struct cmd_line *line;
	struct policy_options policy; /* the line's, with today's date */
	bool given_today, broken;     /* broken: nobody reads what is sent */
	time_t day;
};

static void send_bytes(void *context, const char *bytes, size_t len)
{
	struct session *session = context;

	while (len && !session->broken) {
		ssize_t done = write(STDOUT_FILENO, bytes, len);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0) {
			session->broken = true;
			return;
		}
		bytes += done;
		len -= (size_t)done;
	}
}

/* A server outlives midnight. */
static void set_today(struct session *session)
{
	enum { DAY = 24 * 60 * 60 };
	time_t now = time(NULL);

	if (session->given_today || now / DAY == session->day)
		return;
	session->day = now / DAY;
	session->policy.today = NULL;
	options_set_today(&session->policy, now);
}

/* Whether more comes at once, as while somebody types */
static bool input_waits(void)
{
	enum { PAUSE_MS = 50 };
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };

	return poll(&input, 1, PAUSE_MS) > 0;
}

static int serve(struct session *session, struct lsp *lsp)
{
	static char buffer[64 << 10];
	ssize_t got;

	while (!session->broken) {
		got = read(STDIN_FILENO, buffer, sizeof buffer);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return cmd_system_error(session->line, "standard input", -errno);
		if (!got)
			break;
		set_today(session);
		if (!lsp_feed(lsp, buffer, (size_t)got))
			break;
		if (!input_waits()) /* findings are made once for all that was typed meanwhile */
			lsp_idle(lsp);
	}
	return session->broken ? cmd_system_error(session->line, "standard output", -EPIPE) : lsp_exit_status(lsp);
}

int cmd_lsp(struct cmd_line *line)
{
	struct session session = { .line = line, .policy = line->policy, .given_today = line->given_today };
	struct lsp_options options = {
		.policy = &session.policy,
		.gateway = line->gateway,
		.disabled = line->disabled.items,
		.disabled_count = line->disabled.count,
	};
	struct lsp *lsp;
	int status;

	if (line->policy.files.count)
		return cmd_usage_error(line, "lsp takes no files, `%s` is one: editors send what they have open",
				       line->policy.files.items[0]);
	signal(SIGPIPE, SIG_IGN);
	lsp = lsp_new(&options, send_bytes, &session);
	status = serve(&session, lsp);
	lsp_free(lsp);
	return status;
}
