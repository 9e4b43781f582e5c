/* The command line of msb-run: its own options by table, the policy's by options.h. Given argv; hands on a
 * struct run_config. */
#include "base/escape.h"
#include "base/units.h"
#include "core/config.h"
#include "core/log.h"
#include "core/run_directory.h"
#include "diag/diag.h"
#include "eval/audit.h"
#include "eval/eval.h"
#include "learn/learn_bound.h"
#include "policy/resolve.h"
#include "run/events_options.h"
#include "run/host_floor.h"
#include "run/policy_watch.h"
#include "run/run_options.h"
#include "syntax/parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define DEFAULT_MEMORY_MIB 256

/* -p is the policy's; the letters are of run_options */
#define SHORT_OPTIONS "+:p:qe:w:v:it"
enum { OPTION_HELP = 0x3000, OPTION_VERSION, OPTION_TABLE, OWN_FIRST };

/* policy_long_options, ours, --help and --version, as one table for getopt_long() */
static struct option *option_table(struct arena *arena)
{
	size_t count = 0, own = 0;

	while (policy_long_options[count].name)
		count++;
	while (run_options[own].name)
		own++;
	struct option *table = arena_alloc(arena, (count + own + 4) * sizeof *table);
	memcpy(table, policy_long_options, count * sizeof *table);
	for (size_t i = 0; i < own; i++)
		table[count++] =
			(struct option){ run_options[i].name, run_options[i].has_arg, NULL, OWN_FIRST + (int)i };
	table[count++] = (struct option){ "help", no_argument, NULL, OPTION_HELP };
	table[count++] = (struct option){ "version", no_argument, NULL, OPTION_VERSION };
	table[count++] = (struct option){ "option-table", no_argument, NULL, OPTION_TABLE };
	return table;
}

