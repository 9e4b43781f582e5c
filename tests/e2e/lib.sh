# Functions for the end-to-end tests. A test is `tests/e2e/NAME.sh BUILD` and begins with
#
#	. "$(dirname "$0")/lib.sh"
#	world_up
#
# Sourcing this file starts the test again in namespaces of its own (network, mounts, processes), which play
# the host that msb-run runs on. Everything a test starts, links, mounts or installs is in there, and the kernel
# takes it all away when the test ends or is killed, so no name can clash and nothing needs cleaning.
# world_up adds a second network namespace, the Internet: whatever address, whatever port is asked, something
# there answers, so that a flow that fails was refused by the policy and by nothing else.
#
#	   test = host namespace                       Internet namespace
#	   wan0 203.0.113.2   2001:db8:1::2  ───────── wan0 203.0.113.1  2001:db8:1::1, and every other address
#
# shellcheck shell=bash disable=SC2034

set -u
BUILD=$(realpath "${1:?usage: $0 BUILD}")
TESTS=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$TESTS/tap.sh"
TAP_PREFIX="$(basename "$0" .sh): "
HOST4=203.0.113.2 HOST6=2001:db8:1::2
INTERNET4=203.0.113.1 INTERNET6=2001:db8:1::1
RESOLVER=9.9.9.9 # what the host's resolv.conf names

# --- a host of one's own -------------------------------------------------------------------------------------

if [ -z "${MSB_TEST_WORLD-}" ]; then
	if [ "$(id -u)" != 0 ]; then
		skip everything "needs root to make namespaces"
		exit 0
	fi
	export MSB_TEST_WORLD=$$
	exec unshare --net --mount --pid --fork --kill-child --propagation private "$0" "$@"
fi
WORK=/run/test # files of the test, gone with its mount namespace

# host_up: /proc, /sys and /run of this namespace, loopback, the host's own resolv.conf. HOST_CGROUPS=1: its cgroups below the new /sys
host_up() {
	mount -t proc proc /proc
	sys_up
	mount -t tmpfs -o mode=755 tmpfs /run
	mount -t tmpfs -o mode=755 tmpfs /var/cache # directories that were packed
	mkdir -p "$WORK" /run/netns
	chmod 755 "$WORK"
	ip link set lo up
	printf 'nameserver %s\n' "$RESOLVER" >"$WORK/resolv.conf"
	[ -e /etc/resolv.conf ] || : >/etc/resolv.conf
	mount --bind "$WORK/resolv.conf" "$(realpath /etc/resolv.conf)"
}

sys_up() {
	local cgroups
	[ -n "${HOST_CGROUPS-}" ] || { mount -t sysfs sysfs /sys; return; }
	cgroups=$(mktemp -d) || exit 3
	mount --rbind /sys/fs/cgroup "$cgroups"
	mount -t sysfs sysfs /sys
	mount --rbind "$cgroups" /sys/fs/cgroup
	umount -l "$cgroups" && rmdir "$cgroups"
}

# wait_for SECONDS COMMAND…: until the command succeeds; 1 where it never did
wait_for() {
	local until=$((${EPOCHREALTIME/./} + $1 * 1000000))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "${EPOCHREALTIME/./}" -lt "$until" ] || return 1
		sleep 0.02
	done
}

# patience SECONDS: as many, times the load of a machine that has more to do than its processors can
patience() { awk -v s="$1" -v cpus="$(nproc)" '{ f = $1 / cpus; print int(s * (f > 1 ? f : 1) + 0.5) }' /proc/loadavg; }

# in_dns_netns COMMAND…: in the network namespace of the sandbox that was started last, known by its DNS worker
in_dns_netns() {
	wait_for 5 pgrep -nx msb-dns
	nsenter --net="/proc/$(pgrep -nx msb-dns)/ns/net" -- "$@"
}

