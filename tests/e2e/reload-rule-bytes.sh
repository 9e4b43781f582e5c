#!/usr/bin/env bash
# Limits of bytes of rules over reloads: what a rule has used stays used by the same text, wherever the rule stands, and though it was
# away; flows that are open are counted by the rule that lets them pass now; what is used is told by status, stats and Prometheus' text.
. "$(dirname "$0")/lib.sh"
world_up
CTL=$BUILD/msb-ctl

cat >"$WORK/agent.sh" <<-END
	exec 5<>/dev/tcp/93.184.216.34/9
	while read -r line; do echo "\$(eval "\$line" 2>&1 | tr '\n' ' ')"; done <"$WORK/orders"
END
cat >"$WORK/udp.py" <<'PY'
"""udp.py COUNT: as many datagrams, each a packet of 1,028 bytes, of one flow"""
import socket
import sys

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(int(sys.argv[1])):
    try:
        sock.sendto(bytes(1000), ("93.184.216.34", 4000))
    except OSError:
        pass
print("sent")
PY
mkfifo "$WORK/orders"
told=0
ask() {
	told=$((told + 1))
	echo "$1" >&7
	wait_for "$(patience 20)" line_is_there
	said=$(sed -n "${told}p" "$WORK/q.out" | sed 's/ *$//')
}
line_is_there() { [ "$(wc -l <"$WORK/q.out")" -ge "$told" ]; }
arrived() { on_internet nft -j list counter inet tally got | jq '[.nftables[].counter.packets // empty] | add'; }
passes() { # DESCRIPTION OF EXPECTED: of OF packets so many arrive
	local before
	before=$(arrived)
	ask "python3 $WORK/udp.py $2"
	same "$1" "$3" "$(($(arrived) - before))"
}
reload() { # LINES…
	printf '%s\n' 'default egress deny' "$@" >"$WORK/agent.msb"
	"$CTL" reload q >"$WORK/ctl.out" 2>"$WORK/ctl.err" || not_ok "reload to $*" "$(cat "$WORK/ctl.err")"
}
size() { echo $(($1 * 1028 + 500)); } # room for so many packets
quota() { "$CTL" status q --format json | jq -r --arg rule "$1" '.quotas[] | select(.rule == $rule) | '"$2"; }

on_internet nft -f - <<-NFT
	table inet tally {
		counter got {}
		chain in { type filter hook prerouting priority -300; ip daddr 93.184.216.34 udp dport 4000 counter name got drop; }
	}
NFT
printf 'default egress deny\nallow@public:tcp\nallow@93.184.216.34:udp\n' >"$WORK/agent.msb"
start_sandbox q --quiet --policy "$WORK/agent.msb" -- bash "$WORK/agent.sh"
exec 7>"$WORK/orders"
ask 'echo up'
same "up" up "$said"
passes "without a limit" 30 30
reload 'allow@public:tcp' "allow@93.184.216.34:udp bytes $(size 10)" 'allow@public:udp'
passes "one that a reload brings begins at nothing" 4 4
same "status: what is used" "$((4 * 1028)) of $(size 10), false" "$(quota 2 '"\(.used) of \(.most), \(.spent)"')"
reload 'allow@8.8.8.8' '' 'allow@public:tcp' "allow@93.184.216.34:udp bytes $(size 10) log" 'allow@public:udp'
passes "a rule that moved goes on where it was, and no later one takes over" 20 6
same "status: used up" "$(size 10) true" "$(quota 3 '"\(.used) \(.spent)"')"
contains "as a table" "$("$CTL" status q)" 'allow@93\.184\.216\.34:udp +10780 +all of it +.*agent\.msb:5'
contains "stats" "$("$CTL" stats q)" 'bytes +allow@93\.184\.216\.34:udp: 10780, 10780 used up'
text=$("$CTL" stats q --format prometheus)
contains "Prometheus' text" "$text" 'msb_quota_used_bytes\{sandbox="q",rule="3",place=".*agent.msb:5"\} 10780'
if command -v promtool >/dev/null; then
	promtool check metrics <<<"$text" >"$WORK/promtool" 2>&1
	check "which promtool takes" $? "$(cat "$WORK/promtool")"
fi
{ "$CTL" status q --format json | jq -c . && "$CTL" stats q --format json | jq -c .; } >"$WORK/answers"
python3 -c 'import json, sys, jsonschema
schema = json.load(open(sys.argv[1]))
for line in open(sys.argv[2]): jsonschema.validate(json.loads(line), schema)' "$TESTS/../docs/control.schema.json" "$WORK/answers" >"$WORK/why" 2>&1
check "the schema takes both" $? "$(tail -3 "$WORK/why")"
reload 'allow@public:tcp'
passes "without the rule" 5 0
reload 'allow@public:tcp' 'allow@93.184.216.34:udp'
passes "without its limit" 5 5
reload 'allow@public:tcp' "allow@93.184.216.34:udp bytes $(size 10)"
passes "put back, it is not full again" 5 0
reload 'allow@public:tcp' "allow@93.184.216.34:udp bytes $(size 100)"
passes "a larger one has more" 5 5

# A flow that was open before there was a limit
reload 'allow@public:tcp bytes 1M' 'allow@93.184.216.34:udp'
ask 'head -c 300000 /dev/zero >&5; echo sent'
same "a flow that was open goes on" sent "$said"
settled() { [ "$(quota 1 '.used > 300000 and .used < 400000')" = true ]; }
wait_for "$(patience 10)" settled
check "and is counted by the rule that lets it pass now" $? "$(quota 1 .)"
reload 'allow@93.184.216.34:tcp bytes 500K' 'allow@public:tcp bytes 1M'
ask 'head -c 100000 /dev/zero >&5; echo sent'
moved() { [ "$(quota 1 '.used > 100000 and .used < 150000')" = true ]; }
wait_for "$(patience 10)" moved
check "by another, where that one does" $? "$(quota 1 .)"
same "and by one alone" true "$(quota 2 '.used < 400000')"
ask 'head -c 1000000 /dev/zero >&5 2>/dev/null || echo ended'
same "and ended when that is used up" ended "${said##* }"
exec 7>&-
wait "$sandbox_pid"
same "ends well" 0 $?
finish