static void print_help(void)
{
	fputs("msb-run: run a command in a microVM whose network is what a policy allows\n"
	      "\n"
	      "  msb-run [policy options] [options] [--] [COMMAND...]\n"
	      "                            without COMMAND: a shell\n"
	      "\n"
	      "  --policy FILE             .msb, or microsandbox's .json/.yaml\n"
	      "  --net-rule RULES          rules before the file's (repeatable,\n"
	      "                            comma-separated; quote them)\n"
	      "  --net PROFILES            public, private, host, all or none; --no-net:\n"
	      "                            nothing\n"
	      "  --net-default ACTION      and --net-default-egress, -ingress with no file and\n"
	      "                            no --net...: allow@dns, allow@public, deny the rest\n"
	      "  -p [BIND:]HOST:GUEST      publish a guest's port (/tcp, /udp), or ranges:\n"
	      "                            8000-8002:80-82\n"
	      "  --tcp-accept-queue-size N  connections that wait for a published port\n"
	      "                            (1024)\n"
	      "  --dns-nameserver ADDRESS  instead of the host's; --dns-query-timeout-ms N\n"
	      "  --dns-search DOMAIN       the guest tries names below it, too; those that are\n"
	      "                            denied are one report\n"
	      "  --dns-binding-minimum T   how long an address that was answered holds at\n"
	      "                            least: 60s; 0 is its TTL\n"
	      "  --dns-ech strip|keep      whether answers keep the keys by which clients hide\n"
	      "                            their server name (ECH); strip, unless said, where\n"
	      "                            rules on names judge it\n"
	      "  --dns-max-label N         octets of a label of a looked up name;\n"
	      "                            --dns-max-names 50/1m: different names below one\n"
	      "                            domain; --dns-max-rate 20/1s: lookups,\n"
	      "                            --dns-max-rate-burst N: once on top\n"
	      "  --no-dns-rebind-protection  answers may hold private and other reserved\n"
	      "                            addresses\n"
	      "  --no-server-names         rules on names go by the addresses of lookups alone,\n"
	      "                            not by what TLS clients say\n"
	      "  --deny-ech                refuse TLS hellos that hide a name (ECH) where a\n"
	      "                            rule on names judges them\n"
	      "  --net-ipv4-pool CIDR      where subnets come from; --net-ipv6-pool\n"
	      "  --net-mac MAC             the guest's card; --net-mtu N, --net-ipv4-address A,\n"
	      "                            --net-ipv6-address A\n"
	      "  --net-nat64-prefix CIDR   the network's own, whose addresses are classed as\n"
	      "                            what they carry\n"
	      "  --net-group NAME=CIDR,…   networks that rules may name, as by `group`\n"
	      "  --dns-cluster DOMAIN=CIDR,…  where the names below DOMAIN are: rules on them\n"
	      "                            match there and nowhere else, and their answers may\n"
	      "                            hold private addresses there\n"
	      "  --max-tcp-connections N   of the guest at once (4096; 0: no bound);\n"
	      "                            --max-udp-connections N likewise,\n"
	      "                            --max-connections N: both;\n"
	      "                            --max-connection-rate N: new ones a second (250)\n"
	      "  --net-egress-bandwidth RATE  bytes, 1M/1s; --net-egress-ops RATE: packets,\n"
	      "                            1000/1s; likewise -ingress-; each with -burst SIZE:\n"
	      "                            once on top\n"
	      "  --net-egress-bytes SIZE   what the guest may send in all, 1G: then nothing\n"
	      "                            passes; --net-ingress-bytes\n"
	      "  --floor FILE              a policy that every flow must pass too, besides\n"
	      "                            " FLOOR_FILE "\n"
	      "  --deployment-profile single-tenant|multi-tenant\n"
	      "  --include-root DIR        where includes may lie; --stdin-name NAME, --today\n"
	      "                            YYYY-MM-DD as in msb-policyc\n"
	      "  --deny-mode refuse|drop   how a denied flow fails: at once (default), or in\n"
	      "                            silence\n"
	      "\n"
	      "  --name N                  of the sandbox: a-z, 0-9, -\n"
	      "  --control-group GROUP     who may see and change it by msb-ctl, besides root\n"
	      "  --vmm qemu|none           none: no VM, the command in namespaces of this\n"
	      "                            kernel; no boundary against root\n"
	      "  --cap-net-admin           with --vmm none: the command keeps NET_ADMIN inside\n"
	      "  --accel auto|kvm|tcg      --memory M  --cpus N\n"
	      "  --memory-max SIZE         what QEMU, or the command, and all that serves it\n"
	      "                            may have of the host: 512M; --cpus-max N: 1.5\n"
	      "                            processors; --pids-max N: processes and threads\n"
	      "  --cgroup-parent PATH      where that cgroup is made, msb.slice; else below\n"
	      "                            msb-run's own\n"
	      "  --kernel F --initrd F --rootfs IMAGE|DIR     instead of the default guest\n"
	      "  --repack                  pack DIR again, though nothing in it has changed\n"
	      "  -e, --env NAME[=VALUE]    for the command; NAME alone: as it is here\n"
	      "  -w, --workdir DIR         where the command starts; made where it is not there\n"
	      "  -v, --volume HOST:GUEST[:ro]  a directory of the host's in the guest\n"
	      "  --events FILE             what is denied, logged or changed, one JSON object a\n"
	      "                            line; -: to standard output; journald: to the\n"
	      "                            system's journal (up to 4 times)\n"
	      "  --events-all              also every flow that is let pass, and how it ended:\n"
	      "                            not only where the rule has `log`\n"
	      "  --events-size SIZE        a longer FILE becomes FILE.1, that FILE.2, ... (64K,\n"
	      "                            10M, 2G)\n"
	      "  --events-keep N           how many of these there are (3)\n"
	      "  --watch                   reload when the policy's files change, and say what\n"
	      "                            that changes\n"
	      "  --suggest                 at the end, the rules that would let pass what was\n"
	      "                            denied\n"
	      "  --audit                   let pass what the policy would deny, and report it:\n"
	      "                            never the metadata services, the host, what is\n"
	      "                            refused whatever the rules say, or what a floor\n"
	      "                            denies\n"
	      "  --ask                     what no rule decides waits for an answer instead of\n"
	      "                            being denied: msb-ctl pending\n"
	      "  --learn FILE              at the end, the least policy under which the same\n"
	      "                            work passes, as a new file; meanwhile the policy\n"
	      "                            given is the bound\n"
	      "  --propose-wildcards       in it, as comments, what rules with a star might be\n"
	      "                            instead\n"
	      "  -q, --quiet               no messages about denials\n"
	      "  --verbose                 what the guest's kernel writes to its console\n"
	      "  --color auto|always|never\n"
	      "\n"
	      "Status: the command's; 125 msb-run's own failure; 128+N the command was killed\n"
	      "        by signal N.\n"
	      "What a policy says and why: msb-policyc check, explain, eval. See: man msb-run\n",
	      stdout);
}

/* What is left of a rule whose braces the shell expanded: `last` and the words after it, put together again. */
static const char *unexpanded(struct arena *arena, const char *last, char *const *words)
{
	size_t stem = last && strrchr(last, ':') ? (size_t)(strrchr(last, ':') - last) + 1 : 0;
	const char *joined = stem ? arena_printf(arena, "%.*s{%s", (int)stem, last, last + stem) : NULL;

	for (; joined && *words && strcmp(*words, "--") && strchr(*words, '@'); words++)
		joined = strncmp(*words, last, stem) ? NULL : arena_printf(arena, "%s,%s", joined, *words + stem);
	return joined ? arena_printf(arena, "%s}", joined) : NULL;
}

