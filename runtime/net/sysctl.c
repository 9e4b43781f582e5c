/* Sysctls by table. `net.X.conf.all` and `conf.default` are both written: the kernel takes the stricter, the looser or
 * the sum of `all` and the device's, depending on the sysctl, and devices made later start from `default`. */
#include "net/sysctl.h"
#include "core/fd.h"
#include "core/log.h"
#include "lower/sandbox_net.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define PATH_LEN 96
#define TEXT_OF(number) #number
#define TEXT(macro) TEXT_OF(macro)

struct setting {
	const char *path; /* under /proc/sys/net; %s is "all", "default" or the host link */
	const char *value;
	bool optional; /* kernels without it do not do what it would switch off */
};

/* Routing between uplink and br0. Written first: the kernel resets others when these change. */
static const struct setting forwarding[] = {
	{ "ipv4/ip_forward", "1" },
	{ "ipv6/conf/all/forwarding", "1" },
};

/* What a link may take part in; for `all`, `default`, and the host link. */
static const struct setting link_settings[] = {
	/* Loopback addresses stay inside: with route_localnet the guest reaches 127.0.0.53 */
	{ "ipv4/conf/%s/route_localnet", "0" },
	{ "ipv4/conf/%s/accept_local", "0" },
	{ "ipv4/conf/%s/bc_forwarding", "0", true },
	{ "ipv4/conf/%s/mc_forwarding", "0", true }, /* read-only, off unless a multicast router runs */
	/* No redirects, source routes or advertisements, either way */
	{ "ipv4/conf/%s/accept_source_route", "0" },
	{ "ipv4/conf/%s/accept_redirects", "0" },
	{ "ipv4/conf/%s/secure_redirects", "0" },
	{ "ipv4/conf/%s/send_redirects", "0" },
	{ "ipv6/conf/%s/accept_source_route", "-1" },
	{ "ipv6/conf/%s/accept_redirects", "0" },
	{ "ipv6/conf/%s/seg6_enabled", "0", true },
	{ "ipv6/conf/%s/rpl_seg_enabled", "0", true },
	{ "ipv6/conf/%s/ioam6_enabled", "0", true },
	{ "ipv6/conf/%s/accept_ra", "0" },
	{ "ipv6/conf/%s/autoconf", "0" },
	{ "ipv6/conf/%s/use_tempaddr", "0" },
	/* A source must be where its route points, whatever its mark */
	{ "ipv4/conf/%s/rp_filter", "1" },
	{ "ipv4/conf/%s/src_valid_mark", "0", true },
	/* ARP and ND answer for the link's own addresses, to those on it, and for no other */
	{ "ipv4/conf/%s/proxy_arp", "0" },
	{ "ipv4/conf/%s/proxy_arp_pvlan", "0" },
	{ "ipv4/conf/%s/arp_ignore", "2" },
	{ "ipv4/conf/%s/arp_announce", "2" },
	{ "ipv4/conf/%s/arp_accept", "0" },
	{ "ipv4/conf/%s/arp_filter", "0" },
	{ "ipv6/conf/%s/proxy_ndp", "0" },
	{ "ipv6/conf/%s/accept_untracked_na", "0", true },
	{ "ipv6/conf/%s/accept_dad", "0" },
	{ "ipv6/conf/%s/disable_ipv6", "0" },
	{ "ipv4/conf/%s/disable_policy", "0" },
	{ "ipv4/conf/%s/disable_xfrm", "0" },
};

