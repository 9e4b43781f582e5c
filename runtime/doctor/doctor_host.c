/* What the host's own network is like: conntrack, forwarding, other firewalls, resolvers; and what sandboxes have left there. These
 * checks look at the host's namespaces and change nothing. */
#include "core/clock.h"
#include "core/config.h"
#include "core/fd.h"
#include "core/run_directory.h"
#include "dns/dns.h"
#include "doctor/doctor.h"
#include "isolation/prerequisites.h"
#include "net/firewalls.h"
#include "net/forward_state.h"
#include "net/sysctl.h"
#include "sandbox/gc.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

static void privileges(const struct doctor_check *check, struct doctor_finding *finding)
{
	const struct run_config config = { .vmm = VMM_QEMU };

	(void)check;
	if (prerequisites_check(&config) < 0)
		doctor_say(finding, DOCTOR_PROBLEM, "root here has less than a sandbox needs");
	else
		doctor_say(finding, DOCTOR_OK, "root, with the capabilities and descriptors that a sandbox needs");
}

static void run_directory(const struct doctor_check *check, struct doctor_finding *finding)
{
	struct stat st;

	(void)check;
	if (lstat(RUN_DIRECTORY, &st))
		doctor_say(finding, errno == ENOENT ? DOCTOR_OK : DOCTOR_PROBLEM, RUN_DIRECTORY ": %s",
			   errno == ENOENT ? "made by the first sandbox" : strerror(errno));
	else if (!S_ISDIR(st.st_mode) || st.st_uid != 0 || st.st_mode & (S_IRWXG | S_IRWXO) & ~(S_IXGRP | S_IXOTH))
		doctor_say(finding, DOCTOR_PROBLEM, RUN_DIRECTORY " is not root's alone: sandboxes refuse to start");
	else
		doctor_say(finding, DOCTOR_OK, RUN_DIRECTORY);
}

/* ---- conntrack ---- */

#define CONNTRACK_LEAST 65536u /* a sandbox's share of less is small */

static bool read_number(const char *path, unsigned long *out)
{
	char text[32];

	if (sysctl_read(path, text, sizeof text))
		return false;
	*out = strtoul(text, NULL, 10);
	return true;
}

static void conntrack_size(const struct doctor_check *check, struct doctor_finding *finding)
{
	unsigned long most, count = 0, buckets = 0;

	(void)check;
	if (!read_number("netfilter/nf_conntrack_max", &most)) {
		doctor_say(finding, DOCTOR_PROBLEM, "net.netfilter.nf_conntrack_max cannot be read");
		doctor_help_module(finding, "nf_conntrack", "CONFIG_NF_CONNTRACK");
		return;
	}
	read_number("netfilter/nf_conntrack_count", &count);
	read_number("netfilter/nf_conntrack_buckets", &buckets);
	doctor_say(finding, DOCTOR_OK, "room for %lu flows, %lu in use, %lu buckets", most, count, buckets);
	if (most == 0)
		return; /* no end */
	if (count > most - most / 10) {
		doctor_say(finding, DOCTOR_PROBLEM, "%lu of %lu flows in use: new ones are dropped soon", count, most);
		doctor_help(finding, "sysctl -w net.netfilter.nf_conntrack_max=%lu; who has them: conntrack -L",
			    most * 4);
	} else if (most < CONNTRACK_LEAST) {
		doctor_say(finding, DOCTOR_NOTE, "room for %lu flows of the whole host: few for each sandbox", most);
		doctor_help(finding, "sysctl -w net.netfilter.nf_conntrack_max=262144");
	} else if (buckets && most / buckets > 16) {
		doctor_say(finding, DOCTOR_NOTE, "room for %lu flows in %lu buckets: looking one up takes long", most,
			   buckets);
		doctor_help(finding, "sysctl -w net.netfilter.nf_conntrack_buckets=%lu", most / 4);
	}
}

/* ---- forwarding ---- */

static void forwarding(const struct doctor_check *check, struct doctor_finding *finding)
{
	bool is_router = forward_all_on(FORWARD_V4);

	(void)check;
	doctor_say(finding, DOCTOR_OK,
		   is_router ? "the host is a router of its own (net.ipv4.ip_forward=1)" :
			       "off: sandboxes switch it on for the links they use, and off again");
}

