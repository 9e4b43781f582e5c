/* Starting dnsmasq. It refuses to start without CAP_NET_ADMIN, which it wants for writing to the neighbour
 * table, where the guest already is. It gets that in a user namespace of its own, where it means nothing: the
 * network namespace belongs to another. What it really needs is given to it: ports below 1024 by a sysctl, the
 * raw socket for router advertisements by lending. */
#include "vmm/dhcp.h"
#include "base/arena.h"
#include "core/exit_status.h"
#include "core/fd.h"
#include "core/log.h"
#include "core/process.h"
#include "isolation/exec_jail.h"
#include "isolation/lend_socket.h"
#include "lower/sandbox_net.h"
#include "net/pool.h"
#include "net/sysctl.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>

#define EMPTY "/empty"
#define LEASE "1h" /* DHCP's */
#define TIMEOUT_MS 5000
#define FIRST_PORT "67" /* DHCPv4's; DHCPv6's is 547 */

struct words {
	char *items[32];
	size_t count;
};

static const char *const fixed[] = {
	DHCP_PROGRAM, "--conf-file=" EMPTY,        "--keep-in-foreground",  "--user=",           "--pid-file",
	"--port=0",   "--interface=" LOWER_BRIDGE, "--except-interface=lo", "--bind-interfaces", "--leasefile-ro",
	"--no-ping",  "--dhcp-authoritative",      "--log-facility=-",      "--quiet-dhcp",      "--quiet-dhcp6",
	"--quiet-ra",
};

static void add(struct words *words, char *word)
{
	words->items[words->count++] = word;
}

/* A range that gives out nothing but what --dhcp-host names, here one address by the guest's MAC */
static void add_v4(struct words *words, struct arena *arena, const struct dhcp_start *start)
{
	char guest[ADDR_TEXT_MAX], gateway[ADDR_TEXT_MAX];

	addr_format(start->guest4, guest);
	addr_format(start->gateway.v4, gateway);
	add(words, arena_printf(arena, "--dhcp-range=%s,static,255.255.255.252," LEASE, guest));
	add(words, arena_printf(arena, "--dhcp-option=option:router,%s", gateway));
	add(words, arena_printf(arena, "--dhcp-option=option:dns-server,%s", gateway));
	if (start->mtu)
		add(words, arena_printf(arena, "--dhcp-option=option:mtu,%u", start->mtu));
}

/* Router advertisements then tell to ask DHCPv6 for an address (M=1) and not to make one up (A=0). */
static void add_v6(struct words *words, struct arena *arena, const struct dhcp_start *start)
{
	char guest[ADDR_TEXT_MAX], gateway[ADDR_TEXT_MAX];

	addr_format(start->guest6, guest);
	addr_format(start->gateway.v6, gateway);
	add(words, arena_printf(arena, "--dhcp-range=%s,static,%d," LEASE, guest, POOL_LEN6));
	add(words, arena_printf(arena, "--dhcp-option=option6:dns-server,[%s]", gateway));
	add(words, arena_strdup(arena, "--enable-ra"));
}

static void add_guest(struct words *words, struct arena *arena, const struct dhcp_start *start)
{
	const uint8_t *mac = start->mac;
	char guest4[ADDR_TEXT_MAX] = "", guest6[ADDR_TEXT_MAX] = "";

	if (start->gateway.has4)
		addr_format(start->guest4, guest4);
	if (start->gateway.has6)
		addr_format(start->guest6, guest6);
	add(words, arena_printf(arena, "--dhcp-host=%02x:%02x:%02x:%02x:%02x:%02x%s%s%s%s%s," LEASE, mac[0], mac[1],
				mac[2], mac[3], mac[4], mac[5], *guest4 ? "," : "", guest4, *guest6 ? ",[" : "", guest6,
				*guest6 ? "]" : ""));
}

char **dhcp_argv(struct arena *arena, const struct dhcp_start *start)
{
	struct words *words = arena_alloc(arena, sizeof *words);

	for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
		add(words, arena_strdup(arena, fixed[i]));
	add_guest(words, arena, start);
	if (start->gateway.has4)
		add_v4(words, arena, start);
	if (start->gateway.has6)
		add_v6(words, arena, start);
	return words->items;
}

