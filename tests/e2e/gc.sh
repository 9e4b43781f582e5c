#!/usr/bin/env bash
# What killed sandboxes leave is found by `doctor` and removed by `gc`, and nothing else is: not what running ones have, nor those
# that start meanwhile, nor what only looks like a sandbox's.
. "$(dirname "$0")/lib.sh"
world_up
CTL=$BUILD/msb-ctl
switches() { cat /proc/sys/net/ipv4/conf/wan0/forwarding /proc/sys/net/ipv6/conf/wan0/force_forwarding 2>/dev/null | tr -d '\n'; }
off=$(switches)
# kill_all PID: launcher, table owner and supervisor at once, of the sandbox whose launcher that is
processes_of() { echo "$1" "$(pgrep -P "$1" -x msb-supervisor)" "$(pgrep -P "$1" -x msb-owner)"; }
kill_all() {
	local processes
	processes=$(processes_of "$1")
	# shellcheck disable=SC2086
	kill -STOP $processes
	# shellcheck disable=SC2086
	kill -KILL $processes
	wait "$1" 2>/dev/null
}
tables() { nft list tables | grep -c ' msb[0-9]'; }
leftovers_found() { "$CTL" doctor | sed -n '/ leftovers /,/^[a-z]/p' | head -n -1; }

same "nothing is left at first" "nothing is left of killed sandboxes" "$("$CTL" gc)"
contains "and doctor says so" "$(leftovers_found)" '^ok +leftovers +none'

# --- killed at once ---
start_sandbox one --quiet --net-default allow -- sleep 60
one=$sandbox_pid
wait_for 20 pgrep -x sleep
same "a running sandbox is nothing to remove" "nothing is left of killed sandboxes" "$("$CTL" gc)"
kill_all "$one"
wait_for 60 sh -c '! ip -br link | grep -q ^msb'
contains "killed: doctor says what is left" "$(leftovers_found)" '^problem +leftovers +[0-9]+ of killed sandboxes'
contains "killed: which" "$(leftovers_found)" 'forwarding on wan0, switched on for a sandbox'
contains "killed: its run directory" "$(leftovers_found)" '/run/msb/one of a dead sandbox'
contains "killed: what to do" "$(leftovers_found)" 'msb-ctl gc'
before=$(switches)
out=$("$CTL" gc --dry-run)
contains "a dry run finds it" "$out" '^found +forwarding on wan0$'
contains "and says that it is one" "$out" '^nothing was changed'
same "and changes nothing" "$before" "$(switches)"
try "and leaves the run directory" test -d /run/msb/one
out=$("$CTL" gc --format json)
try "JSON is as the schema says" python3 -c 'import json, jsonschema, sys
jsonschema.validate(json.loads(sys.argv[2]), json.load(open(sys.argv[1])))' "$TESTS/../docs/doctor.schema.json" "$out"
same "and the run directory" 'removed ' "$(jq -r '.items[] | select(.kind == "directory") | .outcome' <<<"$out") $(ls -d /run/msb/one 2>/dev/null)"
same "gc removes it" 'removed' "$(jq -r '.items[] | select(.kind == "forwarding") | .outcome' <<<"$out")"
same "the switches are back" "$off" "$(switches)"
lacks "no link has a note of it" "$(ip link)" altname
same "after that nothing is left" "nothing is left of killed sandboxes" "$("$CTL" gc)"
contains "and doctor is content" "$(leftovers_found)" '^ok +leftovers +none'

# --- the link of a dead sandbox stays where somebody else holds its namespace ---
start_sandbox one --quiet --net-default allow -- sleep 60
one=$sandbox_pid
wait_for 20 pgrep -x sleep
nsenter --net="/proc/$(pgrep -ox msb-dns)/ns/net" sleep 100 &
holder=$!
wait_for 5 sh -c "test \$(readlink /proc/$holder/ns/net) != \$(readlink /proc/self/ns/net)"
kill_all "$one"
wait_for 10 sh -c '! nft list tables | grep -q " msb[0-9]"'
link=$(ip -br link | sed -n 's/^\(msb[0-9]*\).*/\1/p')
contains "a dead sandbox's link lingers: doctor names it" "$(leftovers_found)" "link $link of a dead sandbox"
contains "gc removes it" "$("$CTL" gc)" "^removed +link $link\$"
lacks "it is gone" "$(ip -br link)" '^msb'
same "and the switches are back" "$off" "$(switches)"
kill "$holder"
wait "$holder" 2>/dev/null