/* A COMMAND that is a rule: the shell's doing, most likely. */
static bool command_is_rule(struct run_reading *reading, char *const *words)
{
	struct arena *arena = reading->arena;
	struct sources *sources = sources_new(arena);
	struct diags *diags = diags_new(arena, sources);
	uint32_t source = sources_add(sources, SOURCE_ARG, "COMMAND", words[0], strlen(words[0]));
	struct ast_rule *ast = parse_rule_token(diags, source);
	struct policy_rule rule;

	if (!ast || diags->errors || !resolve_rule(arena, ast, NULL, diags, &rule))
		return false;
	log_error("`%s` is a rule, not a command; did the shell expand braces?", words[0]);
	const char *last =
		reading->policy.rules.count ? reading->policy.rules.items[reading->policy.rules.count - 1] : NULL;
	const char *whole = unexpanded(arena, last, words);
	log_help("--net-rule '%s'", whole ? whole : words[0]);
	return true;
}

/* The option behind what getopt_long() returned */
static const struct run_option *own_option(int value)
{
	for (size_t i = 0; value < OWN_FIRST && run_options[i].name; i++)
		if (run_options[i].letter == value)
			return &run_options[i];
	return &run_options[value - OWN_FIRST];
}

static bool take_option(struct run_reading *reading, int value)
{
	if (options_take(&reading->policy, value, optarg))
		return true;
	const struct run_option *option = own_option(value);
	const char *wanted = option->read(reading, optarg);
	if (option->scope != RUN_FOR_ALL)
		reading->only[option->scope == RUN_FOR_QEMU ? VMM_QEMU : VMM_NONE] = option->name;
	if (wanted && optarg)
		log_error("--%s %s: %s", option->name, optarg, wanted);
	else if (wanted)
		log_error("--%s: %s", option->name, wanted);
	return !wanted;
}

static enum config_result refuse_word(int value, const char *word)
{
	if (value == ':')
		log_error("%s wants a value", word);
	else if (optopt > 0 && optopt < 0x100) /* one letter of a word of several */
		log_error("-%c: no such option", optopt);
	else
		log_error("%s: no such option, or not one of its forms", word);
	log_help("msb-run --help");
	return CONFIG_WRONG;
}

static enum config_result take_options(struct run_reading *reading, int argc, char **argv)
{
	struct option *table = option_table(reading->arena);
	int value;

	opterr = 0;
	while ((value = getopt_long(argc, argv, SHORT_OPTIONS, table, NULL)) != -1) {
		if (value == OPTION_HELP) {
			print_help();
			return CONFIG_DONE;
		}
		if (value == OPTION_TABLE) {
			options_print_table("-", table);
			return CONFIG_DONE;
		}
		if (value == OPTION_VERSION) {
			puts("msb-run " MSB_VERSION);
			return CONFIG_DONE;
		}
		if (value == '?' || value == ':')
			return refuse_word(value, argv[optind - 1]);
		if (!take_option(reading, value))
			return CONFIG_WRONG;
	}
	return CONFIG_RUN;
}

/* With less, the default guest's kernel ends before the command starts: measured, with some room for many processors */
static uint32_t default_guest_memory(uint32_t cpus)
{
	return 96 + (cpus > 8 ? 2 * (cpus - 8) : 0);
}

/* What is wrong with options that are fine one by one. True where nothing is. */
static bool options_agree(const struct run_reading *reading)
{
	const struct run_config *config = reading->config;
	bool none = config->vmm == VMM_NONE;
	const char *other = reading->only[none ? VMM_QEMU : VMM_NONE];

	if (other) {
		log_error("--%s means nothing with --vmm %s", other, none ? "none" : "qemu");
		log_help("leave out --%s, or %s", other, none ? "--vmm none" : "add --vmm none");
		return false;
	}
	if (!none && config->memory_max && config->memory_max >> 20 <= config->memory_mib) {
		log_error(
			"--memory-max %s: the VM alone has --memory %uM; QEMU and the sandbox's processes come on top",
			units_size_format(reading->arena, config->memory_max), config->memory_mib);
		return false;
	}
	if ((config->kernel || config->initrd) && (config->env.count || config->workdir || config->volume_count)) {
		log_error("--%s needs the default guest: one with a kernel or initrd of its own starts its own init",
			  config->workdir   ? "workdir" :
			  config->env.count ? "env" :
					      "volume");
		return false;
	}
	if (config->audit && config->learn) {
		log_error(
			"--audit and --learn: one at a time; --learn has the policy as its bound, --audit passes over it");
		return false;
	}
	const char *disagree = events_options_agree(config);
	if (disagree) {
		log_error("%s", disagree);
		return false;
	}
	if (config->ask && (config->audit || config->learn)) {
		log_error("--ask and --%s: one at a time; that lets pass what would be asked about",
			  config->audit ? "audit" : "learn");
		return false;
	}
	if (config->propose_wildcards && !config->learn) {
		log_error("--propose-wildcards means nothing without --learn FILE");
		return false;
	}
	if (none || config->kernel || config->initrd || config->memory_mib >= default_guest_memory(config->cpus))
		return true;
	log_error("--memory %uM: the default guest needs %uM at least with --cpus %u", config->memory_mib,
		  default_guest_memory(config->cpus), config->cpus);
	return false;
}