# bound_elements FAMILY [MAP]: addresses that names hold, each with its timeout in seconds and the chain it leads to, as the VM's
# namespace has them
bound_elements() {
	in_dns_netns nft -j list map inet msb "${2-bound}$1" | jq -r '.nftables[].map.elem // [] | .[] |
		(.[0].elem.val // .[0]) + " " + (.[0].elem.timeout | tostring) + " " + ((.[1].jump // .[1].goto).target)' | sort
}

# --- the Internet --------------------------------------------------------------------------------------------

# on_internet COMMAND…: runs it in the Internet's network namespace
on_internet() { nsenter --net=/run/netns/internet -- "$@"; }

# world_up [RECORDS]: the host, the Internet and its servers; RECORDS are more lines of the DNS zone
world_up() {
	host_up
	internet_links
	internet_counters
	internet_web
	internet_echo
	internet_dns "${1-}"
}

# The links, and a route that makes every address the Internet's own
internet_links() {
	local family
	ip netns add internet
	ip link add wan0 type veth peer name wan0 netns internet
	ip address add "$HOST4/24" dev wan0
	ip address add "$HOST6/64" dev wan0 nodad
	ip link set wan0 up
	on_internet ip link set lo up
	on_internet ip address add "$INTERNET4/24" dev wan0
	on_internet ip address add "$INTERNET6/64" dev wan0 nodad
	on_internet ip link set wan0 up
	for family in -4 -6; do
		on_internet ip "$family" rule add iif wan0 lookup 100
		on_internet ip "$family" route add local default dev lo table 100
	done
	ip route add default via "$INTERNET4"
	ip -6 route add default via "$INTERNET6"
}

# ipv6_up: waits for IPv6 to get to the Internet, where it is lost in the first second after the link has come up. For
# tests that send a packet once
ipv6_up() { wait_for 10 "$PROBE" tcp "$INTERNET6" 7 200; }

# Counts every packet by where it goes, before anything else looks at it. Port 81 stays closed; what nobody
# listens on goes to the echo server; conntrack makes each answer come from the address that was asked.
internet_counters() {
	on_internet nft -f - <<-EOF
		table inet seen {
			set flows4 { type ipv4_addr . inet_proto . inet_service; size 60000; flags dynamic; }
			set flows6 { type ipv6_addr . inet_proto . inet_service; size 60000; flags dynamic; }
			set hosts4 { type ipv4_addr . inet_proto; size 60000; flags dynamic; }
			set hosts6 { type ipv6_addr . inet_proto; size 60000; flags dynamic; }
			counter total { }
			chain prerouting {
				type filter hook prerouting priority -300;
				iifname != "wan0" return
				udp dport 53 @th,168,64 & 0xdfdfdfffdfdfdfdf == 0x495056344f4e4c59 return # ipv4only.arpa, which msb-run itself asks for
				icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, nd-router-advert, mld-listener-report, mld2-listener-report } return
				counter name total
				update @hosts4 { ip daddr . meta l4proto counter }
				update @hosts6 { ip6 daddr . meta l4proto counter }
				meta l4proto { tcp, udp } update @flows4 { ip daddr . meta l4proto . th dport counter }
				meta l4proto { tcp, udp } update @flows6 { ip6 daddr . meta l4proto . th dport counter }
			}
		}
		table inet answers {
			chain prerouting {
				type nat hook prerouting priority -100;
				iifname != "wan0" return
				meta l4proto { tcp, udp } th dport 53 redirect to :53
				tcp dport { 80, 81, 443, 8080 } redirect
				tcp dport { 9, 19 } redirect
				meta l4proto { tcp, udp } redirect to :7
			}
		}
	EOF
}

# seen ADDRESS [PROTO [PORT]]: how many packets for it have arrived on the Internet. PROTO: tcp, udp, icmp, ipv6-icmp
seen() {
	local family=4
	[[ $1 == *:* ]] && family=6
	on_internet nft -j list set inet seen "$([ -n "${3-}" ] && echo flows || echo hosts)$family" |
		jq --arg a "$1" --arg p "${2-}" --arg d "${3-}" '[.nftables[] | .set.elem // [] | .[].elem
			| select(.val.concat[0] == $a and ($p == "" or .val.concat[1] == $p)
				and ($d == "" or (.val.concat[2] | tostring) == $d)) | .counter.packets] | add // 0'
}

# seen_total: how many packets have arrived on the Internet, whatever they were for
seen_total() { on_internet nft -j list counter inet seen total | jq '[.nftables[].counter.packets // empty] | add'; }

# seen_reset: counts from nothing again
seen_reset() {
	local set
	for set in flows4 flows6 hosts4 hosts6; do on_internet nft flush set inet seen "$set"; done
	on_internet nft reset counter inet seen total >/dev/null
}

