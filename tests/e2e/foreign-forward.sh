#!/usr/bin/env bash
# Threat foreign-forward: Docker, libvirt or an administrator makes the host a router while a sandbox runs, or ends that. What
# they switch on works at once, for strangers too, and stays on after the sandbox; what they switch off the sandbox switches on
# again for itself, and says so; with a daemon that will have it off it does not fight for ever.
. "$(dirname "$0")/lib.sh"
world_up
ipv6=1
[ -e /proc/sys/net/ipv6/conf/all/force_forwarding ] || ipv6=

# A second network behind the host, and a stranger out there who knows the way
lan_up
# routed FAMILY: a stranger's connection gets to the LAN and is refused there
routed() { on_internet "$PROBE" tcp "$([ "$1" = 4 ] && echo 192.168.7.2 || echo fd07::2)" 80 300 | grep -q ^refused; }
not_routed() { ! routed 4 && ! routed 6; }
both_routed() { routed 4 && routed 6; }
forwarding() { echo "$(cat /proc/sys/net/ipv4/conf/wan0/forwarding /proc/sys/net/ipv4/conf/lan0/forwarding | tr -d '\n')"; }
within() { # within SECONDS NAME COMMAND…
	local seconds=$1 name=$2
	shift 2
	if wait_for "$(patience "$seconds")" "$@"; then ok "$name"; else not_ok "$name" "$(tail -n 3 "$WORK"/*.err | tr '\n' ' ')"; fi
}

cat >"$WORK/try.sh" <<END
while :; do
	$PROBE tcp 93.184.216.34 443 400 >>$WORK/\$1.log4
	[ -z "$ipv6" ] || $PROBE tcp 2606:2800:220:1::34 443 400 >>$WORK/\$1.log6
	sleep 0.05
done
END
# gets_through SANDBOX WHAT: both families do, from now on
gets_through() {
	: >"$WORK/$1.log4"
	: >"$WORK/$1.log6"
	within 5 "$2: IPv4" grep -q ^connected "$WORK/$1.log4"
	[ -z "$ipv6" ] || within 5 "$2: IPv6" grep -q ^connected "$WORK/$1.log6"
}
sandbox() { start_sandbox "$1" --quiet --net-default allow -- sh "$WORK/try.sh" "$1"; }
said() { grep -c "$1" "$WORK/$2.err"; }

sandbox one
one=$sandbox_pid
gets_through one "at first"
within 1 "a stranger is not routed" not_routed
sysctl -q net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
within 5 "the host is made a router: strangers are routed at once" both_routed
gets_through one "and the sandbox goes on"
kill "$one"
wait "$one"
same "and after it the host is a router still" 11 "$(forwarding)"
same "in IPv6 too" 1 "$(cat /proc/sys/net/ipv6/conf/all/forwarding)"
within 5 "strangers are routed as before" both_routed
same "only that: no switch of a single link was left on" "" "$(grep -l 1 /proc/sys/net/ipv6/conf/*/force_forwarding 2>/dev/null)"
lacks "no link has a note of it" "$(ip link)" 'altname'

# Two that came while it was a router
sandbox two
two=$sandbox_pid
gets_through two "on a router"
sandbox three
three=$sandbox_pid
gets_through three "two of them"
sysctl -q net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0
gets_through two "the host ends being a router: one sandbox goes on"
gets_through three "and the other"
within 5 "strangers are not routed" not_routed
within 5 "it is said, by the first" grep -q 'switched off by somebody.*switched on again' "$WORK/two.err"
within 5 "and by the second" grep -q 'switched off by somebody.*switched on again' "$WORK/three.err"
kill "$two"
wait "$two"
gets_through three "one ended: the other goes on"

before=$(said 'switched on again' three)
sysctl -qw net.ipv6.conf.all.forwarding=0 # off already: the kernel clears force_forwarding and tells nobody
gets_through three "sysctl --system writes what it is already"
sysctl -q net.ipv4.conf.wan0.forwarding=0
gets_through three "the outgoing link's own switch"
sysctl -q net.ipv4.conf.msb1.forwarding=0
gets_through three "the sandbox's link's"
if [ "$(said 'switched on again' three)" -gt "$before" ]; then ok "each is said"; else not_ok "each is said" "$(cat "$WORK/three.err")"; fi

# Somebody who will have it off
touch "$WORK/insist"
while [ -e "$WORK/insist" ]; do
	sysctl -qw net.ipv4.conf.wan0.forwarding=0
	sleep 0.2
done &
insisting=$!
within 20 "with somebody who insists it does not fight for ever" grep -q 'again and again' "$WORK/three.err"
rm "$WORK/insist"
wait $insisting
sysctl -qw net.ipv4.conf.wan0.forwarding=0
sleep 1
same "the switch is left as they want it" 0 "$(cat /proc/sys/net/ipv4/conf/wan0/forwarding)"
if [ "$(wc -l <"$WORK/three.err")" -lt 15 ]; then ok "without a line each time"; else not_ok "without a line each time" "$(wc -l <"$WORK/three.err") lines"; fi
sysctl -qw net.ipv4.ip_forward=1
gets_through three "once they let it, it works again"
sysctl -qw net.ipv4.ip_forward=0
kill "$three"
wait "$three"
same "with the last sandbox the switches are off" 00 "$(forwarding)"
same "all of them" "" "$(grep -l 1 /proc/sys/net/ipv6/conf/*/force_forwarding 2>/dev/null)"
lacks "no link has a note of it" "$(ip link)" 'altname'

# A router that leaves one link out
sysctl -q net.ipv4.ip_forward=1
sysctl -q net.ipv4.conf.wan0.forwarding=0
for name in four five; do
	sandbox $name
	gets_through $name "a router but for the outgoing link, $name"
	eval "$name=\$sandbox_pid"
done
if routed 4; then not_ok "strangers are not routed over it"; else ok "strangers are not routed over it"; fi
kill "$four" "$five"
wait "$four" "$five"
same "and after them it is left out as before" 01 "$(forwarding)"
lacks "no link has a note of it" "$(ip link)" 'altname'
finish
