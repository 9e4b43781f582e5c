#!/usr/bin/env bash
# QUIC, whose server name nothing looks at: a rule on names that takes in TCP and UDP refuses UDP port 443 where it might decide by the
# name, at once, so that clients fall back to TCP. A rule on addresses before it decides, and one on names for UDP alone decides by what
# the address is bound to.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/hello-lib.sh"
hello_world

# quic OPTION…: how a datagram to port 443 fares, and one to port 444, in both families; and how many arrived
quic() {
	seen_reset
	run_sandbox "$@" -- bash -c "$bind_names for port in 443 444; do for address in $GOOD4 $GOOD6; do
		$PROBE udp \$address \$port 1500; done; done"
	fared=$(awk '{ print $1 }' <<<"$out" | xargs) arrived="$(seen $GOOD4 udp 443) $(seen $GOOD6 udp 443)"
}
quic --net-default deny --net-rule "allow@dns,allow@$GOOD"
same "quic-refused: allowed by name, TCP and UDP" "prohibited prohibited answered answered" "$fared"
same "quic-refused: nothing arrives" "0 0" "$arrived"
contains "quic-refused: and is said" "$err" "udp.*443"
quic --net-default allow --net-rule "allow@$EVIL:tcp:1,deny@$EVIL"
same "quic-refused: denied by name, TCP and UDP, bound" "prohibited prohibited prohibited prohibited" "$fared"
quic --net-default allow --net-rule "deny@*.other.example"
same "quic-refused: denied by a name that nothing is bound to" "prohibited prohibited answered answered" "$fared"
same "quic-refused: nothing arrives there" "0 0" "$arrived"
quic --net-default deny --net-rule "allow@dns,allow@$GOOD4:udp:443,allow@[$GOOD6]:udp:443,allow@$GOOD"
same "a rule on the address before it decides" "answered answered answered answered" "$fared"
quic --net-default deny --net-rule "allow@dns,allow@$GOOD:udp"
same "a rule on names for UDP alone decides by what is bound" "answered answered answered answered" "$fared"
quic --no-server-names --net-default deny --net-rule "allow@dns,allow@$GOOD"
same "names not looked at: by what is bound" "answered answered answered answered" "$fared"
finish
