#!/usr/bin/env bash
# A reload where a flowtable forwards what is established: exactly the flows that the new policy denies end, idle or busy, reset at both
# ends within a second; the others lose no byte, and go past the chains again. Run by tests/e2e/host-*.sh.
# usage: tests/kernels/reload-fast-path.sh BUILD
# shellcheck disable=SC2154 # $sandbox_pid is lib.sh's
. "$(dirname "$0")/../e2e/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
sysctl -qw net.ipv6.conf.all.forwarding=1
world_up
ipv6_up
TOOLS=$TESTS/e2e/tools/revoke CTL=$BUILD/msb-ctl
FAR4=93.184.216.34 FAR6=2606:2800:220:1::34 EACH=125
BEFORE=(--net-default deny --net-rule 'allow@public:tcp:{4001,4002}' --max-connections 4000)
AFTER=(--net-default deny --net-rule 'allow@public:tcp:4001' --max-connections 4000)
on_internet nft insert rule inet answers prerouting iifname wan0 tcp dport '{ 4001, 4002 }' redirect
on_internet python3 "$TOOLS/server.py" "$WORK/server" 4001 4002 &
wait_for 60 test -s "$WORK/server"

in_vm() { nsenter --net="/proc/$(pgrep -nx msb-supervisor)/ns/net" -- "$@"; }
has_flowtable() { in_vm nft list flowtables | grep -q 'flowtable fast'; }
# sum FILE MATCH FIELD: of the lines of that state whose first word ends so
sum() { awk -v match_="$2\$" -v field="$3" '$1 ~ match_ { n += $field } END { print n + 0 }' "$1"; }
# took FILE: milliseconds from the first of the connections that established.py counts to be gone, after $begun, to the last; it may count
# a few twice, or not, while there are many
took() {
	awk -v begun="$begun" '$1 > begun && $2 < 240 && !first { first = $1 } $1 > begun && $2 == 0 { last = $1 }
		END { printf "%d\n", last ? (last - first) * 1000 : 99999 }' "$1"
}
# The first line may say none, too: before they were there
all_gone() { awk -v begun="$begun" '$1 > begun && $2 == 0 { gone = 1 } END { exit !gone }' "$1"; }
offloaded() { in_vm grep -E "dport=$1 .*\[OFFLOAD\]" /proc/net/nf_conntrack | wc -l; }
most_offloaded() { [ "$(offloaded 4001)" -ge "$EACH" ] && [ "$(offloaded 4002)" -ge "$EACH" ]; }

# --- 500 TCP flows, every other one idle ---
start_sandbox fast "${BEFORE[@]}" -- python3 "$TOOLS/client.py" "$WORK/client" "$EACH" "$FAR4,4001" "$FAR4,4002" "$FAR6,4001" "$FAR6,4002"
wait_for "$(patience 120)" grep -q ready "$WORK/fast.out" || cat "$WORK/fast.err"
wait_for "$(patience 60)" has_flowtable
check "the flowtable is there" $?
wait_for "$(patience 30)" most_offloaded
check "it forwards flows of both halves" $? "$(offloaded 4001) and $(offloaded 4002) of 250"
same "500 flows are there" "250 250" "$(sum "$WORK/client" ,4001 2) $(sum "$WORK/client" ,4002 2)"
# Not what msb-run has forked, whose command lines end so, too
in_guest() { nsenter --net="/proc/$(pgrep -nf '^[^ ]*python3[^ ]* .*revoke/client\.py')/ns/net" -- "$@"; }
in_guest python3 "$TOOLS/established.py" 4002 "$WORK/guest.count" & counting=($!)
on_internet python3 "$TOOLS/established.py" 4002 "$WORK/internet.count" & counting+=($!)
for end in guest internet; do
	wait_for "$(patience 60)" grep -q ' 2[45][0-9]$' "$WORK/$end.count"
	check "the connections of that half are counted in the $end's namespace" $? "$(cat "$WORK/$end.count")"
done
begun=$(date +%s.%N)
out=$("$CTL" reload fast "${AFTER[@]}" --format json)
same "half is ended, half is kept" "250 250" "$(jq -r '"\(.ended_total) \(.kept_total)"' <<<"$out")"
all_ended() { [ "$(sum "$WORK/client" ,4002 2) $(sum "$WORK/server" 4002 2)" = "0 0" ]; }
wait_for "$(patience 5)" all_ended
same "each of that half is reset at the client, idle or not" "0 250 0" "$(sum "$WORK/client" ,4002 2) $(sum "$WORK/client" ,4002 3) $(sum "$WORK/client" ,4002 4)"
same "and at the server" "0 250 0" "$(sum "$WORK/server" 4002 2) $(sum "$WORK/server" 4002 3) $(sum "$WORK/server" 4002 4)"
for end in guest internet; do
	wait_for "$(patience 60)" all_gone "$WORK/$end.count"
	check "within a second, as the kernel of the $end has it: $(took "$WORK/$end.count") ms" "$([ "$(took "$WORK/$end.count")" -lt 1000 ]; echo $?)" \
		"it began at $begun: $(tail -n 4 "$WORK/$end.count" | tr '\n' ';')"
