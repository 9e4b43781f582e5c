#!/usr/bin/env bash
# What no packet of the guest's gets to, whatever is allowed, is what eval and check say of it; and of port 53 to an address
# that only questions pass, each judged by its name.
. "$(dirname "$0")/lib.sh"
world_up
ipv6_up
POLICYC=$BUILD/msb-policyc

# each NAME: what eval says of `egress@ADDRESS` under default allow, and how many packets arrived
NEVER=(127.0.0.1 127.9.9.9 224.0.0.251 239.1.2.3 255.255.255.255 ::1 ff02::fb ff05::2 fe80::9)
ROUTED=(169.254.1.1 240.0.0.1 192.0.2.1 198.18.0.1 93.184.216.34 2001:db8:5::1 fd99::1)
seen_reset
run_sandbox --net-default allow -- bash -c "
	for address in ${NEVER[*]} ${ROUTED[*]}; do
		$PROBE tcp \$address 4444 300
		$PROBE udp \$address 4444 300
	done"
bracketed() { [[ $1 == *:* ]] && echo "[$1]" || echo "$1"; }
for address in "${NEVER[@]}"; do
	for proto in tcp udp; do
		says=$("$POLICYC" eval --net-default allow "egress@$(bracketed "$address"):$proto:4444" | cut -f1,2 | tr '\t' ' ')
		same "$address: $proto is refused, says eval" "deny refused" "$says"
	done
	same "$address: nothing arrives" 0 "$(seen "$address")"
	found=$("$POLICYC" check --format json --net-default deny --net-rule "allow@$(bracketed "$address"):tcp:4444" |
		jq -r '.findings[].id' | grep -c never-passes)
	same "$address: a rule that allows it is a finding" 1 "$found"
done
for address in "${ROUTED[@]}"; do
	says=$("$POLICYC" eval --net-default allow "egress@$(bracketed "$address"):tcp:4444" | cut -f1)
	same "$address: is allowed, says eval" allow "$says"
	[ "$(seen "$address")" -gt 0 ] && arrived=yes || arrived=no
	same "$address: and arrives" yes "$arrived"
done

# ---- port 53 of an address ----
# asks NAME EXPECTED RULES
asks() {
	run_sandbox --net-default deny --net-rule "$3" -- bash -c "dig +short +tries=1 +time=9 @198.51.100.53 example.com A
		dig +tries=1 +time=9 @198.51.100.53 example.com A | grep -oE 'NXDOMAIN'; $PROBE udp 198.51.100.53 53 300 | cut -d' ' -f1"
	same "$1" "$2" "$(tr '\n' ' ' <<<"$out" | sed 's/ *$//')"
}
seen_reset
asks "a resolver whose address is allowed, and no name" "NXDOMAIN timeout" allow@198.51.100.53:udp:53
same "no question reaches it" 0 "$(seen 198.51.100.53)"
asks "with the name" "93.184.216.34 timeout" allow@198.51.100.53:udp:53,allow@example.com:tcp:443
asks "a name alone does not open a resolver" "NXDOMAIN timeout" allow@example.com:tcp:443
same "check says the first" nothing-to-ask \
	"$("$POLICYC" check --format json --net-default deny --net-rule allow@198.51.100.53:udp:53 | jq -r '.findings[].id')"
note=$("$POLICYC" eval --net-default deny --net-rule allow@198.51.100.53:udp:53 egress@198.51.100.53:udp:53 2>&1 >/dev/null)
contains "eval says what passes" "$note" 'only DNS questions pass to port 53'
finish
