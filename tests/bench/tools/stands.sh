# Stands for benches: guests of msb-run side by side, each with a host and an Internet of its own, as msb-run sets them up: its
# links, sysctls, rulesets, processes. Sourcing this starts the script again in namespaces of its own, gone with it.
#
#	NAME.guest eth0 ── tap0 ─ br0 NAME.vm uplink ── msb0 NAME.host wan0 ── sink0 NAME.net
#
# What arrives is dropped and counted where it enters the last namespace of the way, NAME.sink: on msb0 where the way is `vm`
# (the VM's namespace alone, with its ruleset), on sink0 where it is `host` (also the host's forwarding, table and NAT).
#
# shellcheck shell=bash disable=SC2154 # $build: where the programs are, which the script that sources this sets
BENCH=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [ -z "${MSB_BENCH_WORLD-}" ]; then
	if [ "$(id -u)" != 0 ]; then
		echo "$0: needs root to make namespaces" >&2
		exit 3
	fi
	MSB_BENCH_WORLD=1 exec unshare --net --mount --pid --fork --kill-child --propagation private "$0" "$@"
fi
WORK=/run/bench
mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p "$WORK" /run/netns
chmod 755 "$WORK"
ip link set lo up
printf 'nameserver 203.0.113.1\n' >"$WORK/resolv.conf"
mount --bind "$WORK/resolv.conf" "$(realpath /etc/resolv.conf)"
echo 'default egress allow' >"$WORK/any.msb"

die() {
	echo "$0: $*" >&2
	exit 3
}
mac() { ip -o "$@" | sed 's/.*link\/ether \([^ ]*\).*/\1/'; }
in_ns() { nsenter --net="/run/netns/$1" -- "${@:2}"; } # NAMESPACE COMMAND…: that is in /sys what it was
keep_ns() { # NAME PID: the network namespace of a process gets a name
	: >"/run/netns/$1"
	mount --bind "/proc/$2/ns/net" "/run/netns/$1" || die "no namespace $1"
}

# An Internet behind HOST's wan0, that is never asked by ARP or ND
wan() { # HOST NET
	ip -n "$1" link add wan0 type veth peer name sink0 netns "$2"
	ip -n "$2" link set sink0 up
	ip -n "$1" link set wan0 up
	ip -n "$1" addr add 203.0.113.2/24 dev wan0
	ip -n "$1" addr add 2001:db8:1::2/64 dev wan0 nodad
	ip -n "$2" addr add 203.0.113.1/24 dev sink0
	ip -n "$2" addr add 2001:db8:1::1/64 dev sink0 nodad
	local there
	there=$(mac -n "$2" link show sink0)
	ip -n "$1" neigh replace 203.0.113.1 lladdr "$there" dev wan0 nud permanent
	ip -n "$1" neigh replace 2001:db8:1::1 lladdr "$there" dev wan0 nud permanent
	ip -n "$1" route add default via 203.0.113.1
	ip -n "$1" -6 route add default via 2001:db8:1::1
}

# msb-run in a host of its own; OPTIONS and POLICY are its. Its guest does nothing.
sandbox() { # NAME POLICY [OPTION…]
	local name=$1 policy=$2 waited=0
	shift 2
	ip netns add "$name.shipped"
	ip netns add "$name.shippednet"
	ln -s "$name.shipped" "/run/netns/$name.host"
	ln -s "$name.shippednet" "/run/netns/$name.net"
	ip -n "$name.host" link set lo up
	ip -n "$name.net" link set lo up
	wan "$name.host" "$name.net"
	in_ns "$name.host" "$build/msb-run" --vmm none -q "$@" --policy "$policy" -- sh -c 'echo ready; exec sleep infinity' \
		>"$WORK/$name.out" 2>"$WORK/$name.err" </dev/null &
	until [ -s "$WORK/$name.out" ]; do
		sleep 0.05
		waited=$((waited + 1))
		if ! kill -0 $! 2>/dev/null || [ "$waited" -gt 1200 ]; then die "$name does not start: $(cat "$WORK/$name.err")"; fi
	done
	keep_ns "$name.guest" "$(pgrep -nx msb-init)"
	keep_ns "$name.vm" "$(pgrep -nx msb-dns)"
}

# What the guest sends is dropped and counted here
sink() { # NAME vm|host
	local from=net link=sink0
	[ "$2" = vm ] && from=host link=$(uplink_peer "$1")
	ln -s "$1.$from" "/run/netns/$1.sink"
	in_ns "$1.sink" nft -f - <<-END
		table netdev bench {
			counter arrived { }
			chain count {
				type filter hook ingress device "$link" priority -500;
				meta l4proto { tcp, udp } counter name arrived drop
			}
		}
	END
}
uplink_peer() { ip -n "$1.host" -o link show type veth | sed 's/^[0-9]*: \([^@:]*\).*/\1/' | grep '^msb'; }

# Other rules in the VM's namespace than the sandbox's, or none
replace_rules() { # NAME FILE.nft
	{
		echo "flush ruleset"
		cat "$2"
	} | in_ns "$1.vm" nft -f - || die "$2: cannot be loaded"
}

