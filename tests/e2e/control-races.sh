#!/usr/bin/env bash
# Sandboxes of the same and of different names start, end, are stopped and killed at random moments, while ps, status, doctor and gc look
# at them all the time: no two ever have one name, each that starts has its traffic, and in the end nothing is left.
# usage: control-races.sh BUILD
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
world_up
CTL=$BUILD/msb-ctl
ROUNDS=$(effort 50)
run_sandbox --quiet -- true # makes /run/msb
off=$(cat /proc/sys/net/ipv4/conf/wan0/forwarding)
leftovers_mark

# Who has the name holds a lock, which two never have at once
# shellcheck disable=SC2016
work='exec 9>>"$1.lock"; flock -n 9 || { echo "two $1" >>"$1.two"; exit; }
	[ "$("$0" tcp 93.184.216.34 443 5000 | cut -d" " -f1)" = connected ] && echo fine || echo failed
	sleep 0.$((RANDOM % 4))$((RANDOM % 10))'
starter() { # NAME K
	while [ ! -e "$WORK/enough" ]; do
		timeout 60 "$BUILD/msb-run" --vmm none --quiet --name "$1" --net-default allow -- bash -c "$work" "$PROBE" "$WORK/$1" \
			</dev/null >>"$WORK/out.$1.$2" 2>>"$WORK/err.$1.$2"
		echo $? >>"$WORK/status.$1.$2"
	done
}
looker() { # FILE COMMAND…
	local file=$WORK/$1
	shift
	while [ ! -e "$WORK/enough" ]; do
		"$@"
		echo "status $?"
		sleep 0.02
	done >"$file" 2>&1
}
killer() { # msb-run, or its supervisor, or all of a sandbox that is there, every now and then
	local pid
	while [ ! -e "$WORK/enough" ]; do
		sleep 0.$((RANDOM % 10))
		pid=$(pgrep -x "$1" | shuf -n 1)
		[ -n "$pid" ] && kill -KILL "$pid" 2>/dev/null && echo "$pid"
	done >"$WORK/killed.$1"
}
loops=()
for who in "a 1" "a 2" "b 1" "b 2" "c 1"; do
	# shellcheck disable=SC2086
	starter $who &
	loops+=($!)
done
looker ps "$CTL" ps --format json &
loops+=($!)
looker gc "$CTL" gc &
loops+=($!)
looker doctor sh -c "'$CTL' doctor | grep 'leftovers '; '$CTL' status a >/dev/null 2>&1; '$CTL' stop b --wait 5 >/dev/null 2>&1; true" &
loops+=($!)
for who in msb-run msb-supervisor msb-owner; do
	killer $who &
	loops+=($!)
done
rounds() { [ "$(cat "$WORK"/status.* 2>/dev/null | grep -cE '^(0|137|143)$')" -ge "$ROUNDS" ]; }
wait_for "$(patience 60)" rounds
check "$ROUNDS sandboxes have started and ended" $?
touch "$WORK/enough"
wait "${loops[@]}" 2>/dev/null
same "no two at once have one name" "" "$(cat "$WORK"/*.two 2>/dev/null)"
same "each that got so far had its traffic" "" "$(cat "$WORK"/out.* | grep failed | sort | uniq -c)"
contains "most did" "$(cat "$WORK"/out.* | grep -c fine)" '^[0-9]{2}'
same "who did not start was told why" "" "$(cat "$WORK"/err.* | grep -E '^msb-run: error:' |
	grep -vE 'a sandbox called .* is running|supervisor was killed|is gone: the sandbox is closed|did not take SIG|cannot .*: (Connection reset|Broken pipe)' | sort | uniq -c | head -5)"
same "ps, gc and doctor never failed" "" "$(cat "$WORK/ps" "$WORK/gc" "$WORK/doctor" | grep '^status ' | grep -v '^status 0$' | sort | uniq -c)"
try "all that ps said is JSON" sh -c "grep -v ^status '$WORK/ps' | jq -es 'all(.version == 1)'"
same "and one line a name" "" "$(grep -v ^status "$WORK/ps" | jq -r '[.sandboxes[].name] | group_by(.)[] | select(length > 1)[0]' | sort | uniq -c)"

# The last of them may have been killed with all that would have cleaned up
quiet() { ! pgrep -x 'msb-(run|owner|supervisor|dns|relay|init)'; }
try "no process is left" wait_for "$(patience 20)" quiet
none() { ! ip -br link | grep -q ^msb && ! nft list tables | grep -q msb; }
try "no link and no table" wait_for "$(patience 60)" none
"$CTL" gc >/dev/null
same "after gc nothing else is, either" "" "$(leftovers)"
same "the switches are back" "$off" "$(cat /proc/sys/net/ipv4/conf/wan0/forwarding)"
lacks "no link has a note of it" "$(ip link)" altname
same "nor the run directory" claims "$(ls /run/msb)"
same "and gc finds no more" "nothing is left of killed sandboxes" "$("$CTL" gc)"
finish
