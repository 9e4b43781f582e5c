/* The command line of msb-run: what is taken, what is refused, and what the shell did to a rule. */
#include "core/config.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <getopt.h>
#include <string.h>

static struct arena *arena;

static void set_up(void)
{
	arena = arena_new();
	optind = 0; /* getopt starts anew */
	cr_redirect_stderr();
	cr_redirect_stdout();
}

static void tear_down(void)
{
	arena_free(arena);
}

TestSuite(config, .init = set_up, .fini = tear_down);

/* The command stays in argv, so that lives as long as a test does. */
static enum config_result parse(struct run_config *config, char **words)
{
	static char *argv[32];
	int argc = 0;

	for (; words[argc]; argc++)
		argv[argc] = words[argc];
	argv[argc] = NULL;
	return config_parse(arena, argc, argv, config);
}
#define PARSE(config, ...) parse(config, (char *[]){ (char *)"msb-run", __VA_ARGS__, NULL })

Test(config, options_and_command)
{
	struct run_config config;

	cr_assert_eq(PARSE(&config, "--vmm", "qemu", "--memory", "2G", "--cpus", "3", "--name", "a-1", "--deny-mode",
			   "drop", "-q", "--", "ls", "-l"),
		     CONFIG_RUN);
	cr_assert_eq(config.vmm, VMM_QEMU);
	cr_assert_eq(config.memory_mib, 2048);
	cr_assert_eq(config.cpus, 3);
	cr_assert_str_eq(config.name, "a-1");
	cr_assert(config.silent_deny && config.quiet && !config.cap_net_admin);
	cr_assert_str_eq(config.command[0], "ls");
	cr_assert_str_eq(config.command[1], "-l");
	cr_assert_null(config.command[2]);
}

Test(config, without_anything)
{
	struct run_config config;

	cr_assert_eq(parse(&config, (char *[]){ (char *)"msb-run", NULL }), CONFIG_RUN);
	cr_assert_eq(config.vmm, VMM_QEMU);
	cr_assert_null(config.command);
	size_t len = strlen(config.name);
	cr_assert(len >= 1 && len <= 32 && strspn(config.name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len);
	cr_assert_eq(config.policy->egress.action, POLICY_DENY);
}

Test(config, options_of_the_command_are_its_own)
{
	struct run_config config;

	cr_assert_eq(PARSE(&config, "--vmm", "none", "sh", "--vmm", "qemu"), CONFIG_RUN);
	cr_assert_eq(config.vmm, VMM_NONE);
	cr_assert_str_eq(config.command[1], "--vmm");
}

/* Whether it is refused for all that is given here */
static bool wrong(char **words)
{
	struct run_config config;

	optind = 0;
	return parse(&config, words) == CONFIG_WRONG;
}
#define WRONG(...) wrong((char *[]){ (char *)"msb-run", __VA_ARGS__, NULL })

Test(config, what_means_nothing_without_a_vm_is_refused)
{
	static char *const options[][2] = {
		{ (char *)"--memory", (char *)"1G" },   { (char *)"--cpus", (char *)"2" },
		{ (char *)"--kernel", (char *)"k" },    { (char *)"--initrd", (char *)"i" },
		{ (char *)"--rootfs", (char *)"/srv" }, { (char *)"--accel", (char *)"tcg" },
	};

	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		cr_assert(WRONG((char *)"--vmm", (char *)"none", options[i][0], options[i][1]), "%s", options[i][0]);
		cr_assert(WRONG(options[i][0], options[i][1], (char *)"--vmm=none"), "%s", options[i][0]);
		cr_assert_not(WRONG(options[i][0], options[i][1]), "%s", options[i][0]);
	}
	cr_assert(WRONG((char *)"--cap-net-admin"));
	cr_assert_not(WRONG((char *)"--cap-net-admin", (char *)"--vmm", (char *)"none"));
}

Test(config, volumes_and_variables)
{
	struct run_config config;

	cr_assert_eq(
		PARSE(&config, "-v", "/a:/b", "-v", "c d:/e/:ro", "-v/f:/g:rw", "-e", "X=1", "--env=X=2", "-e", "Y="),
		CONFIG_RUN);
	cr_assert_eq(config.volume_count, 3);
	cr_assert_str_eq(config.volumes[1].host, "c d");
	cr_assert_str_eq(config.volumes[1].guest, "/e");
	cr_assert(!config.volumes[0].read_only && config.volumes[1].read_only && !config.volumes[2].read_only);
	cr_assert_eq(config.env.count, 2);
	cr_assert_str_eq(config.env.items[0], "X=2");
	cr_assert_str_eq(config.env.items[1], "Y=");
	cr_assert(WRONG((char *)"-v/a:/1", (char *)"-v/a:/2", (char *)"-v/a:/3", (char *)"-v/a:/4", (char *)"-v/a:/5"));
}

