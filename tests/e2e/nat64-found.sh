#!/usr/bin/env bash
# RFC 7050: the network's resolver tells its NAT64 prefix. It is used, and a resolver that lies opens nothing.
. "$(dirname "$0")/lib.sh"
world_up 'ipv4only.arpa. 60 IN AAAA 2a00:64::c000:aa
ipv4only.arpa. 60 IN AAAA 2a00:64::c000:ab'
ipv6_up

# tries NAME WANT ADDRESS ARG…: whether a connection from the sandbox gets to the address
tries() {
	local name=$1 want=$2 address=$3
	shift 3
	seen_reset
	run_sandbox --quiet "$@" -- "$PROBE" tcp "$address" 443 1000
	if [ "$want" = arrives ]; then
		contains "$name" "$out" connected
	else
		same "$name" 0 "$(seen "$address")"
	fi
}
tries "a public address behind the prefix" arrives 2a00:64::808:808
tries "a private one" never 2a00:64::a00:1
tries "a private one, where all of IPv6 is denied by its group" never 2a00:64::a00:1 --net-default allow --net-rule deny@private
tries "an IPv4 network that is denied" never 2a00:64::c633:6401 --net-rule deny@198.51.100.0/24
tries "a private one under allow@private: the prefix is nobody's word" never 2a00:64::a00:1 --net private
tries "a public one where public is denied" never 2a00:64::a00:1 --net-default allow --net-rule deny@public
tries "the user's word" arrives 2a00:64::a00:1 --net private --net-nat64-prefix 2a00:64::/96
run_sandbox -- true
contains "it is said" "$err" "NAT64 prefix is 2a00:64::/96"
same "in one line" 1 "$(wc -l <<<"$err")"
run_sandbox --net-nat64-prefix 2a00:65::/96 -- true
same "nobody is asked where the user has said it" "" "$err"
run_sandbox --net-nat64-prefix 64:ff9b::/96 -- true
same "nor where that is the well-known one" "" "$err"

dns_records 'ipv4only.arpa. 60 IN AAAA fd00:64::c000:aa'
run_sandbox -- "$PROBE" tcp fd00:64::808:808 443 1000
contains "a private prefix is not believed" "$err" "not believed.*--net-nat64-prefix fd00:64::/96"
same "and opens nothing" 0 "$(seen fd00:64::808:808)"

# Two readings, no reading, another address: nothing is said and nothing changes
dns_records 'ipv4only.arpa. 60 IN AAAA 2a00:64:c000:aa::c000:aa
ipv4only.arpa. 60 IN AAAA 2a00:64:c000:aa::1
ipv4only.arpa. 60 IN AAAA 2a00:64::808:808
ipv4only.arpa. 60 IN AAAA 64:ff9b::c000:aa
ipv4only.arpa. 60 IN AAAA ::ffff:192.0.0.170'
run_sandbox -- "$PROBE" tcp 2a00:64::a00:1 443 1000
same "what is no answer is none" "" "$err"
contains "and changes nothing" "$out" connected

dns_records 'ipv4only.arpa. 60 IN AAAA 2a00:64:c000:aa::'
tries "a prefix of 32 bits" never 2a00:64:a00:1::

# A resolver that never answers holds the start up for no more than a second or so; without IPv6 nobody is asked
on_internet nft add rule inet answers prerouting udp dport 53 drop
on_internet nft insert rule inet answers prerouting udp dport 53 drop
start=${EPOCHREALTIME/./}
run_sandbox --quiet -- true
took=$(((${EPOCHREALTIME/./} - start) / 1000))
same "a resolver that is silent" 0 "$status"
check "the start waits for a second, not for ever" "$([ "$took" -lt $(($(patience 3) * 1000)) ]; echo $?)" "$took ms"
finish