/* Of the VM's namespace as a whole. */
static const struct setting sandbox_settings[] = {
	/* A burst of refusals reaches the guest whole, UDP's too */
	{ "ipv4/icmp_ratelimit", "0" },
	{ "ipv6/icmp/ratelimit", "0" },
	{ "ipv4/icmp_msgs_per_sec", "1000000", true }, /* of the machine, not the namespace, before Linux 6.13 */
	{ "ipv4/icmp_msgs_burst", "1000000", true },
	{ "ipv4/icmp_echo_ignore_all", "0" },
	{ "ipv4/icmp_echo_ignore_broadcasts", "1" },
	{ "ipv4/icmp_echo_enable_probe", "0", true },
	{ "ipv4/icmp_errors_use_inbound_ifaddr", "0" },
	/* Connections whose process was killed do not keep the namespace */
	{ "ipv4/tcp_orphan_retries", "1" },
	{ "ipv4/tcp_fin_timeout", "5" },
	{ "ipv4/ip_nonlocal_bind", "0" },
	{ "ipv6/ip_nonlocal_bind", "0" },
	{ "ipv4/ip_early_demux", "1" },
	{ "ipv4/ip_no_pmtu_disc", "0" },
	{ "ipv4/ip_forward_use_pmtu", "0" },
	{ "ipv4/ip_local_port_range", TEXT(LOWER_LOCAL_PORT_FIRST) "\t65535" },
	{ "ipv4/fwmark_reflect", "0" },
	{ "ipv4/tcp_fwmark_accept", "0" },
	{ "ipv6/fwmark_reflect", "0" },
	{ "ipv6/bindv6only", "0" },
	{ "ipv6/conf/default/addr_gen_mode", "0" },
	{ "ipv6/conf/default/dad_transmits", "0" },
	{ "ipv6/conf/default/router_solicitations", "0" },
	/* Frames bridged are not routed: no second pass through another filter */
	{ "bridge/bridge-nf-call-iptables", "0", true },
	{ "bridge/bridge-nf-call-ip6tables", "0", true },
	{ "bridge/bridge-nf-call-arptables", "0", true },
	{ "bridge/bridge-nf-filter-vlan-tagged", "0", true },
	{ "bridge/bridge-nf-filter-pppoe-tagged", "0", true },
	/* No helper opens a port that no rule names; a connection is seen from its start */
	{ "netfilter/nf_conntrack_helper", "0", true },
	{ "netfilter/nf_conntrack_tcp_loose", "0", true },
	{ "netfilter/nf_conntrack_tcp_be_liberal", "0", true },
	{ "netfilter/nf_conntrack_checksum", "1", true },
	/* How much a flow has sent, and when it began: kernels that cannot tell do without */
	{ "netfilter/nf_conntrack_acct", "1", true },
	{ "netfilter/nf_conntrack_timestamp", "1", true },
	/* An entry counts against --max-connections and the host's table: none is kept long for what came to nothing */
	{ "netfilter/nf_conntrack_udp_timeout", "15", true },
	{ "netfilter/nf_conntrack_icmp_timeout", "10", true },
	{ "netfilter/nf_conntrack_icmpv6_timeout", "10", true },
	{ "netfilter/nf_conntrack_generic_timeout", "60", true },
	{ "netfilter/nf_conntrack_tcp_timeout_syn_sent", "30", true },
	{ "netfilter/nf_conntrack_tcp_timeout_fin_wait", "30", true },
	{ "netfilter/nf_conntrack_tcp_timeout_time_wait", "15", true },
	{ "netfilter/nf_conntrack_tcp_timeout_established", "86400", true },
};

/* Of the host link only: it forwards, and has no address of its own. */
static const struct setting host_link_settings[] = {
	{ "ipv6/conf/%s/addr_gen_mode", "1" },
	{ "ipv6/conf/%s/router_solicitations", "0" },
	{ "ipv4/conf/%s/forwarding", "1" },
	{ "ipv6/conf/%s/force_forwarding", "1", true },
};

/* Of a pod's sandbox's two links that lead on, in place of what is above: each answers for what is behind the other. */
static const struct setting pod_link_settings[] = {
	{ "ipv4/conf/%s/proxy_arp", "1" },
	{ "ipv4/neigh/%s/proxy_delay", "0" },
	{ "ipv6/conf/%s/proxy_ndp", "1" },
	{ "ipv6/neigh/%s/proxy_delay", "0" },
};
static const char *const pod_links[] = { LOWER_UPLINK, LOWER_BRIDGE };