Test(config, memory_that_the_default_guest_cannot_start_with)
{
	cr_assert(WRONG((char *)"--memory", (char *)"95"));
	cr_assert_not(WRONG((char *)"--memory", (char *)"96M"));
	cr_assert(WRONG((char *)"--memory", (char *)"96M", (char *)"--cpus", (char *)"64"));
	cr_assert_not(WRONG((char *)"--memory", (char *)"32", (char *)"--kernel", (char *)"k"));
}

Test(config, refused_values)
{
	static char *const wrong[][2] = {
		{ (char *)"--name", (char *)"../x" },
		{ (char *)"--name", (char *)"" },
		{ (char *)"--name", (char *)"Upper" },
		{ (char *)"--name", (char *)"aaaaaaaaaabbbbbbbbbbccccccccccddd" },
		{ (char *)"--memory", (char *)"0" },
		{ (char *)"--memory", (char *)"12x" },
		{ (char *)"--memory", (char *)"-1" },
		{ (char *)"--memory", (char *)"99999999999999999999" },
		{ (char *)"--cpus", (char *)"0" },
		{ (char *)"--cpus", (char *)"65" },
		{ (char *)"--vmm", (char *)"xen" },
		{ (char *)"--accel", (char *)"hvf" },
		{ (char *)"--deny-mode", (char *)"ask" },
		{ (char *)"--nonsense", (char *)"1" },
	};

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct run_config config;
		optind = 0;
		cr_assert_eq(PARSE(&config, wrong[i][0], wrong[i][1]), CONFIG_WRONG, "%s %s", wrong[i][0], wrong[i][1]);
	}
}

Test(config, braces_eaten_by_the_shell)
{
	struct run_config config;

	cr_assert_eq(PARSE(&config, "--net-rule", "allow@public:tcp:80", "allow@public:tcp:443", "--", "sh"),
		     CONFIG_WRONG);
	fflush(stderr);
	cr_assert_stderr_eq_str(
		"msb-run: error: `allow@public:tcp:443` is a rule, not a command; did the shell expand braces?\n"
		"  help: --net-rule 'allow@public:tcp:{80,443}'\n");
}

Test(config, a_command_that_only_looks_like_a_rule)
{
	struct run_config config;

	cr_assert_eq(PARSE(&config, "--", "allow@public:tcp:443"), CONFIG_RUN);
	optind = 0;
	cr_assert_eq(PARSE(&config, "user@host"), CONFIG_RUN);
}

Test(config, limits_on_the_host)
{
	struct run_config config;

	cr_assert_eq(PARSE(&config, "--memory-max", "1G", "--cpus-max", "1.5", "--pids-max", "200", "--cgroup-parent",
			   "//msb.slice/agents/", "--", "true"),
		     CONFIG_RUN);
	cr_assert_eq(config.memory_max, 1u << 30);
	cr_assert_eq(config.cpus_max, 150);
	cr_assert_eq(config.pids_max, 200);
	cr_assert_str_eq(config.cgroup_parent, "msb.slice/agents");
}

Test(config, hundredths_of_a_processor)
{
	static const struct {
		const char *text;
		uint32_t hundredths; /* 0: refused */
	} cases[] = { { "0.01", 1 }, { "0.1", 10 },  { "2", 200 }, { "2.05", 205 }, { "4096", 409600 },
		      { "0", 0 },    { "0.001", 0 }, { ".5", 0 },  { "1.", 0 },     { "4096.01", 0 },
		      { "1.5x", 0 }, { "1,5", 0 },   { "-1", 0 },  { "", 0 },       { "1.5.5", 0 } };

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct run_config config;
		optind = 0;
		enum config_result result = PARSE(&config, "--cpus-max", (char *)cases[i].text, "--", "true");
		cr_expect_eq(result, cases[i].hundredths ? CONFIG_RUN : CONFIG_WRONG, "%s", cases[i].text);
		if (cases[i].hundredths)
			cr_expect_eq(config.cpus_max, cases[i].hundredths, "%s", cases[i].text);
	}
}
