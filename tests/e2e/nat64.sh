#!/usr/bin/env bash
# A network that translates IPv6 to IPv4 by a prefix of its own (RFC 6052): an address in it is what it carries, on the
# wire as in the evaluator, whatever the prefix's length.
. "$(dirname "$0")/lib.sh"
world_up
ipv6_up

# tell PREFIX ALLOWED DENIED…: with the default policy the first arrives, none of the others do
tell() {
	local prefix=$1 allowed=$2 address
	shift 2
	seen_reset
	run_sandbox --quiet --net-nat64-prefix "$prefix" --net-rule 'deny@198.51.100.0/24' -- \
		sh -c 'for a; do '"$PROBE"' tcp "$a" 443 1000; done' sh "$allowed" "$@"
	contains "$prefix: what carries a public address is let through" "$(head -1 <<<"$out")" connected
	for address; do
		same "$prefix: nothing arrives at $address" 0 "$(seen "$address")"
	done
}
# 10.0.0.1, 169.254.169.254, 198.51.100.1; and 10.0.0.1 with a bit of bits 64 to 71 set
tell 2a00:64::/96 2a00:64::808:808 2a00:64::a00:1 2a00:64::a9fe:a9fe 2a00:64::c633:6401
tell 2a00:64::/32 2a00:64:808:808:: 2a00:64:a00:1:: 2a00:64:a9fe:a9fe:: 2a00:64:c633:6401:: 2a00:64:a00:1:100::
tell 2a00:64::/40 2a00:64:8:808:8:: 2a00:64:a:0:1:: 2a00:64:a9:fea9:fe:: 2a00:64:c6:3364:1:: 2a00:64:a:0:101::
tell 2a00:64:1::/48 2a00:64:1:808:8:800:: 2a00:64:1:a00:0:100:: 2a00:64:1:a9fe:a9:fe00:: 2a00:64:1:c633:64:100:: 2a00:64:1:a00:100:100::
tell 2a00:64:1:100::/56 2a00:64:1:108:8:808:: 2a00:64:1:10a:0:1:: 2a00:64:1:1a9:fe:a9fe:: 2a00:64:1:1c6:33:6401:: 2a00:64:1:10a:100:1::
tell 2a00:64:1:1::/64 2a00:64:1:1:8:808:800:: 2a00:64:1:1:a:0:100:: 2a00:64:1:1:a9:fea9:fe00:: 2a00:64:1:1:c6:3364:100:: 2a00:64:1:1:10a:0:100::

# Without the prefix nobody can know
seen_reset
run_sandbox --quiet -- "$PROBE" tcp 2a00:64::a00:1 443 1000
contains "without the prefix it is an address like others" "$out" connected
finish
