#!/usr/bin/env bash
# The shortcuts of chain prerouting mean what the rules mean: some thousand frames of all kinds fare alike with and without them,
# in what arrives, what comes back, what the gateway's sockets take, and what conntrack knows. usage: tests/e2e/frame.sh BUILD
set -u
build=$(realpath "${1:?usage: tests/e2e/frame.sh BUILD}")
here=$(cd "$(dirname "$0")/../.." && pwd)
. "$here/tests/tap.sh"
TAP_PREFIX="frame: "
work=$(mktemp -d /tmp/msb-frame.XXXXXX) || exit 3
trap 'rm -rf "$work"' EXIT
frame_run=$here/tests/e2e/tools/frame_run.sh

# alike NAME LEAST OPTION…: at least so many arrive
alike() {
	local name=$1 least=$2 sent arrived
	shift 2
	: >"$work/short"
	"$frame_run" "$build" --plain "$@" >"$work/plain" 2>"$work/why" && "$frame_run" "$build" "$@" >"$work/short" 2>"$work/why"
	sent=$(sed -n 's/^sent //p' "$work/why")
	arrived=$(grep -c '^sink' "$work/short")
	if [ "${sent:-0}" -lt 4000 ] || [ "$arrived" -lt "$least" ]; then
		not_ok "$name" "too little happened: ${sent:-none} sent, $arrived arrived"$'\n'"$(tail -5 "$work/why")"
	elif ! diff "$work/plain" "$work/short" >"$work/diff"; then
		not_ok "$name" "$(wc -l <"$work/diff") lines differ"$'\n'"$(head -8 "$work/diff")"
	else
		ok "$name: $sent frames, of which $arrived arrive, fare alike"
	fi
}
alike "all is allowed" 600 --net-default allow
for where in sink guest dns4 dns6 relay4 relay6 conntrack; do
	count=$(grep -c "^$where" "$work/short")
	check "some of them are seen at $where" "$([ "$count" -gt 5 ] && echo 0 || echo 1)" "$count"
done
alike "published ports, NAT64 prefixes in use" 600 --net-default allow -p 8080:80 --net-nat64-prefix '2001:db8:64::/96' --net-nat64-prefix '2001:db8:100::/40'
alike "IPv4 alone" 300 --net-default allow --gateway 172.16.0.1
GUEST_MAC=02:6d:00:00:00:02 alike "IPv6 alone" 300 --net-default allow --gateway fd42:6d73:62::1
alike "a rate of packets that nothing exceeds" 600 --net-default allow --net-egress-ops 1000000/1s
alike "a policy that refuses" 20 --net-rule 'allow@public:tcp:443'
