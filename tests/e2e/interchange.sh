#!/usr/bin/env bash
# What `compile --emit rpz` and `--emit dnsmasq` print, in the real programs: unbound loads the zone, dnsmasq the
# configuration, and both answer every name as `eval dns@NAME` says; dnsmasq fills the right nftables sets, and
# what a target cannot say is refused with a reason. In a network namespace of its own.
# usage: tests/e2e/interchange.sh BUILD
set -u
if [ -z "${INTERCHANGE_INSIDE-}" ]; then
	[ "$(id -u)" = 0 ] || { echo "ok interchange # SKIP needs root"; exit 0; }
	INTERCHANGE_INSIDE=1 exec unshare --net "$0" "$@"
fi
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d /tmp/msb-interchange.XXXXXX)
chmod 755 "$work"
trap 'kill $(jobs -p) 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
ip link set lo up

# The Internet: every name has an address, those below rebind.example a private one
dnsmasq -k --conf-file=/dev/null --pid-file= --port=5300 --no-resolv --no-hosts --bind-interfaces --user=root \
	--listen-address=127.0.0.1 --address=/#/93.184.216.34 --address=/rebind.example/10.0.0.5 &

refuses() { # NAME TARGET POLICY REASON
	local out status
	out=$(printf '%b' "$3" | "$1/msb-policyc" compile --emit "$2" - 2>&1)
	status=$?
	if [ $status = 1 ] && [[ $out == *'[cannot-say]'* ]]; then
		echo "ok interchange $2 refuses: $4"
	else
		echo "not ok interchange $2 refuses: $4 - status $status, $out"
	fi
}
for target in rpz dnsmasq; do
	refuses "$1" $target 'default egress deny\ndns nameserver 1.1.1.1\nallow@host:udp:53\n' 'a verdict that depends on the transport'
	refuses "$1" $target 'default egress deny\ndns nameserver 1.1.1.1\nallow@host.microsandbox.internal\n' 'the alias of the host'
	refuses "$1" $target 'default egress deny\ndns nameserver 1.1.1.1\nallow@domain=*.example.com\n' 'a star that is a label'
done
refuses "$1" dnsmasq 'default egress deny\nallow@x.example\n' 'default deny without nameservers'
refuses "$1" dnsmasq 'default egress deny\ndns nameserver dns.example\nallow@x.example\n' 'a nameserver by name'
refuses "$1" dnsmasq 'allow@x.example:tcp:22\n' 'sets that would be filled from below'
refuses "$1" rpz 'default egress deny\nallow@x.rpz-ip\n' 'a label that is a trigger'

python3 "$here/tools/interchange.py" "$1/msb-policyc" "$work"