/* ---- the process ---- */

/* What the two sides have between them until dnsmasq runs */
struct channel {
	int number[2];   /* child to parent: its listener's number */
	int go[2];       /* parent to child, by its end: the parent has the listener */
	int messages[2]; /* dnsmasq's standard error */
};

static _Noreturn void become_dnsmasq(const struct dhcp_start *start, const struct channel *channel)
{
	static char *environment[] = { "PATH=/usr/sbin:/usr/bin", "LC_ALL=C", NULL };
	static const char *const devices[] = { "urandom", "null" };
	const struct exec_jail_file empty = { EMPTY, -1, NULL, 0, false };
	const struct exec_jail wanted = {
		.uid = start->uid,
		.files = &empty,
		.file_count = 1,
		.devices = devices,
		.device_count = 2,
		.capabilities = 1u << CAP_NET_ADMIN | 1u << CAP_NET_RAW | 1u << CAP_NET_BIND_SERVICE,
	};
	char **argv = dhcp_argv(arena_new(), start), byte;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), listener = -1;

	process_reset_signals();
	if (exec_jail_enter(&wanted))
		_exit(EXIT_STATUS_FAILED);
	listener = lend_socket_listen();
	close(channel->go[1]);
	if (write(channel->number[1], &listener, sizeof listener) != sizeof listener ||
	    read(channel->go[0], &byte, 1) != 0)
		_exit(EXIT_STATUS_FAILED);
	dup2(null, STDIN_FILENO);
	dup2(channel->messages[1], STDOUT_FILENO);
	dup2(channel->messages[1], STDERR_FILENO);
	process_close_others(NULL, 0);
	execve(DHCP_PROGRAM, argv, environment);
	fprintf(stderr, "%s: %s\n", DHCP_PROGRAM, strerror(errno));
	_exit(EXIT_STATUS_FAILED);
}

static void let_go(void *go)
{
	fd_closep(go);
}

static int lend_raw_socket(struct channel *channel, int pidfd)
{
	CLEANUP_FD int raw = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6);
	int number;

	if (raw < 0)
		return -errno;
	if (read(channel->number[0], &number, sizeof number) != sizeof number)
		return -ECHILD;
	return number < 0 ? number : lend_socket(pidfd, number, raw, TIMEOUT_MS, let_go, &channel->go[1]);
}

/* The first line that dnsmasq printed before it gave up */
static void report(const struct channel *channel, int error)
{
	char text[256];
	ssize_t length = read(channel->messages[0], text, sizeof text - 1);

	text[length > 0 ? length : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	log_error("cannot start dnsmasq, which gives the guest its address: %s", *text ? text : strerror(-error));
	log_help("apt-get install dnsmasq-base");
}

static int open_channel(struct channel *channel)
{
	if (pipe2(channel->number, O_CLOEXEC) || pipe2(channel->go, O_CLOEXEC) ||
	    pipe2(channel->messages, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	return 0;
}

static int start_dnsmasq(const struct dhcp_start *start, struct channel *channel, int *pidfd)
{
	int error = open_channel(channel);

	if (error < 0)
		return error;
	pid_t pid = process_fork(0, pidfd);
	if (pid == 0)
		become_dnsmasq(start, channel);
	if (pid < 0)
		return pid;
	fd_closep(&channel->number[1]);
	fd_closep(&channel->go[0]);
	fd_closep(&channel->messages[1]);
	return start->gateway.has6 ? lend_raw_socket(channel, *pidfd) : 0;
}

int dhcp_open(const struct dhcp_start *start)
{
	struct channel channel = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
	CLEANUP_FD int pidfd = -1;

	int error = access(DHCP_PROGRAM, X_OK) ? -errno : sysctl_write("ipv4/ip_unprivileged_port_start", FIRST_PORT);
	if (error == 0)
		error = start_dnsmasq(start, &channel, &pidfd);
	if (error < 0)
		report(&channel, error);
	for (int end = 0; end < 2; end++) {
		fd_closep(&channel.number[end]);
		fd_closep(&channel.go[end]);
		fd_closep(&channel.messages[end]);
	}
	return error;
}
