#!/usr/bin/env bash
# HTTPS and SVCB answers lose what would encrypt a client's server name where rules judge it: fresh, cached, and of a resolver
# that the guest chose, over UDP and TCP alike; what else they say stays.
. "$(dirname "$0")/lib.sh"
ECH=abcdef012345
world_up "
svc.example.com. 60 IN TYPE65 \\# 39 0001 00 0000 0004 0001 0005 0001 0003 026832 0004 0004 5db8d822 0005 0006 $ECH
svcb.example.com. 60 IN TYPE64 \\# 13 0001 00 0005 0006 $ECH"
ipv6_up
WHOLE="1 . mandatory=alpn,ech alpn=\"h2\" ipv4hint=93.184.216.34 ech=q83vASNF"
LEFT='1 . mandatory=alpn alpn="h2" ipv4hint=93.184.216.34'

# ask NAME TYPE RESOLVER WAY…: the record's data, dig's or its hexadecimal form, in one
ask() { dig +short +tries=2 +time=3 +nocookie "@$3" "$1" "$2" "${@:4}"; }
same "the record as it is served" "$WHOLE" "$(ask svc.example.com HTTPS 9.9.9.9)"

# everything WHAT WANT ARG…: each way to get the record
everything() {
	local what=$1 want=$2
	shift 2
	run_sandbox --quiet "$@" -- bash -c "$(declare -f ask)
		for way in +noedns +edns=0 +tcp +noedns; do ask svc.example.com HTTPS 172.16.0.1 \$way; done
		ask svcb.example.com SVCB 172.16.0.1; ask svcb.example.com SVCB 172.16.0.1
		ask svc.example.com HTTPS 8.8.8.8; ask svc.example.com HTTPS 8.8.8.8 +tcp
		dig +dnssec +tries=2 +time=3 @172.16.0.1 svc.example.com HTTPS | grep -c 'flags:.* ad[ ;]'"
	local svcb='1 . ech=q83vASNF'
	[[ $want == *ech=* ]] || svcb='1 .'
	same "$what: UDP, EDNS, TCP, cached; a resolver of the guest's choice; no claim to be validated" \
		"$want|$want|$want|$want|$svcb|$svcb|$want|$want|0" "$(tr '\n' '|' <<<"$out" | sed 's/ *|/|/g; s/|$//')"
}
DENY=(--net-default deny --net-rule 'allow@any:udp:53,allow@any:tcp:53')
everything "a rule on a name" "$LEFT" "${DENY[@]}" --net-rule 'allow@a.example.com:tcp:443'
everything "a rule on a name that denies" "$LEFT" --net-rule 'deny@*.example.org,allow@dns,allow@public'
everything "no rule on a name" "$WHOLE" "${DENY[@]}"
everything "a rule on a name, for UDP alone" "$WHOLE" "${DENY[@]}" --net-rule 'allow@a.example.com:udp:443'
everything "server names are not judged" "$WHOLE" "${DENY[@]}" --net-rule 'allow@a.example.com:tcp:443' --no-server-names
everything "keep" "$WHOLE" "${DENY[@]}" --net-rule 'allow@a.example.com:tcp:443' --dns-ech keep
everything "strip" "$LEFT" "${DENY[@]}" --dns-ech strip
printf 'default egress deny\nallow@dns\nallow@public:udp:53\nallow@public:tcp:53\ndns ech strip\n' >"$WORK/strip.msb"
everything "strip, in a file" "$LEFT" --policy "$WORK/strip.msb"
finish