done
kill "${counting[@]}"
before=$(sum "$WORK/client" ,4001 6)
moved() { [ "$(sum "$WORK/client" ,4001 6)" -gt $((before + 500000)) ]; }
wait_for "$(patience 60)" moved
check "the other half goes on" $? "$(sum "$WORK/client" ,4001 6) bytes, $before before"
same "has not lost a byte, nor a flow" "250 0 0 0" "$(sum "$WORK/client" ,4001 2) $(sum "$WORK/client" ,4001 3) $(sum "$WORK/client" ,4001 4) $(sum "$WORK/client" ,4001 5)"
same "at the server neither" "250 0 0" "$(sum "$WORK/server" 4001 2) $(sum "$WORK/server" 4001 3) $(sum "$WORK/server" 4001 4)"
wait_for "$(patience 60)" has_flowtable
check "the new policy has a flowtable" $?
busy_offloaded() { [ "$(offloaded 4001)" -ge 100 ]; }
wait_for "$(patience 30)" busy_offloaded
check "and it takes them in again" $? "$(offloaded 4001)"
same "the table that answered is gone" "" "$(in_vm nft list tables | grep revoke)"
same "conntrack has none of the ended" "" "$(in_vm grep 'dport=4002 ' /proc/net/nf_conntrack)"
kill "$sandbox_pid"
wait "$sandbox_pid" 2>/dev/null

# --- a few idle ones, which the kernel may still call offloaded when they are ended ---
start_sandbox few "${BEFORE[@]}" -- python3 "$TOOLS/client.py" "$WORK/client" 1 "$FAR4,4001" "$FAR4,4002" "$FAR6,4002"
wait_for "$(patience 60)" grep -q ready "$WORK/few.out" || cat "$WORK/few.err"
few_offloaded() { [ "$(offloaded 4002)" = 2 ]; }
wait_for "$(patience 30)" few_offloaded
check "idle flows that the flowtable forwards" $?
"$CTL" reload few "${AFTER[@]}" >/dev/null
wait_for "$(patience 5)" all_ended
same "are reset at the client" "0 2 0" "$(sum "$WORK/client" ,4002 2) $(sum "$WORK/client" ,4002 3) $(sum "$WORK/client" ,4002 4)"
same "and at the server" "0 252 0" "$(sum "$WORK/server" 4002 2) $(sum "$WORK/server" 4002 3) $(sum "$WORK/server" 4002 4)"
same "but for the one that is allowed" "1 0 0" "$(sum "$WORK/client" ,4001 2) $(sum "$WORK/client" ,4001 3) $(sum "$WORK/client" ,4001 4)"
kill "$sandbox_pid"
wait "$sandbox_pid" 2>/dev/null

# --- UDP ---
cat >"$WORK/both.sh" <<-END
	python3 $here/echo_loop.py udp 8.8.8.8 7 $WORK/denied 2 &
	exec python3 $here/echo_loop.py udp 8.8.4.4 7 $WORK/kept 2
END
echoes() { sed -n '/^[0-9]*$/p' "$WORK/$1" 2>/dev/null; }
at_least() { [ "$(echoes "$1" || echo 0)" -ge "$2" ] 2>/dev/null; }
start_sandbox datagrams --net-default deny --net-rule 'allow@8.8.8.8,allow@8.8.4.4' -- sh "$WORK/both.sh"
udp_offloaded() { in_vm grep -Eq "dst=8\.8\.8\.8 .*\[OFFLOAD\]" /proc/net/nf_conntrack; }
wait_for "$(patience 60)" udp_offloaded
check "a UDP flow that the flowtable forwards" $?
wait_for "$(patience 30)" at_least kept 50
out=$("$CTL" reload datagrams --net-default deny --net-rule 'allow@8.8.4.4' --format json)
arrived=$(seen 8.8.8.8 udp)
same "is ended by a reload that denies it" "1 1" "$(jq -r '"\(.ended_total) \(.kept_total)"' <<<"$out")"
now=$(echoes kept)
wait_for "$(patience 30)" at_least kept $((now + 100))
check "while the other goes on" $?
same "and no packet of it has arrived since the answer" "$arrived" "$(seen 8.8.8.8 udp)"
kill "$sandbox_pid"
wait "$sandbox_pid" 2>/dev/null
finish
