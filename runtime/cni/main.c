/* msb-cni: a call of a container runtime's, from its environment and standard input to an answer on standard output. */
#include "base/json_memory.h"
#include "cni/cni.h"
#include "cni/cni_netns.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INPUT_MAX (16u << 20)
#define CONTAINER_MAX 200 /* it is part of a file's name */
#define SPARE (64u << 10)

static const char *const versions[] = { "0.4.0", "1.0.0", "1.1.0" };

enum need { NEEDS_CONTAINER = 1, NEEDS_LINK = 2, NEEDS_NETNS = 4 };

static const struct command {
	const char *name;
	int (*run)(struct cni_call *);
	unsigned needs;
	const char *since; /* a version of the specification */
} commands[] = {
	{ "ADD", cni_add, NEEDS_CONTAINER | NEEDS_LINK | NEEDS_NETNS, "0.4.0" },
	{ "DEL", cni_del, NEEDS_CONTAINER | NEEDS_LINK, "0.4.0" },
	{ "CHECK", cni_check, NEEDS_CONTAINER | NEEDS_LINK | NEEDS_NETNS, "0.4.0" },
	{ "STATUS", cni_status, 0, "1.1.0" },
	{ "GC", cni_gc, 0, "1.1.0" },
};

static int print_versions(void)
{
	json_t *answer = json_pack("{s:s, s:[]}", "cniVersion", CNI_VERSION_LATEST, "supportedVersions");

	for (size_t i = 0; i < sizeof versions / sizeof *versions; i++)
		json_array_append_new(json_object_get(answer, "supportedVersions"), json_string(versions[i]));
	json_dumpf(answer, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(answer);
	return 0;
}

static bool is_word(const char *text, const char *more)
{
	return *text && !text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")] &&
	       !strchr(more, *text);
}

static const char *variable(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

static int read_environment(struct cni_call *call, const struct command *command)
{
	call->container = variable("CNI_CONTAINERID");
	call->netns = variable("CNI_NETNS");
	call->link = variable("CNI_IFNAME");
	call->args = variable("CNI_ARGS");
	if (command->needs & NEEDS_CONTAINER &&
	    (!call->container || !is_word(call->container, "_.-") || strlen(call->container) > CONTAINER_MAX))
		return cni_fail(call, CNI_ENVIRONMENT_WRONG,
				"CNI_CONTAINERID: wanted are letters, digits, and - _ . behind the first, %d at most",
				CONTAINER_MAX);
	if (command->needs & NEEDS_LINK &&
	    (!call->link || strlen(call->link) > 15 || strpbrk(call->link, "/: \t\n\v\f\r") ||
	     !strcmp(call->link, ".") || !strcmp(call->link, "..")))
		return cni_fail(call, CNI_ENVIRONMENT_WRONG, "CNI_IFNAME: wanted is a link's name, such as eth0");
	if (command->needs & NEEDS_NETNS && !call->netns)
		return cni_fail(call, CNI_ENVIRONMENT_WRONG,
				"CNI_NETNS: wanted is the path of the pod's network namespace");
	return CNI_FINE;
}

static int read_version(struct cni_call *call)
{
	const json_t *value = json_object_get(call->config, "cniVersion");
	const char *text = json_string_value(value);

	for (size_t i = 0; text && i < sizeof versions / sizeof *versions; i++)
		if (!strcmp(text, versions[i]))
			call->version = versions[i];
	if (call->version)
		return CNI_FINE;
	return cni_fail(call, CNI_VERSION_UNKNOWN, "cniVersion %.20s: this plugin speaks 0.4.0, 1.0.0 and 1.1.0",
			text ? text : "is missing");
}

static int read_config(struct cni_call *call)
{
	char *text = arena_alloc(call->arena, INPUT_MAX);
	size_t len = fread(text, 1, INPUT_MAX, stdin);
	json_error_t error;

	if (len == INPUT_MAX)
		return cni_fail(call, CNI_UNREADABLE, "the network configuration is larger than %u bytes", INPUT_MAX);
	call->config = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(call->config))
		return cni_fail(call, CNI_UNREADABLE, "the network configuration is no JSON object: line %d: %s",
				error.line, call->config ? "another value" : error.text);
	int code = read_version(call);
	if (code)
		return code;
	call->network = json_string_value(json_object_get(call->config, "name"));
	if (!call->network || !is_word(call->network, "_.-"))
		return cni_fail(
			call, CNI_CONFIG_WRONG,
			"network configuration: `name`: wanted are letters, digits, and - _ . behind the first");
	return CNI_FINE;
}

/* Where ADD fails, what the plugin before has attached carries nothing until the runtime calls DEL. */
static void close_link(const struct cni_call *call)
{
	if (call->command && !strcmp(call->command, "ADD") && call->netns && call->link && !call->is_held)
		cni_netns_close_link(call->netns, call->link);
}

static int run_command(struct cni_call *call, const struct command *command)
{
	int code = read_config(call);

	if (code == CNI_FINE && strcmp(call->version, command->since) < 0)
		code = cni_fail(call, CNI_CONFIG_WRONG, "%s belongs to version %s, the network configuration is of %s",
				command->name, command->since, call->version);
	if (code == CNI_FINE && geteuid() != 0)
		code = cni_fail(call, CNI_FAILED, "needs root");
	return code == CNI_FINE ? command->run(call) : code;
}

static int run(struct cni_call *call)
{
	const char *name = variable("CNI_COMMAND");
	const struct command *command = NULL;

	if (name && !strcmp(name, "VERSION"))
		return print_versions();
	for (size_t i = 0; name && i < sizeof commands / sizeof *commands; i++)
		if (!strcmp(name, commands[i].name))
			command = &commands[i];
	if (!command)
		return cni_fail(
			call, CNI_ENVIRONMENT_WRONG,
			"CNI_COMMAND: wanted is ADD, DEL, CHECK, STATUS, GC or VERSION; container runtimes call "
			"this program, see msb-cni(8)");
	call->command = command->name;
	int code = read_environment(call, command);
	if (code == CNI_FINE)
		code = run_command(call, command);
	if (code)
		close_link(call);
	return code;
}

static struct cni_call the_call;
static void *spare; /* memory to say that there is none */

static void end_without_memory(void)
{
	free(spare);
	close_link(&the_call);
	exit(cni_fail(&the_call, CNI_FAILED, "out of memory"));
}

int main(int argc, char **argv)
{
	process_notice_children();
	memory_prepare();
	log_name("msb-cni");
	log_open();
	if (argc > 1 && !strcmp(argv[1], "--version")) {
		puts("msb-cni " MSB_VERSION);
		return 0;
	}
	spare = malloc(SPARE);
	arena_on_exhaustion(end_without_memory);
	json_memory_must();
	struct arena *arena = arena_new();
	the_call.arena = arena;
	int status = run(&the_call);
	json_decref(the_call.config);
	free(spare);
	arena_free(arena);
	return fflush(stdout) && !status ? CNI_IO_FAILED : status;
}