static int open_sysctl(const char *path, int flags)
{
	char full[128];

	if ((size_t)snprintf(full, sizeof full, "/proc/sys/net/%s", path) >= sizeof full)
		return -ENAMETOOLONG;
	int fd = open(full, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int sysctl_write(const char *path, const char *value)
{
	CLEANUP_FD int fd = open_sysctl(path, O_WRONLY);

	if (fd < 0)
		return fd;
	return write(fd, value, strlen(value)) < 0 ? -errno : 0;
}

static int read_open(int fd, char *value, size_t size)
{
	ssize_t len = read(fd, value, size - 1);
	if (len < 0)
		return -errno;
	value[len] = '\0';
	value[strcspn(value, "\n")] = '\0';
	return 0;
}

int sysctl_read(const char *path, char *value, size_t size)
{
	CLEANUP_FD int fd = open_sysctl(path, O_RDONLY);

	return fd < 0 ? fd : read_open(fd, value, size);
}

bool sysctl_exists(const char *path)
{
	CLEANUP_FD int fd = open_sysctl(path, O_RDONLY);

	return fd >= 0;
}

/* Written only where it differs: some are read-only in a namespace yet right. */
static int set(const char *path, const char *value)
{
	CLEANUP_FD int fd = open_sysctl(path, O_RDWR);
	char now[32];

	if (fd == -EACCES || fd == -EPERM || fd == -EROFS)
		fd = open_sysctl(path, O_RDONLY);
	int error = fd < 0 ? fd : read_open(fd, now, sizeof now);
	if (error < 0 || !strcmp(now, value))
		return error;
	return pwrite(fd, value, strlen(value), 0) < 0 ? errno == EBADF ? -EACCES : -errno : 0;
}

/* false: it is of IPv6, which this kernel has not */
static bool path_of(const struct setting *setting, const char *link, bool ipv6, char path[static PATH_LEN])
{
	if (!ipv6 && !strncmp(setting->path, "ipv6/", 5))
		return false;
	snprintf(path, PATH_LEN, setting->path, link);
	return true;
}

static int apply(const struct setting *settings, size_t count, const char *link)
{
	bool ipv6 = sysctl_exists("ipv6/bindv6only");
	char path[PATH_LEN];

	for (const struct setting *setting = settings; setting < settings + count; setting++) {
		if (!path_of(setting, link, ipv6, path))
			continue;
		int error = set(path, setting->value);
		if (error == 0 || (error == -ENOENT && setting->optional))
			continue;
		log_error("cannot set net/%s to %s: %s", path, setting->value, strerror(-error));
		return error;
	}
	return 0;
}
#define COUNT(table) (sizeof(table) / sizeof *(table))

int sysctl_set_sandbox(void)
{
	int error = apply(forwarding, COUNT(forwarding), "");
	if (error == 0)
		error = apply(link_settings, COUNT(link_settings), "all");
	if (error == 0)
		error = apply(link_settings, COUNT(link_settings), "default");
	if (error == 0)
		error = apply(sandbox_settings, COUNT(sandbox_settings), "");
	return error;
}

int sysctl_set_host_link(const char *link)
{
	int error = apply(link_settings, COUNT(link_settings), link);
	return error < 0 ? error : apply(host_link_settings, COUNT(host_link_settings), link);
}

int sysctl_set_pod_links(void)
{
	int error = 0;

	for (size_t i = 0; error == 0 && i < COUNT(pod_links); i++)
		error = apply(pod_link_settings, COUNT(pod_link_settings), pod_links[i]);
	return error;
}

/* ---- whether they still are so ---- */

static bool is_replaced(const struct setting *setting)
{
	for (size_t i = 0; i < COUNT(pod_link_settings); i++)
		if (!strcmp(setting->path, pod_link_settings[i].path))
			return true;
	return false;
}

static bool hold(const struct setting *settings, size_t count, const char *link, bool all, char *wrong, size_t size)
{
	bool ipv6 = sysctl_exists("ipv6/bindv6only");
	char path[PATH_LEN], now[32];

	for (const struct setting *setting = settings; setting < settings + count; setting++) {
		if ((!all && is_replaced(setting)) || !path_of(setting, link, ipv6, path))
			continue;
		int error = sysctl_read(path, now, sizeof now);
		if (error == -ENOENT && setting->optional)
			continue;
		if (error == 0 && !strcmp(now, setting->value))
			continue;
		snprintf(wrong, size, "net/%s is %s, and was set to %s", path, error ? strerror(-error) : now,
			 setting->value);
		return false;
	}
	return true;
}

bool sysctl_pod_holds(char *wrong, size_t size)
{
	bool is = hold(forwarding, COUNT(forwarding), "", true, wrong, size) &&
		  hold(link_settings, COUNT(link_settings), "all", true, wrong, size);

	for (size_t i = 0; is && i < COUNT(pod_links); i++)
		is = hold(link_settings, COUNT(link_settings), pod_links[i], false, wrong, size) &&
		     hold(pod_link_settings, COUNT(pod_link_settings), pod_links[i], true, wrong, size);
	return is;
}
