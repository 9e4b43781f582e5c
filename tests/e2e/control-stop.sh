#!/usr/bin/env bash
# `msb-ctl stop` ends the sandbox that it was told of, and no other that gets the name meanwhile; processes that are stopped keep
# nobody waiting for ever, and what ps and stop say of them is true.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
host_up
CTL=$BUILD/msb-ctl
# ctl ARG…: leaves $out, with errors, $status and the milliseconds it took in $took
ctl() {
	local start=${EPOCHREALTIME/./}
	out=$(timeout 60 "$CTL" "$@" 2>&1 </dev/null)
	status=$? took=$(((${EPOCHREALTIME/./} - start) / 1000))
}
pid_of() { "$CTL" status "$1" --format json | jq .pid; }
# as a service manager does: another one as soon as the name is free
successor() { until timeout 60 "$BUILD/msb-run" --vmm none --quiet --name again -- sleep 60 </dev/null 2>/dev/null; do [ -e "$WORK/enough" ] && return; done; }
other_than() { [ "$(pid_of again 2>/dev/null || echo "$1")" != "$1" ]; }

# shellcheck disable=SC2016
for how in "" --kill; do
	rm -f "$WORK/enough"
	start_sandbox again --quiet -- sh -c "[ -z '$how' ] || trap '' TERM; while :; do sleep 0.1; done"
	wait_for 20 "$CTL" status again
	first=$(pid_of again)
	(successor) & # its output is nobody's
	next=$!
	ctl stop again $how --wait "$([ -n "$how" ] && echo 1 || echo 9)"
	same "stop $how: the name was taken again at once, and it is back" "0 again: $([ -n "$how" ] && echo killed || echo stopped)" "$status $out"
	check "in time" "$((took > $(patience 6) * 1000))" "$took ms"
	wait_for 20 other_than "$first"
	touch "$WORK/enough"
	second=$(pid_of again)
	try "another sandbox runs by that name" test "${second:-none}" != none -a "$second" != "$first"
	sleep 0.3 # what was meant for the first would be there by now
	same "and goes on" "$second" "$(pid_of again)"
	ctl stop again --kill --wait 2
	same "until it is stopped itself" 0 "$status"
	wait "$next"
done

# --- the table owner is stopped: the sandbox cannot end ---
start_sandbox owner --quiet -- sleep 60
run=$sandbox_pid
wait_for 20 "$CTL" status owner
owner=$(pgrep -P "$run" -x msb-owner)
kill -STOP "$owner"
ctl stop owner --wait 1
same "one whose table owner is stopped does not end in time, and that is said" \
	"1 msb-ctl: error: owner: it was told to end, and has not in 1 s" "$status $(head -n 1 <<<"$out")"
ctl ps
contains "ps says how it is" "$out" '^owner .* it is starting, or ending$'
json=$("$CTL" ps --format json)
same "to programs, too" "owner it is starting, or ending" "$(jq -r '.sandboxes[] | .name + " " + .error' <<<"$json")"
ctl gc
same "gc takes nothing of it" "nothing is left of killed sandboxes" "$out"
kill -CONT "$owner"
wait "$run"
same "when it goes on the sandbox ends" 143 $?

# --- msb-run is stopped, as by Ctrl-Z: the sandbox ends, its name is still claimed ---
start_sandbox run --quiet -- sleep 60
run=$sandbox_pid
wait_for 20 "$CTL" status run
kill -STOP "$run"
ctl stop run --wait 1
same "one whose msb-run is stopped has not ended in time" 1 "$status"
ctl stop run --wait 1
same "asked again, what holds its name is said" \
	"3 msb-ctl: error: run: a process has its name, and nobody listens   help: if it is an msb-run that is stopped: kill -CONT" \
	"$status $(tr '\n' ' ' <<<"$out" | sed 's/ $//')"
kill -CONT "$run"
wait "$run"
ctl stop run
same "when it goes on nothing has the name" "3 msb-ctl: error: run: no such sandbox is running" "$status $(head -n 1 <<<"$out")"
start_sandbox run --quiet -- sleep 60
run=$sandbox_pid
wait_for 20 "$CTL" status run
kill -STOP "$run"
ctl stop run --wait 1 --kill
same "with --kill it ends all the same" "0 run: killed" "$status $out"
wait "$run" 2>/dev/null
same "and leaves nothing" claims "$(ls /run/msb)"

# --- into a pipe, --watch has no words for terminals ---
start_sandbox one --quiet -- sleep 60
wait_for 20 "$CTL" status one
timeout 1 "$CTL" ps --watch=0.1 >"$WORK/watched"
contains "--watch into a file shows it again and again" "$(grep -c '^one ' "$WORK/watched")" '^([2-9]|[1-9][0-9])$'
lacks "without a byte for terminals" "$(cat "$WORK/watched")" $'\x1b'

# --- a run directory that is not root's alone is no empty one ---
chmod 755 /run/msb
ctl gc
same "gc says that it cannot look" "3 msb-ctl: error: cannot look into /run/msb: Operation not permitted" "$status $out"
contains "doctor, too" "$("$CTL" doctor)" '^problem +run directory +/run/msb is not root'
chmod 700 /run/msb
ctl stop one --kill
same "and all is well again" "0 one: stopped" "$status $out"
finish