# Web servers on 80, 443 and 8080, the same on every address
internet_web() {
	local port
	mkdir -p "$WORK/www/latest/meta-data"
	echo "hello from the Internet" >"$WORK/www/index.html"
	echo "AKIAIOSFODNN7EXAMPLE" >"$WORK/www/latest/meta-data/credentials"
	for port in 80 443 8080; do on_internet busybox httpd -p "$port" -h "$WORK/www"; done
}

# Echo on 7 (TCP and UDP, standing for every other port), discard on 9, endless bytes on 19
internet_echo() {
	local address
	on_internet "$BUILD/e2e/echo" &
	# from the host, both families: what a test sends next is not lost to neighbour discovery
	for address in "$INTERNET4" "$INTERNET6"; do
		wait_for 5 "$BUILD/e2e/probe" tcp "$address" 7 || echo "lib.sh: the echo server does not answer at $address" >&2
	done
}

# The names of the Internet: one root zone, so chains of CNAMEs are followed. One `NAME TTL TYPE DATA` a line.
internet_zone() {
	cat <<-EOF
		\$ORIGIN .
		. 3600 IN SOA ns.internet. admin.internet. 1 3600 600 86400 60
		. 3600 IN NS ns.internet.
		ns.internet.                   3600 IN A $INTERNET4
		example.com.                     60 IN A 93.184.216.34
		example.com.                     60 IN AAAA 2606:2800:220:1::34
		www.example.com.                 60 IN CNAME example.com.
		a.example.com.                   60 IN A 93.184.216.35
		a.example.com.                   60 IN AAAA 2606:2800:220:1::35
		deep.a.example.com.              60 IN A 93.184.216.36
		short.example.com.                2 IN A 93.184.216.37
		four.example.com.                60 IN A 93.184.216.38
		six.example.com.                 60 IN AAAA 2606:2800:220:1::39
		rebind.example.com.              60 IN A 10.0.0.5
		meta.example.com.                60 IN A 169.254.169.254
		azure.example.com.               60 IN A 168.63.129.16
		gateway.example.com.             60 IN A 172.16.0.1
		example.org.                     60 IN A 93.184.216.40
		github.com.                      60 IN A 140.82.121.4
		raw.githubusercontent.com.       60 IN A 185.199.108.133
		pypi.org.                        60 IN A 151.101.0.223
		pypi.org.                        60 IN A 151.101.64.223
		pypi.org.                        60 IN AAAA 2a04:4e42::223
		files.pythonhosted.org.          60 IN CNAME dualstack.r.ssl.global.fastly.net.
		dualstack.r.ssl.global.fastly.net. 30 IN A 146.75.116.223
		rebind.pythonhosted.org.         60 IN A 10.0.0.5
		registry.npmjs.org.              60 IN A 104.16.0.35
		deb.debian.org.                  60 IN A 146.75.118.132
		one.one.one.one.                 60 IN A 1.1.1.1
		dns.google.                      60 IN A 8.8.8.8
		intranet.corp.                   60 IN A 192.168.1.20
		ads.tracking.com.                60 IN A 93.184.216.41
	EOF
	for i in $(seq 16); do printf 'big.example.com. 60 IN TXT "%0250d"\n' "$i"; done
	for i in $(seq 100); do printf 'many.example.com. 60 IN A 93.184.220.%d\n' "$i"; done
}

# internet_dns RECORDS: nsd on port 53 of every address
internet_dns() {
	mkdir -p "$WORK/nsd"
	{ internet_zone; printf '%s\n' "$1"; } >"$WORK/nsd/root.zone"
	cat >"$WORK/nsd/nsd.conf" <<-EOF
		server:
			ip-address: $INTERNET4
			ip-address: $INTERNET6
			username: ""
			chroot: ""
			zonesdir: "$WORK/nsd"
			pidfile: "$WORK/nsd/nsd.pid"
			database: ""
			xfrdfile: "$WORK/nsd/xfrd.state"
			zonelistfile: "$WORK/nsd/zone.list"
			logfile: "$WORK/nsd/nsd.log"
			server-count: 1
			rrl-ratelimit: 0
		remote-control:
			control-enable: no
		zone:
			name: "."
			zonefile: root.zone
	EOF
	nsd_start
}

# dns_records RECORDS: the zone again, with these lines instead of the earlier additional ones
dns_records() {
	{ internet_zone; printf '%s\n' "$1"; } >"$WORK/nsd/root.zone"
	kill "$NSD_PID" && wait "$NSD_PID"
	nsd_start
}