# --- a run directory of nobody's, and what only looks like one ---
mkdir -p /run/msb/dead /run/msb/No-Name
touch /run/msb/dead/control /run/msb/a-file
ln -s /run/test /run/msb/a-link
out=$("$CTL" gc)
contains "a run directory that no sandbox has goes" "$out" '^removed +run directory dead$'
same "what is no run directory is left alone" "a-file a-link claims No-Name" "$(cd /run/msb && echo a-* claims No-*)"
try "and what a link leads to" test -d /run/test
rm -r /run/msb/No-Name /run/msb/a-*

# --- others' links ---
ip link add msb0 type bridge
ip link add msb1 type veth peer name other1
ip link set msb1 alias "msb-run forwards: b4:wan0"
same "foreign links of such names are left alone" "nothing is left of killed sandboxes" "$("$CTL" gc)"
contains "they are there" "$(ip -br link | tr '\n' ' ')" 'msb0 .*msb1@'
ip link delete msb0
ip link delete msb1

# --- beside ten that run ---
running=()
for i in 0 1 2 3 4 5 6 7 8 9; do
	start_sandbox "s$i" --quiet --net-default allow -- sh -c "while :; do $PROBE tcp 93.184.216.34 443 2000 >>$WORK/log$i; sleep 0.2; done"
	running+=("$sandbox_pid")
done
for i in 0 1 2 3 4 5 6 7 8 9; do wait_for "$(patience 30)" grep -q ^connected "$WORK/log$i"; done
state() {
	nft list tables | sort
	ip -br link | awk '/^msb/ { print $1 }' | sort
	ls /run/msb
	switches
}
before=$(state)
for _ in 1 2 3 4 5; do "$CTL" gc; done >"$WORK/gc"
same "beside ten running sandboxes nothing is removed" 5 "$(grep -c '^nothing is left' "$WORK/gc")"
same "and nothing of theirs changes" "$before" "$(state)"
kill_all "${running[9]}"
wait_for 20 sh -c '[ "$(nft list tables | grep -c " msb[0-9]")" = 9 ]'
wait_for 20 sh -c '[ "$(ip -br link | grep -c ^msb)" = 9 ]'
"$CTL" gc >"$WORK/gc"
lacks "one of them killed: forwarding is the others' still" "$(<"$WORK/gc")" forwarding
for i in 0 1 2 3 4 5 6 7 8; do : >"$WORK/log$i"; done
works=0
for i in 0 1 2 3 4 5 6 7 8; do wait_for "$(patience 20)" grep -q ^connected "$WORK/log$i" && works=$((works + 1)); done
same "and the others work" 9 "$works"

# --- while sandboxes start and end ---
while [ ! -e "$WORK/enough" ]; do "$CTL" gc; done >"$WORK/gc" 2>"$WORK/gc.err" &
sweeper=$!
failed=0
for i in $(seq "$(effort 20)"); do
	mkdir -p /run/msb/again # of one that was killed: gc and the one that starts both see to it
	run_sandbox --quiet --name again --net-default allow -- "$PROBE" tcp 93.184.216.34 443 5000
	[[ $status == 0 && $out == connected* ]] || { failed=$((failed + 1)); echo "$i: $status $out $err"; }
done >"$WORK/failed"
touch "$WORK/enough"
wait "$sweeper"
same "sandboxes that start while gc runs over and over all work" "0 " "$failed $(head -n 3 "$WORK/failed")"
same "and it finds nothing to complain about" "" "$(cat "$WORK/gc.err")"
lacks "nor takes anything of theirs" "$(cat "$WORK/gc")" '^removed  (link|forwarding)'
kill "${running[@]:0:9}"
for pid in "${running[@]:0:9}"; do wait "$pid"; done
same "with the last of them the switches are off" "$off" "$(switches)"
finish