# The way through a host that filters nothing, but for FILE.nft, instead of through the one with the sandbox's table; for baselines
plain_host() { # NAME [FILE.nft]
	local name=$1 link there here family path
	link=$(uplink_peer "$name")
	there=$(mac -n "$name.host" link show "$link")
	here=$(mac -n "$name.vm" link show uplink)
	for family in 4 6; do
		ip -n "$name.vm" "-$family" route show default dev uplink >"$WORK/$name.vm.route$family"
		ip -n "$name.vm" "-$family" neigh show dev uplink nud permanent >"$WORK/$name.vm.neigh$family"
		ip -n "$name.host" "-$family" route show dev "$link" >"$WORK/$name.host.route$family"
		ip -n "$name.host" "-$family" neigh show dev "$link" nud permanent >"$WORK/$name.host.neigh$family"
	done
	ip -n "$name.vm" link set uplink down
	ip -n "$name.vm" link set uplink name unused
	ip netns add "$name.plain"
	ip netns add "$name.plainnet"
	ip -n "$name.plain" link set lo up
	in_ns "$name.plain" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	ip -n "$name.vm" link add uplink address "$here" type veth peer name "$link" address "$there" netns "$name.plain"
	for path in "ipv4/conf/$link" "ipv6/conf/$link"; do copy_sysctls "$path" "$name.host" "$name.plain"; done
	ip -n "$name.vm" link set uplink up
	ip -n "$name.plain" link set "$link" up
	copy_ways "$name.vm" "$name.vm" uplink
	copy_ways "$name.host" "$name.plain" "$link"
	wan "$name.plain" "$name.plainnet"
	if [ -n "${2-}" ]; then in_ns "$name.plain" nft -f "$2" || die "$2: cannot be loaded"; fi
	ln -sfn "$name.plain" "/run/netns/$name.host"
	ln -sfn "$name.plainnet" "/run/netns/$name.net"
}
copy_sysctls() { # PATH FROM TO: below /proc/sys/net; those that cannot be written keep what they are
	in_ns "$2" sh -c "cd /proc/sys/net/$1 && grep -H . -- * 2>/dev/null" |
		in_ns "$3" sh -c "cd /proc/sys/net/$1 && while IFS=: read -r file value; do echo \"\$value\" 2>/dev/null >\"\$file\"; done" || true
}
copy_ways() { # SAVED TO LINK
	local family line
	for family in 4 6; do
		while read -r line; do
			# shellcheck disable=SC2086 # as ip prints it
			ip -n "$2" "-$family" neigh replace ${line% PERMANENT} dev "$3" nud permanent
		done <"$WORK/$1.neigh$family"
		while read -r line; do
			[[ $line == *"proto kernel"* ]] && continue
			# shellcheck disable=SC2086
			ip -n "$2" "-$family" route replace ${line% pref medium} dev "$3" onlink 2>/dev/null ||
				ip -n "$2" "-$family" route replace ${line% pref medium} dev "$3"
		done <"$WORK/$1.route$family"
	done
}

# The guest looks up NAMES (see policy.py), which its Internet knows, so that what the policy allows of them is bound
look_up() { # NAME NAMES
	local name=$1 names=$2 server answered
	server=$(in_ns "$name.net" "$BENCH/tools/dns.py" serve 203.0.113.1 "$names")
	answered=$(in_ns "$name.guest" "$BENCH/tools/dns.py" ask "$(ip -n "$name.guest" route show default | cut -d' ' -f3)" "$names")
	kill "$server"
	[ "$answered" = "$(wc -l <"$names")" ] || die "$name: of $(wc -l <"$names") names only $answered are answered"
}
# The same, where what is bound is a set for each rule
bind_in_sets() { # NAME NAMES
	awk '{ print "add element inet msb rule" $1 "_v4 { " $3 " timeout 1d }" }' "$2" | in_ns "$1.vm" nft -f - ||
		die "$1: the names' addresses cannot be added"
}

# A stand with RULES as rates.sh has them; $NAMES, where it is set, are what the guest has looked up
stand() { # NAME vm|host RULES [OPTION of msb-run…]
	local name=$1 way=$2 rules=$3
	shift 3
	case $rules in
	none | floor | linear | *.nft) sandbox "$name" "$WORK/any.msb" "$@" ;;
	frame) sandbox "$name" "$WORK/any.msb" "$@" ;;
	*@[0-9]) sandbox "$name" "$WORK/any.msb" "$@" && compiled "$name" "${rules%@*}" "${rules##*@}" "$@" ;;
	*) sandbox "$name" "$rules" "$@" ;;
	esac
	if [ -n "${NAMES-}" ]; then
		case $rules in
		*.msb@0) bind_in_sets "$name" "$NAMES" ;;
		*.msb@*) die "$rules: names are bound at level 0, or by msb-run" ;;
		*.msb) look_up "$name" "$NAMES" ;;
		esac
	fi
	case $rules in
	none) replace_rules "$name" /dev/null ;;
	floor | linear) replace_rules "$name" "$BENCH/tools/$rules.nft" ;;
	*.nft) replace_rules "$name" "$rules" ;;
	esac
	if [ "$way" = host ]; then
		case $rules in
		none) plain_host "$name" ;;
		floor | linear) plain_host "$name" "$BENCH/tools/floor-host.nft" ;;
		esac
	fi
	sink "$name" "$way"
}
compiled() { # NAME POLICY LEVEL [OPTION…]
	local name=$1 policy=$2 level=$3
	shift 3
	"$build/msb-policyc" compile -O "$level" "$policy" "$@" >"$WORK/$name.nft" || die "$policy: does not compile"
	replace_rules "$name" "$WORK/$name.nft"
}
