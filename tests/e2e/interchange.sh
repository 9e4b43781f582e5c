#!/usr/bin/env bash
# What `compile --emit rpz` and `--emit dnsmasq` print, in the real programs: unbound loads the zone, dnsmasq the
# configuration, and both answer every name as `eval dns@NAME` says; dnsmasq fills the right nftables sets, and
# what a target cannot say is refused with a reason. In a network namespace of its own.
# usage: tests/e2e/interchange.sh BUILD
. "$(dirname "$0")/lib.sh"
TAP_PREFIX="interchange "
host_up
policyc=$BUILD/msb-policyc

# The Internet: every name has an address, those below rebind.example a private one
dnsmasq -k --conf-file=/dev/null --pid-file= --port=5300 --no-resolv --no-hosts --bind-interfaces --user=root \
	--listen-address=127.0.0.1 --address=/#/93.184.216.34 --address=/rebind.example/10.0.0.5 &

refuses() { # TARGET POLICY REASON
	local out status
	out=$(printf '%b' "$2" | "$policyc" compile --emit "$1" - 2>&1)
	status=$?
	[ $status = 1 ] && [[ $out == *'[cannot-say]'* ]]
	check "$1 refuses: $3" $? "status $status, $out"
}
for target in rpz dnsmasq; do
	refuses $target 'default egress deny\ndns nameserver 1.1.1.1\nallow@host:udp:53\n' 'a verdict that depends on the transport'
	refuses $target 'default egress deny\ndns nameserver 1.1.1.1\nallow@host.microsandbox.internal\n' 'the alias of the host'
done
refuses dnsmasq 'default egress deny\nallow@x.example\n' 'default deny without nameservers'
refuses dnsmasq 'default egress deny\ndns nameserver dns.example\nallow@x.example\n' 'a nameserver by name'
refuses dnsmasq 'allow@x.example:tcp:22\n' 'sets that would be filled from below'
refuses rpz 'default egress deny\nallow@x.rpz-ip\n' 'a label that is a trigger'

python3 -B "$TESTS/e2e/tools/interchange.py" "$policyc" "$WORK" || failures=1
finish