static void ipv6(const struct doctor_check *check, struct doctor_finding *finding)
{
	unsigned long disabled = 0;

	(void)check;
	if (!sysctl_exists("ipv6/bindv6only")) {
		doctor_say(finding, DOCTOR_NOTE, "this kernel has no IPv6: sandboxes have IPv4 alone");
	} else if (!forward_has_ipv6()) {
		doctor_say(finding, DOCTOR_NOTE,
			   "inactive in sandboxes: this kernel forwards it for all links or none");
		doctor_help(finding,
			    "Linux 6.17 or later; or sysctl -w net.ipv6.conf.all.forwarding=1, and accept_ra=2 on "
			    "links that take router advertisements");
	} else if (read_number("ipv6/conf/all/disable_ipv6", &disabled) && disabled) {
		doctor_say(finding, DOCTOR_NOTE, "switched off on this host (net.ipv6.conf.all.disable_ipv6=1)");
	} else {
		doctor_say(finding, DOCTOR_OK, "can be forwarded for single links");
	}
}

/* ---- other firewalls ---- */

static void add_word(enum firewalls_word word, const char *text, void *finding)
{
	doctor_help(finding, word == FIREWALLS_CHAIN ? "%s" : "  %s", text);
}

static void firewalls(const struct doctor_check *check, struct doctor_finding *finding)
{
	CLEANUP_NL struct nl *host = nl_open(NETLINK_NETFILTER);

	(void)check;
	if (!host)
		return doctor_fail(finding, "open nfnetlink", -errno);
	size_t found = firewalls_find(host, add_word, finding);
	if (found)
		doctor_say(finding, DOCTOR_PROBLEM,
			   "%zu chain%s of other firewalls drop%s what sandboxes send, or its answers", found,
			   found == 1 ? "" : "s", found == 1 ? "s" : "");
	else
		doctor_say(finding, DOCTOR_OK, "none drops by itself what sandboxes send");
}

/* ---- resolvers ---- */

#define ASK_MS 2000
#define ASK_TRIES 2

struct asking {
	struct nameserver server;
	int fd; /* connected, so that nobody else's answer comes; or -1 */
	bool answered;
};

/* A question for ipv4only.arpa's A (RFC 7050), which sandboxes ask themselves, and which tells nobody anything. Of what comes back only
 * the header is looked at. */
static const uint8_t question[] = { 0,   0,   1,   0,   0,   1, 0,   0,   0,   0,   0, 0, 8, 'i', 'p', 'v',
				    '4', 'o', 'n', 'l', 'y', 4, 'a', 'r', 'p', 'a', 0, 0, 1, 0,   1 };
#define HEADER 12