static const char *made_up_name(struct arena *arena)
{
	uint32_t number = 0;

	if (getrandom(&number, sizeof number, 0) != sizeof number)
		number = (uint32_t)getpid();
	return arena_printf(arena, "sandbox-%08x", number);
}

static const char *bound_name(const struct policy *policy)
{
	bool shipped = !policy->file && policy->rules.count > LEARN_RULES_IN_FRONT &&
		       policy->rules.items[LEARN_RULES_IN_FRONT].origin == ORIGIN_BUILTIN;

	return shipped ? "the default policy (public addresses and DNS)" : policy->name;
}

/* What the policy says against the options that are about it. True where nothing is. */
static bool policy_fits_run(const struct run_config *config)
{
	const char *unwatched = !config->watch ? NULL :
				config->learn  ? "a bound that is learnt within does not change" :
				config->audit  ? "a policy that is audited does not change" :
						 policy_watch_cannot(config->policy);
	if (unwatched) {
		log_error("--watch: %s", unwatched);
		return false;
	}
	if (config->ask && config->policy->egress.action == POLICY_ALLOW) {
		log_error("--ask: nothing would be asked: what no rule decides is allowed by `default egress allow`");
		log_help("--net-default-egress deny");
		return false;
	}
	return true;
}

/* Where the policy is audited, or learnt within, that is said, and of the latter another one is enforced. */
static struct policy *enforced(struct arena *arena, struct run_config *config, struct policy *policy)
{
	if (config->audit) {
		config->spared = audit_policy(arena, policy);
		log_line(
			"AUDIT: %s IS NOT ENFORCED: what it would deny is reported and passes, but to metadata services and the "
			"host, and what a floor denies",
			policy->name);
	}
	if (config->learn) {
		config->bound = policy;
		policy = learn_bound(arena, policy);
		config->bound_name = bound_name(policy);
		log_line("learning, within %s: what that allows passes, and is written to %s at the end",
			 config->bound_name, config->learn);
	}
	return policy;
}

static bool load_policy(struct run_reading *reading)
{
	struct arena *arena = reading->arena;
	struct sources *sources = sources_new(arena);
	struct diags *diags = diags_new(arena, sources);

	if (reading->policy.files.count > 1) {
		log_error("one policy file at a time: a file takes in others by `include`");
		return false;
	}
	if (!host_floor_take(&reading->policy))
		return false;
	options_set_today(&reading->policy, time(NULL));
	struct policy *policy = options_resolve(
		&reading->policy, reading->policy.files.count ? reading->policy.files.items[0] : NULL, diags);
	reading->config->policy = policy;
	diags_print_text(diags, stderr, color_wanted(reading->color, stderr));
	if (diags->errors || !host_floor_trusted(policy) || !policy_fits_run(reading->config))
		return false;
	reading->config->policy = policy = enforced(arena, reading->config, policy);
	/* each query of the guest's is judged by it */
	eval_prepare_if_worth(policy);
	return true;
}

enum config_result config_parse(struct arena *arena, int argc, char **argv, struct run_config *config)
{
	struct run_reading reading = { .arena = arena, .config = config, .policy.arena = arena };

	*config = (struct run_config){ .memory_mib = DEFAULT_MEMORY_MIB, .cpus = 1 };
	enum config_result result = take_options(&reading, argc, argv);
	if (result != CONFIG_RUN)
		return result;
	if (!options_agree(&reading))
		return CONFIG_WRONG;
	bool separated = optind > 1 && !strcmp(argv[optind - 1], "--");
	if (optind < argc) {
		config->command = argv + optind;
		if (!separated && command_is_rule(&reading, argv + optind))
			return CONFIG_WRONG;
	}
	if (!config->name)
		config->name = made_up_name(arena);
	return load_policy(&reading) ? CONFIG_RUN : CONFIG_WRONG;
}
