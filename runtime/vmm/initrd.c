/* Writing the archive. The format:
 * https://www.kernel.org/doc/html/latest/driver-api/early-userspace/buffer-format.html */
#include "vmm/initrd.h"
#include "base/text_stream.h"
#include "guest/agent.h"
#include "net/pool.h"
#include "vmm/qemu_argv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define INIT_VARIABLES "msb/run"

/* A name or the data of a member ends on a multiple of four */
static void pad(FILE *out)
{
	while (ftello(out) % 4)
		fputc(0, out);
}

static void member(FILE *out, const char *name, unsigned mode, const char *data, size_t size)
{
	static unsigned inode;
	const unsigned fields[13] = {
		++inode, mode, 0, 0, 1, 0, (unsigned)size, 0, 0, 0, 0, (unsigned)strlen(name) + 1, 0,
	};

	fputs("070701", out);
	for (size_t i = 0; i < 13; i++)
		fprintf(out, "%08X", fields[i]);
	fwrite(name, strlen(name) + 1, 1, out);
	pad(out);
	fwrite(data, 1, size, out);
	pad(out);
}

/* A file whose text is made by `write` */
static int file(FILE *out, const char *path, void (*write)(FILE *, const struct initrd_run *),
		const struct initrd_run *run)
{
	char *text = NULL;
	size_t size = 0;
	FILE *memory = open_memstream(&text, &size);

	if (!memory)
		return -errno;
	write(memory, run);
	if (text_stream_close(memory, &text))
		return -ENOMEM;
	member(out, path, 0100644, text, size);
	free(text);
	return 0;
}

static void write_family(FILE *out, const char *suffix, bool has, struct addr guest, struct addr gateway)
{
	char guest_text[ADDR_TEXT_MAX], gateway_text[ADDR_TEXT_MAX];

	if (!has) {
		fprintf(out, "ADDRESS%s= GATEWAY%s=\n", suffix, suffix);
		return;
	}
	fprintf(out, "ADDRESS%s=%s/%d GATEWAY%s=%s\n", suffix, addr_format(guest, guest_text),
		*suffix == '4' ? POOL_LEN4 : POOL_LEN6, suffix, addr_format(gateway, gateway_text));
}

/* Shell assignments. Nothing here needs quoting: addresses, domains, and names of [a-z0-9-]. */
static void write_variables(FILE *out, const struct initrd_run *run)
{
	const struct vmm_start *start = run->start;
	const struct options_list *search = &start->config->dns_search;

	write_family(out, "4", start->gateway.has4, start->guest4, start->gateway.v4);
	write_family(out, "6", start->gateway.has6, start->guest6, start->gateway.v6);
	fprintf(out, "NAME=%s\n", start->config->name);
	fprintf(out, "ROOTFS=%s\n", run->has_rootfs ? QEMU_ROOT_NAME : "");
	for (size_t i = 0; i < search->count; i++)
		fprintf(out, "%s%s%s", i ? "," : "SEARCH=", search->items[i], i + 1 < search->count ? "" : "\n");
}

static void write_argv(FILE *out, const struct initrd_run *run)
{
	static char *shell[] = { "/bin/sh", NULL };
	char **command = run->start->config->command;

	for (char **word = command && *command ? command : shell; *word; word++)
		fwrite(*word, strlen(*word) + 1, 1, out);
}

static bool overridden(const struct options_list *env, const char *variable)
{
	size_t name = strcspn(variable, "=") + 1;

	for (size_t i = 0; i < env->count; i++)
		if (!strncmp(env->items[i], variable, name))
			return true;
	return false;
}

static void write_environ(FILE *out, const struct initrd_run *run)
{
	static const char *const defaults[] = { DEFAULT_PATH, "HOME=/root" };
	const struct options_list *env = &run->start->config->env;

	for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
		if (!overridden(env, defaults[i]))
			fwrite(defaults[i], strlen(defaults[i]) + 1, 1, out);
	if (run->term && !overridden(env, "TERM="))
		fprintf(out, "TERM=%s%c", run->term, 0);
	for (size_t i = 0; i < env->count; i++)
		fwrite(env->items[i], strlen(env->items[i]) + 1, 1, out);
}

static void write_workdir(FILE *out, const struct initrd_run *run)
{
	fwrite(run->start->config->workdir, strlen(run->start->config->workdir) + 1, 1, out);
}

/* Named by number, as qemu_argv.c does */
static void write_volumes(FILE *out, const struct initrd_run *run)
{
	const struct run_config *config = run->start->config;

	for (size_t i = 0; i < run->volumes->count; i++) {
		bool image = run->volumes->items[i].image >= 0;
		fprintf(out, "%s%c" QEMU_VOLUME_NAME "%c%s%c%s%c", image ? "ext4" : "virtiofs", 0, i, 0,
			image || config->volumes[i].read_only ? "ro" : "rw", 0, config->volumes[i].guest, 0);
	}
}

static void write_hosts(FILE *out, const struct initrd_run *run)
{
	vmm_hosts(out, run->start);
}

static void write_terminal(FILE *out, const struct initrd_run *run)
{
	fprintf(out, "%hu %hu\n", run->terminal->ws_row, run->terminal->ws_col);
}

static int write_archive(FILE *out, const struct initrd_run *run)
{
	int error = file(out, INIT_VARIABLES, write_variables, run);

	if (error == 0)
		error = file(out, &AGENT_ARGV[1], write_argv, run);
	if (error == 0)
		error = file(out, &AGENT_ENVIRON[1], write_environ, run);
	if (error == 0)
		error = file(out, &AGENT_HOSTS[1], write_hosts, run);
	if (error == 0 && run->start->config->workdir)
		error = file(out, &AGENT_WORKDIR[1], write_workdir, run);
	if (error == 0 && run->volumes && run->volumes->count)
		error = file(out, &AGENT_VOLUMES[1], write_volumes, run);
	if (error == 0 && run->terminal)
		error = file(out, &AGENT_TERMINAL[1], write_terminal, run);
	member(out, "TRAILER!!!", 0, "", 0);
	return error;
}

int initrd_make(const struct initrd_run *run, char **out, size_t *size)
{
	FILE *archive = open_memstream(out, size);

	if (!archive)
		return -errno;
	int error = write_archive(archive, run), lost = text_stream_close(archive, out);
	if (error == 0)
		error = lost;
	if (error < 0) {
		free(*out);
		*out = NULL;
	}
	return error;
}