# nsd_start: until it answers; leaves $NSD_PID
nsd_start() {
	nsenter --net=/run/netns/internet -- nsd -d -c "$WORK/nsd/nsd.conf" 2>>"$WORK/nsd/stderr" &
	NSD_PID=$!
	wait_for 5 dig +short +time=1 +tries=1 "@$RESOLVER" example.com A ||
		{ echo "lib.sh: nsd does not answer:" && cat "$WORK/nsd/stderr" "$WORK/nsd/nsd.log"; } >&2
}

# lan_up: a second network behind the host, 192.168.7.0/24 and fd07::/64 on lan0, whose one machine is in the network namespace
# "lan" with the addresses that end in 2; the Internet has routes to it by the host
lan_up() {
	ip netns add lan
	ip link add lan0 type veth peer name eth0 netns lan
	ip address add 192.168.7.1/24 dev lan0
	ip address add fd07::1/64 dev lan0 nodad
	ip link set lan0 up
	ip netns exec lan ip address add 192.168.7.2/24 dev eth0
	ip netns exec lan ip address add fd07::2/64 dev eth0 nodad
	ip netns exec lan ip link set eth0 up
	ip netns exec lan ip route add default via 192.168.7.1
	ip netns exec lan ip -6 route add default via fd07::1
	on_internet ip route add 192.168.7.0/24 via "$HOST4"
	on_internet ip -6 route add fd07::/64 via "$HOST6"
}

# --- sandboxes -----------------------------------------------------------------------------------------------

# run_sandbox ARG…: msb-run on the host's own kernel, at most 60 s; leaves $out, $err and $status
run_sandbox() {
	timeout 60 "$BUILD/msb-run" --vmm none "$@" >"$WORK/out" 2>"$WORK/err" </dev/null
	status=$? out=$(tr -d '\0' <"$WORK/out") err=$(tr -d '\0' <"$WORK/err")
}

# run_vm ARG…: the same in a QEMU guest, at most 120 s. A guest's kernel that hangs as it boots, as it may under TCG on a loaded
# machine, is started once more, and that is said
run_vm() {
	timeout 120 "$BUILD/msb-run" --vmm qemu "$@" >"$WORK/out" 2>"$WORK/err" </dev/null
	status=$?
	if [ "$status" = 124 ] && [ ! -s "$WORK/out" ]; then
		echo "# nothing was heard of the guest in 120 s: once more"
		timeout 120 "$BUILD/msb-run" --vmm qemu "$@" >"$WORK/out" 2>"$WORK/err" </dev/null
		status=$?
	fi
	out=$(tr -d '\0' <"$WORK/out") err=$(tr -d '\0' <"$WORK/err")
}

# start_sandbox NAME ARG…: one in the background, its output in $WORK/NAME.{out,err}; leaves $sandbox_pid
start_sandbox() {
	local name=$1
	shift
	: >"$WORK/$name.out" # what was there of one before must not be taken for its
	"$BUILD/msb-run" --vmm none --name "$name" "$@" >"$WORK/$name.out" 2>"$WORK/$name.err" </dev/null &
	sandbox_pid=$!
}

# PROBE: a static program that opens one flow and says how it fared, as does `probe` in the guest:
#	$PROBE tcp|udp ADDRESS PORT [TIMEOUT_MS]   → connected | answered | refused | reset | unreachable | timeout
PROBE=$BUILD/e2e/probe

# leftovers: what the host holds that was not there when world_up ended: processes, links, tables, mounts,
# namespaces, routes. Nothing printed means nothing is left.
leftovers_now() {
	local own=$BASHPID # this shell is not counted, nor is ps, which writes a file: a pipe to awk would be forks of this shell
	ps -e -o pid=,ppid=,comm= >"$WORK/processes"
	awk -v own="$own" '$1 != 1 && $1 != own && !($2 == own && $3 == "ps") { print "process " $1 " " $3 }' "$WORK/processes" | sort
	ip -br link | awk '{ print "link " $1 }' | sort
	ip route show table all | grep -Ev ' dev lo| fe80:' | sed 's/^/route /; s/ linkdown\b//' | sort # which a link that is there may be, or not yet
	nft list tables | sort
	awk '{ print "mount " $5 }' /proc/self/mountinfo | sort
}
leftovers_mark() { leftovers_now >"$WORK/before"; }
leftovers() {
	leftovers_now >"$WORK/after"
	diff "$WORK/before" "$WORK/after" | grep '^>'
}