static void send_question(const struct asking *asking, const uint8_t id[2])
{
	uint8_t message[sizeof question];

	memcpy(message, question, sizeof message);
	memcpy(message, id, 2);
	send(asking->fd, message, sizeof message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void take_answer(struct asking *asking, const uint8_t id[2])
{
	uint8_t message[512];
	ssize_t len = recv(asking->fd, message, sizeof message, MSG_DONTWAIT);

	asking->answered |= len >= HEADER && message[0] == id[0] && message[1] == id[1] && message[2] & 0x80;
}

static int open_to(const struct nameserver *server)
{
	struct sockaddr_storage at;
	socklen_t len = addr_to_sockaddr(server->addr, server->port, &at);

	if (server->link)
		((struct sockaddr_in6 *)&at)->sin6_scope_id = server->link;
	CLEANUP_FD int fd = socket(at.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return fd < 0 || connect(fd, (struct sockaddr *)&at, len) ? -1 : TAKE_FD(fd);
}

/* Until each has answered, or the time is over */
static void wait_for_answers(struct asking *all, size_t count, const uint8_t id[2])
{
	struct pollfd watched[NAMESERVERS_MAX];
	uint64_t until = clock_ms() + ASK_MS, now;

	while ((now = clock_ms()) < until) {
		size_t waiting = 0;
		for (size_t i = 0; i < count; i++) {
			watched[i] = (struct pollfd){ .fd = all[i].answered ? -1 : all[i].fd, .events = POLLIN };
			waiting += watched[i].fd >= 0;
		}
		if (!waiting || poll(watched, count, (int)(until - now)) == 0)
			return;
		for (size_t i = 0; i < count; i++)
			if (watched[i].revents)
				take_answer(&all[i], id);
	}
}

static size_t ask(struct asking *all, size_t count)
{
	uint8_t id[2] = { 0x6d, 0x73 };
	size_t answered = 0;

	(void)!getrandom(id, sizeof id, GRND_NONBLOCK);
	for (int i = 0; i < ASK_TRIES; i++) {
		for (size_t j = 0; j < count; j++)
			if (!all[j].answered && all[j].fd >= 0)
				send_question(&all[j], id);
		wait_for_answers(all, count, id);
	}
	for (size_t i = 0; i < count; i++)
		answered += all[i].answered;
	return answered;
}

static void describe(const struct asking *asking, struct doctor_finding *finding)
{
	char text[ADDR_TEXT_MAX];
	const struct nameserver *server = &asking->server;

	doctor_help(finding, "%s%s%s: %s", addr_format(server->addr, text), *server->zone ? "%" : "", server->zone,
		    asking->answered ? "answers" :
		    asking->fd < 0   ? "no route to it" :
				       "no answer within 4 s");
}

static void report_servers(const struct asking *all, size_t count, size_t answered, struct doctor_finding *finding)
{
	if (answered == count) {
		size_t on_host = 0;
		for (size_t i = 0; i < count; i++)
			on_host += all[i].server.on_host;
		doctor_say(finding, DOCTOR_OK, "%zu of " DNS_RESOLV_CONF " answer%s; %zu on this host", count,
			   count == 1 ? "s" : "", on_host);
		return;
	}
	doctor_say(finding, answered ? DOCTOR_NOTE : DOCTOR_PROBLEM, "%zu of %zu in " DNS_RESOLV_CONF " answer",
		   answered, count);
	for (size_t i = 0; i < count; i++)
		describe(&all[i], finding);
	doctor_help(finding, "mend " DNS_RESOLV_CONF ", or give sandboxes another: --dns-nameserver ADDRESS");
}

static void resolvers(const struct doctor_check *check, struct doctor_finding *finding)
{
	static const struct policy policy;
	static const struct addr_gateway gateway = { .has4 = true, .has6 = true };
	struct nameserver servers[NAMESERVERS_MAX];
	struct asking all[NAMESERVERS_MAX] = { 0 };

	(void)check;
	int count = dns_servers(&policy, NULL, servers);
	if (count <= 0) {
		doctor_say(finding, DOCTOR_PROBLEM, "no nameserver: names that a policy allows do not resolve");
		return;
	}
	dns_servers_place(servers, (size_t)count, &gateway);
	for (int i = 0; i < count; i++)
		all[i] = (struct asking){ servers[i], open_to(&servers[i]), false };
	report_servers(all, (size_t)count, ask(all, (size_t)count), finding);
}

/* ---- leftovers ---- */

struct leftovers {
	struct doctor_finding *finding;
	size_t count, unsure;
};

static void add_leftover(const struct gc_item *item, void *context)
{
	static const char *const kinds[] = {
		[GC_LINK] = "link %s of a dead sandbox",
		[GC_FORWARDING] = "forwarding on %s, switched on for a sandbox",
		[GC_CGROUP] = "cgroup %s of a dead sandbox",
		[GC_DIRECTORY] = RUN_DIRECTORY "/%s of a dead sandbox",
	};
	struct leftovers *leftovers = context;
	char text[DOCTOR_TEXT_MAX];

	leftovers->count += !item->unsure;
	leftovers->unsure += item->unsure;
	snprintf(text, sizeof text, "link %s: its sandbox is starting, or was killed then", item->name);
	if (!item->unsure) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(text, sizeof text, kinds[item->kind], item->name);
#pragma GCC diagnostic pop
	}
	doctor_help(leftovers->finding, "%s", text);
}

static void leftovers(const struct doctor_check *check, struct doctor_finding *finding)
{
	struct leftovers found = { .finding = finding };
	const char *what;

	(void)check;
	int error = gc_run(true, add_leftover, &found, &what);
	if (error < 0)
		doctor_fail(finding, what, error);
	else if (found.count)
		doctor_say(finding, DOCTOR_PROBLEM, "%zu of killed sandboxes", found.count);
	else if (found.unsure)
		doctor_say(finding, DOCTOR_NOTE, "perhaps");
	else
		doctor_say(finding, DOCTOR_OK, "none");
}

static const struct doctor_check checks[] = {
	{ "privileges", privileges, NULL, 0, NULL },
	{ "run directory", run_directory, "rm -r " RUN_DIRECTORY " while no sandbox runs: msb-run makes it anew", 0,
	  NULL },
	{ "conntrack size", conntrack_size, NULL, 0, NULL },
	{ "neighbours", doctor_neighbours, NULL, 0, NULL },
	{ "cgroups", doctor_cgroups, NULL, 0, NULL },
	{ "forwarding", forwarding, NULL, 0, NULL },
	{ "IPv6", ipv6, NULL, 0, NULL },
	{ "other firewalls", firewalls, NULL, 0, NULL },
	{ "resolvers", resolvers, NULL, 0, NULL },
	{ "leftovers", leftovers, "msb-ctl gc removes what dead sandboxes left", 0, NULL },
};
const struct doctor_group doctor_host = { checks, sizeof checks / sizeof *checks };
