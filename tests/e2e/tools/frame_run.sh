#!/usr/bin/env bash
# What becomes of the frames of frame_set.py with a policy's ruleset, in namespaces of their own.
# usage: [GUEST_MAC=…] frame_run.sh BUILD [OPTION of install…]
set -eu
tools=$(cd "$(dirname "$0")" && pwd)
. "$tools/../links.sh"
build=$1
shift

# As the runtime sets them; what is answered is no matter of how often
sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0 net.ipv4.icmp_msgs_per_sec=1000000 \
	net.ipv4.icmp_msgs_burst=1000000 net.ipv4.tcp_syncookies=0 net.netfilter.nf_conntrack_tcp_loose=1
for family in "" 6; do
	bridged=/proc/sys/net/bridge/bridge-nf-call-ip${family}tables
	[ ! -e "$bridged" ] || echo 0 >"$bridged"
	ip ${family:+-6} rule add fwmark 0x6d736201 lookup 100
	ip ${family:+-6} route add local default dev lo table 100
done
"$build/e2e/install" "$@" --max-connections 0 --max-connection-rate 0
exec python3 "$tools/frame_set.py" "$(mac link show br0)" "${GUEST_MAC-02:6d:ac:10:00:02}"
