#!/usr/bin/env bash
# Flows that a policy denies by now are ended, and no others: 500 established TCP flows in both families, idle and busy; half are
# reset at both ends within a second, the other half does not lose a byte. The host's conntrack forgets them, and nothing is left of the
# table that did it.
. "$(dirname "$0")/lib.sh"
world_up
TOOLS=$TESTS/e2e/tools/revoke
RUN=$BUILD/e2e/msb-run-revoke
FAR4=93.184.216.34 FAR6=2606:2800:220:1::34
on_internet nft insert rule inet answers prerouting iifname wan0 tcp dport '{ 4001, 4002 }' redirect
on_internet python3 "$TOOLS/server.py" "$WORK/server" 4001 4002 &
wait_for 20 test -s "$WORK/server"
ipv6_up

# start RULES CLIENT…: the sandbox with that client in it, until all of its flows are there
start() {
	local rules=$1
	shift
	: >"$WORK/out" # what one before it said must not be taken for its
	"$RUN" --vmm none --name revoked --net-default deny --net-rule "$rules" --max-connections 4000 -- "$@" >"$WORK/out" 2>"$WORK/err" </dev/null &
	sandbox_pid=$!
	wait_for 60 grep -q ready "$WORK/out" || { echo "the client does not start:"; cat "$WORK/err"; }
}
# revoke RULES: the flows that these deny are ended; $done: TOTAL KEPT UNSEEN MS
revoke() {
	rm -f "$WORK/revoked"
	date +%s.%N >"$WORK/begun"
	echo "$1" >"$WORK/revoke.new" && mv "$WORK/revoke.new" "$WORK/revoke"
	wait_for 20 test -s "$WORK/revoked" || { echo "nothing is ended:"; cat "$WORK/err"; }
	read -r -a done <"$WORK/revoked"
}
# client FIELD…: the sums of fields of the client's state over targets that match $1
client() { awk -v match_="$1" -v field="$2" '$1 ~ match_ { n += $field } END { print n + 0 }' "$WORK/client"; }
server() { awk -v match_="$1" -v field="$2" '$1 ~ match_ { n += $field } END { print n + 0 }' "$WORK/server"; }
# late FILE PORT: how long after the beginning the last reset of that port was seen, in ms
late() { awk -v begun="$(cat "$WORK/begun")" -v match_="$2\$" '$1 ~ match_ && $NF > last { last = $NF } END { printf "%d\n", (last - begun) * 1000 }' "$1"; }
marked() { awk -F'mark=' '/mark=/ { split($2, a, " "); if (a[1] == 1836282377) n++ } END { print n + 0 }' /proc/net/nf_conntrack; }

start 'allow@public:tcp:{4001,4002}' python3 "$TOOLS/client.py" "$WORK/client" 125 "$FAR4,4001" "$FAR4,4002" "$FAR6,4001" "$FAR6,4002"
wait_for 20 sh -c "awk '{ n += \$6 } END { exit n < 1000000 }' $WORK/client"
same "500 flows are there" "250 250" "$(client ,4001 2) $(client ,4002 2)"
same "and at the server" "250 250" "$(server 4001 2) $(server 4002 2)"
revoke 'allow@public:tcp:4001'
same "half is ended, half is kept" "250 250" "${done[0]} ${done[1]}"
wait_for "$(patience 3)" sh -c "awk '\$1 ~ /,4002/ { n += \$3 } END { exit n != 250 }' $WORK/client"
same "each of that half is reset at the client, idle or not" "0 250 0" "$(client ,4002 2) $(client ,4002 3) $(client ,4002 4)"
wait_for "$(patience 3)" awk '$1 == 4002 { exit $3 != 250 }' "$WORK/server"
same "and at the server" "4002 0 250 0" "$(grep ^4002 "$WORK/server" | cut -d' ' -f1-4)"
check "within a second: $(late "$WORK/client" 4002) ms at the client" "$([ "$(late "$WORK/client" 4002)" -lt "$(patience 1)000" ]; echo $?)"
check "and $(late "$WORK/server" 4002) ms at the server" "$([ "$(late "$WORK/server" 4002)" -lt "$(patience 1)000" ]; echo $?)"
same "every end has been seen" 0 "${done[2]}"
before=$(client ,4001 6)
wait_for 20 sh -c "awk -v b=$before '\$1 ~ /,4001/ { n += \$6 } END { exit n < b + 1000000 }' $WORK/client"
check "the other half goes on" "$([ "$(client ,4001 6)" -gt $((before + 1000000)) ]; echo $?)"
same "has not lost a byte, nor a flow" "250 0 0 0" "$(client ,4001 2) $(client ,4001 3) $(client ,4001 4) $(client ,4001 5)"
same "at the server neither" "250 0 0" "$(grep ^4001 "$WORK/server" | cut -d' ' -f2-4)"
same "what is told of each: how, and by which kind" "250 forwarded reset 6" "$(tail -n +2 "$WORK/revoked" | cut -d' ' -f1-3 | sort | uniq -c | sed 's/^ *//')"
same "the table that answered is gone" "" "$(in_dns_netns nft list tables | grep revoke)"
# a packet that was under way may have made one more, of a flow that is over
entries() { "$@" cat /proc/net/nf_conntrack | grep 'dport=4002'; }
none_of() { [ -z "$(entries "$@")" ]; }
wait_for 15 none_of in_dns_netns
same "conntrack has none of them there" "" "$(entries in_dns_netns)"
wait_for 15 none_of
same "nor in the host's namespace" "" "$(entries)"
kill "$sandbox_pid"
wait "$sandbox_pid"

# One whose far end does not answer keeps nobody waiting
start 'allow@public:tcp:{4001,4002}' python3 "$TOOLS/client.py" "$WORK/client" 1 "$FAR4,4002"
on_internet nft insert rule inet answers prerouting tcp dport 4002 drop
on_internet nft add table inet mute
on_internet nft add chain inet mute input '{ type filter hook prerouting priority -400; tcp dport 4002 drop; }'
revoke 'allow@public:tcp:4001'
same "a server that is gone: the client is reset, and the time is bounded" "1 0 1" "${done[0]} ${done[1]} ${done[2]}"
check "in ${done[3]} ms" "$([ "${done[3]}" -lt 4000 ]; echo $?)"
wait_for 5 sh -c "awk '{ exit \$3 != 1 }' $WORK/client"
same "it is" "0 1" "$(client , 2) $(client , 3)"
kill "$sandbox_pid"
wait "$sandbox_pid"
finish
