/* msb-ctl serve-metrics: a scrape of all sandboxes of the host by HTTP. It listens, gives up all but reading the run directory and
 * connecting to sockets as root, and only then reads what strangers send. */
#include "core/fd.h"
#include "core/process.h"
#include "core/run_directory.h"
#include "ctl/ctl.h"
#include "ctl/scrape.h"
#include "isolation/capabilities.h"
#include "isolation/files.h"
#include "metrics/metrics_server.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DESCRIPTORS 8192 /* a sandbox each while a scrape goes on */

struct serving {
	struct ctl_line *line;
	int directory;
};

static const char *scrape_all(struct arena *arena, void *self)
{
	const struct serving *serving = self;
	int error;
	const char *text = scrape(arena, serving->directory, NULL, &error);

	if (!text)
		fprintf(stderr, "msb-ctl: error: cannot list the sandboxes: %s\n", strerror(-error));
	return text;
}

/* 0, or a status, said */
static enum ctl_status give_up(struct serving *serving)
{
	int error = files_read_only(serving->directory);

	if (error == -EOPNOTSUPP)
		fputs("msb-ctl: this kernel has no Landlock: the server can still open root's files\n", stderr);
	else if (error < 0)
		return ctl_fail(serving->line, NULL, "cannot give up the file system: %s", strerror(-error));
	error = capabilities_keep(NULL, 0);
	return error < 0 ? ctl_fail(serving->line, NULL, "cannot drop capabilities: %s", strerror(-error)) : CTL_FINE;
}

static enum ctl_status serve(struct serving *serving, struct metrics_server *server, const char *where)
{
	enum ctl_status status = give_up(serving);

	if (status != CTL_FINE)
		return status;
	fprintf(stderr, "msb-ctl: metrics at http://%s/metrics\n", where);
	int error = metrics_server_run(server);
	return error < 0 ? ctl_fail(serving->line, NULL, "cannot serve: %s", strerror(-error)) : CTL_FINE;
}

static enum ctl_status open_and_serve(struct ctl_line *line, const struct sockaddr_in6 *address, const char *where)
{
	CLEANUP_FD int made = run_directory_open(), directory = made < 0 ? made : run_directory_look(true);
	struct serving serving = { line, directory };

	if (directory < 0)
		return ctl_fail(line, NULL, RUN_DIRECTORY ": %s", strerror(-directory));
	process_raise_descriptors(DESCRIPTORS);
	struct metrics_server *server = metrics_server_open(address, scrape_all, &serving);
	if (!server)
		return ctl_fail(line, "another --listen ADDRESS:PORT", "cannot listen at %s: %s", where,
				strerror(errno));
	enum ctl_status status = serve(&serving, server, where);
	metrics_server_close(server);
	return status;
}

enum ctl_status ctl_serve_metrics(struct ctl_line *line)
{
	const char *where = line->values[SERVE_LISTEN] ? line->values[SERVE_LISTEN] : "127.0.0.1:9471";
	struct sockaddr_in6 address;

	if (!metrics_address_parse(where, &address))
		return ctl_usage(line, "--listen `%s` is no ADDRESS:PORT, [ADDRESS]:PORT or :PORT, of numbers", where);
	if (geteuid() != 0)
		return ctl_fail(line, "sudo msb-ctl serve-metrics", "needs root, to ask the sandboxes");
	if (!metrics_address_is_loopback(&address))
		fputs("msb-ctl: whoever reaches that address can read the metrics: there is no password and no TLS\n",
		      stderr);
	return open_and_serve(line, &address, where);
}
