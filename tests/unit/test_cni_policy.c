/* Which policy a pod gets: what may name one, what bounds it, which files are taken; and what is told of the cluster. */
#include "cni/cni_policy.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char top[] = "/tmp/test-cni-policy-XXXXXX";
static struct arena *arena;
static struct cni_policy chosen;
static struct cni_policy_error error;

static const char *path(const char *name)
{
	return arena_printf(arena, "%s/%s", top, name);
}

static void put(const char *name)
{
	int fd = open(path(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	cr_assert(fd >= 0);
	cr_assert_eq(write(fd, "default egress deny\n", 20), 20);
	close(fd);
}

static void up(void)
{
	arena = arena_new();
	strcpy(top + strlen(top) - 6, "XXXXXX");
	cr_assert(mkdtemp(top));
	mkdir(path("policies"), 0755);
	mkdir(path("policies/team"), 0755);
	mkdir(path("policies/shared"), 0755);
	put("policies/shared/a.msb");
	chmod(path("policies/shared"), 0777);
	mkdir(path("floors"), 0755);
	put("policies/net.msb");
	put("policies/web.msb");
	put("policies/team/a.msb");
	put("policies/loose.msb");
	chmod(path("policies/loose.msb"), 0666);
	mkdir(path("policies/dir.msb"), 0755);
	put("outside.msb");
	cr_assert_eq(symlink("../outside.msb", path("policies/out.msb")), 0);
	cr_assert_eq(symlink("web.msb", path("policies/in.msb")), 0);
	cr_assert_eq(symlink("team", path("policies/linked")), 0);
	put("floors/bounded.msb");
	put("floors/jobs.msb");
	put("floors/loose.msb");
	chmod(path("floors/loose.msb"), 0622);
}

static void down(void)
{
	arena_free(arena);
	cr_assert_eq(system(arena_printf(arena = arena_new(), "rm -r %s", top)), 0);
	arena_free(arena);
}

TestSuite(cni_policy, .init = up, .fini = down);

/* The configuration's members, without its directories */
static bool choose(const char *members, const char *args)
{
	const char *text = arena_printf(arena, "{\"policies\":\"%s\",\"floors\":\"%s\"%s%s}", path("policies"),
					path("floors"), *members ? "," : "", members);
	json_t *config = json_loads(text, JSON_ALLOW_NUL, NULL);
	bool ok;

	cr_assert(config, "%s", text);
	error = (struct cni_policy_error){ 0, NULL };
	ok = cni_policy_choose(arena, config, args, &chosen, &error);
	json_decref(config);
	cr_assert(ok || (error.code && error.message), "an error says what it is");
	return ok;
}

static void gives(const char *members, const char *args, const char *file, const char *by)
{
	cr_assert(choose(members, args), "%s: %s", members, error.message);
	cr_expect_str_eq(chosen.chosen_by, by);
	if (file)
		cr_expect_str_eq(chosen.file, path(file));
	else
		cr_expect_null(chosen.file);
}

static void refuses(const char *members, const char *args, unsigned code, const char *part)
{
	cr_assert_not(choose(members, args), "%s %s", members, args ? args : "");
	cr_expect_eq(error.code, code, "%u: %s", error.code, error.message);
	cr_expect(strstr(error.message, part), "`%s` in: %s", part, error.message);
}

#define ANNOTATED(value) "\"runtimeConfig\":{\"io.kubernetes.cri.pod-annotations\":{\"msb.dev/policy\":" value "}}"
#define BOUNDED "IgnoreUnknown=1;K8S_POD_NAMESPACE=bounded;K8S_POD_NAME=p;K8S_POD_UID=7"
#define FREE "K8S_POD_NAMESPACE=free"

Test(cni_policy, the_pod_s_comes_before_the_configuration_s_before_none)
{
	gives("", NULL, NULL, "no policy: all is denied");
	cr_expect_str_eq(chosen.options.net_default, "deny");
	gives("\"policy\":\"net.msb\"", NULL, "policies/net.msb", "the network configuration");
	cr_expect_null(chosen.options.net_default);
	cr_expect_str_eq(chosen.options.include_root, path("policies"));
	gives("\"rules\":[\"allow@dns\"]", NULL, NULL, "the network configuration");
	cr_expect_str_eq(chosen.options.net_default, "deny");
	gives("\"policy\":\"net\"", BOUNDED ";MSB_POLICY=web", "policies/web.msb", "CNI_ARGS");
	gives("\"policy\":\"net\",\"rules\":[\"allow@any\"]," ANNOTATED("\"team/a\""), BOUNDED, "policies/team/a.msb",
	      "the pod's annotation");
	cr_expect_eq(chosen.options.rules.count, 0, "the configuration's rules are its policy's");
	gives(ANNOTATED("\"web\""), BOUNDED ";MSB_POLICY=web", "policies/web.msb", "the pod's annotation");
	refuses(ANNOTATED("\"web\""), BOUNDED ";MSB_POLICY=net", CNI_POLICY_REFUSED, "two policies");
}

Test(cni_policy, the_namespace_s_floor_holds_and_is_what_lets_a_pod_choose)
{
	gives("\"policy\":\"net\"", BOUNDED, "policies/net.msb", "the network configuration");
	cr_assert_eq(chosen.options.floors.count, 1);
	cr_expect_str_eq(chosen.options.floors.items[0], path("floors/bounded.msb"));
	cr_expect_str_eq(chosen.pod_namespace, "bounded");
	cr_expect_str_eq(chosen.pod_name, "p");
	cr_expect_str_eq(chosen.pod_uid, "7");
	gives("", BOUNDED, NULL, "no policy: all is denied");
	cr_expect_eq(chosen.options.floors.count, 1);
	gives("\"policy\":\"net\"", FREE, "policies/net.msb", "the network configuration");
	cr_expect_eq(chosen.options.floors.count, 0);
	refuses(ANNOTATED("\"web\""), FREE, CNI_POLICY_REFUSED, "has no floor");
	refuses("", FREE ";MSB_POLICY=web", CNI_POLICY_REFUSED, "has no floor");
	refuses(ANNOTATED("\"web\""), NULL, CNI_POLICY_REFUSED, "whose floor");
	refuses("", "IgnoreUnknown=1;MSB_POLICY=web", CNI_POLICY_REFUSED, "give it \"floor\"");
	refuses("\"policy\":\"net\"", "MSB_POLICY=web", CNI_POLICY_REFUSED, "whose floor");
	refuses("\"policy\":\"net\"", "K8S_POD_NAMESPACE=loose", CNI_POLICY_REFUSED, "others than root may write");
}

Test(cni_policy, the_network_s_floor_holds_for_all_its_pods_and_lets_them_choose)
{
	gives("\"floor\":\"jobs\"", "MSB_POLICY=web", "policies/web.msb", "CNI_ARGS");
	cr_assert_eq(chosen.options.floors.count, 1);
	cr_expect_str_eq(chosen.options.floors.items[0], path("floors/jobs.msb"));
	gives("\"floor\":\"jobs.msb\"," ANNOTATED("\"web\""), NULL, "policies/web.msb", "the pod's annotation");
	gives("\"floor\":\"jobs\"," ANNOTATED("\"web\""), FREE, "policies/web.msb", "the pod's annotation");
	gives("\"floor\":\"jobs\"," ANNOTATED("\"web\""), BOUNDED, "policies/web.msb", "the pod's annotation");
	cr_assert_eq(chosen.options.floors.count, 2, "the namespace's holds, too");
	gives("\"floor\":\"jobs\",\"policy\":\"net\"", NULL, "policies/net.msb", "the network configuration");
	cr_expect_eq(chosen.options.floors.count, 1);
	refuses("\"floor\":\"absent\"", NULL, CNI_POLICY_BAD_CONFIG, "`floor`");
	refuses("\"floor\":\"loose\"", NULL, CNI_POLICY_BAD_CONFIG, "others than root may write");
	refuses("\"floor\":\"../outside\"", NULL, CNI_POLICY_BAD_CONFIG, "names no file below");
	refuses("\"floor\":\"\"", NULL, CNI_POLICY_BAD_CONFIG, "`floor` must be a text");
	refuses("\"floor\":[\"jobs\"]", NULL, CNI_POLICY_BAD_CONFIG, "`floor` must be a text");
}

Test(cni_policy, floors_that_are_named_must_be_there)
{
	json_t *config = json_pack("{s:s}", "floors", path("absent"));

	cr_assert_not(cni_policy_choose(arena, config, FREE, &chosen, &error));
	cr_expect_eq(error.code, CNI_POLICY_BAD_CONFIG);
	cr_expect(strstr(error.message, "`floors`"), "%s", error.message);
	cr_expect(cni_policy_choose(arena, config, NULL, &chosen, &error), "without a namespace none is looked for");
	json_decref(config);
}

Test(cni_policy, a_pod_names_a_file_beneath_the_directory_and_no_other)
{
	static const char *const names[] = { "../outside", "/etc/passwd", "team/../web", "./web", ".hidden", "a//b",
					     "Web",        "web\\u0000x", "w b",         "",      "team/",   "*" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		cr_expect_not(choose(arena_printf(arena, ANNOTATED("\"%s\""), names[i]), BOUNDED), "%s", names[i]);
	refuses(ANNOTATED("\"../outside\""), BOUNDED, CNI_POLICY_REFUSED, "names no file below");
	refuses(ANNOTATED("\"out\""), BOUNDED, CNI_POLICY_REFUSED, "symbolic link");
	refuses(ANNOTATED("\"in\""), BOUNDED, CNI_POLICY_REFUSED, "symbolic link");
	refuses(ANNOTATED("\"linked/a\""), BOUNDED, CNI_POLICY_REFUSED, "symbolic link");
	refuses(ANNOTATED("\"absent\""), BOUNDED, CNI_POLICY_REFUSED, "No such file");
	refuses(ANNOTATED("\"dir\""), BOUNDED, CNI_POLICY_REFUSED, "no regular file");
	refuses(ANNOTATED("\"loose\""), BOUNDED, CNI_POLICY_REFUSED, "may write to it");
	refuses(ANNOTATED("\"shared/a\""), BOUNDED, CNI_POLICY_REFUSED,
		"policies/shared: others than root may write to it");
	refuses(ANNOTATED("7"), BOUNDED, CNI_POLICY_BAD_CONFIG, "must be a text");
	refuses("\"policy\":\"../outside\"", NULL, CNI_POLICY_REFUSED, "names no file below");
}

Test(cni_policy, what_the_runtime_says_is_checked)
{
	refuses("", "K8S_POD_NAMESPACE", CNI_POLICY_BAD_ENVIRONMENT, "no KEY=VALUE");
	refuses("", "K8S_POD_NAMESPACE=../x", CNI_POLICY_BAD_ENVIRONMENT, "no namespace");
	refuses("", "K8S_POD_NAMESPACE=", CNI_POLICY_BAD_ENVIRONMENT, "is empty");
	refuses("", "MSB_POLICY=a;MSB_POLICY=b", CNI_POLICY_BAD_ENVIRONMENT, "given twice");
	gives("", "A=b;;IgnoreUnknown=true;", NULL, "no policy: all is denied");
	refuses("\"policy\":7", NULL, CNI_POLICY_BAD_CONFIG, "`policy` must be a text");
	refuses("\"rules\":\"allow@dns\"", NULL, CNI_POLICY_BAD_CONFIG, "`rules` must be a list");
	refuses("\"policies\":7", NULL, CNI_POLICY_BAD_CONFIG, "`policies`");
	refuses("\"clusterDomain\":\"\"", NULL, CNI_POLICY_BAD_CONFIG, "`clusterDomain`");
}

Test(cni_policy, the_cluster_s_networks_have_names_and_hold_its_names)
{
	cr_assert(choose(
		"\"clusterNetworks\":{\"pods\":[\"10.244.0.0/16\",\"fd00:244::/56\"],\"services\":[\"10.96.0.0/12\"]}",
		NULL));
	cr_assert_eq(chosen.options.groups.count, 2);
	cr_expect_str_eq(chosen.options.groups.items[0], "cluster-pods=10.244.0.0/16,fd00:244::/56");
	cr_expect_str_eq(chosen.options.groups.items[1], "cluster-services=10.96.0.0/12");
	cr_assert_eq(chosen.options.clusters.count, 1);
	cr_expect_str_eq(chosen.options.clusters.items[0], "cluster.local=10.244.0.0/16,fd00:244::/56,10.96.0.0/12");
	cr_assert(choose("\"clusterNetworks\":{\"services\":[\"10.96.0.0/12\"]},\"clusterDomain\":\"k8s.example\"",
			 NULL));
	cr_expect_str_eq(chosen.options.clusters.items[0], "k8s.example=10.96.0.0/12");
	cr_assert(choose("\"clusterDomain\":\"k8s.example\"", NULL));
	cr_expect_eq(chosen.options.clusters.count, 0);
	refuses("\"clusterNetworks\":[]", NULL, CNI_POLICY_BAD_CONFIG, "must be an object");
	refuses("\"clusterNetworks\":{\"pods\":\"10.0.0.0/8\"}", NULL, CNI_POLICY_BAD_CONFIG,
		"`clusterNetworks.pods` must be a list");
	refuses("\"clusterNetworks\":{\"pod\":[]}", NULL, CNI_POLICY_BAD_CONFIG, "nothing else");
	refuses("\"clusterNetworks\":{\"services\":[\"web\"]}", NULL, CNI_POLICY_BAD_CONFIG, "`web` is no network");
	cr_expect(choose("\"clusterNetworks\":null", NULL));
}

Test(cni_policy, search_domains_are_the_configuration_s_or_the_runtime_s)
{
#define RUNTIME "\"runtimeConfig\":{\"dns\":{\"Servers\":[],\"Searches\":[\"default.svc.cluster.local\"]}}"
	cr_assert(choose(RUNTIME, NULL));
	cr_assert_eq(chosen.search.count, 1);
	cr_expect_str_eq(chosen.search.items[0], "default.svc.cluster.local");
	cr_assert(choose("\"searchDomains\":[\"a.example\",\"b.example\"]," RUNTIME, NULL));
	cr_assert_eq(chosen.search.count, 2);
	cr_expect_str_eq(chosen.search.items[1], "b.example");
	cr_assert(choose("\"runtimeConfig\":{\"dns\":{\"Searches\":[\".\",\"Corp.Example.\"]}}", NULL));
	cr_assert_eq(chosen.search.count, 1, "what is no domain is passed over");
	cr_expect_str_eq(chosen.search.items[0], "corp.example");
	refuses("\"searchDomains\":[\".\"]", NULL, CNI_POLICY_BAD_CONFIG, "`.` is no domain");
	refuses("\"searchDomains\":[7]", NULL, CNI_POLICY_BAD_CONFIG, "`searchDomains`");
}
