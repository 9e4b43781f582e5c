#!/usr/bin/env bash
# Whoever of msb-run is killed, whenever: within two seconds no process, link, table or mount is left. During set-up the
# kill comes before a system call, in steps through all of them (inject.c); later at ten moments of running.
# long
. "$(dirname "$0")/lib.sh"
world_up
leftovers_mark

INJECT=$BUILD/e2e/inject
POLICY=(--net-default allow)
STEP=${MSB_TEST_STEP:-$(effort_step 23)} # of the system calls of set-up, every so many, from a different one each time
FIRST=$((RANDOM % STEP + 1))
echo "# from system call $FIRST on, every ${STEP}th"

# gone: nothing is left, now or within the two seconds that are granted (more on a machine under load)
gone() { wait_for "$(patience 2)" nothing_left; }
nothing_left() { [ -z "$(leftovers)" ]; }
# quickly_gone: the same of links and tables, which is cheaper to ask
quickly_gone() { wait_for "$(patience 2)" sh -c '! ip -br link | grep -q ^msb && ! nft list tables | grep -q msb'; }

# killed_during_set_up HOW: at every STEPth system call
killed_during_set_up() {
	local how=$1 n result count ms late=0 tried=0
	for ((n = FIRST; n <= total; n += STEP)); do
		result=$("$INJECT" "$how" "$n" "$BUILD/msb-run" --vmm none "${POLICY[@]}" -- true 2>/dev/null </dev/null)
		read -r count _ _ ms <<<"$result"
		[ "$count" = "$n" ] || continue
		tried=$((tried + 1))
		if [ "${ms:-9999}" -gt "$(patience 2)000" ] || ! quickly_gone; then
			late=$((late + 1))
			echo "# $how $n: $result; $(ip -br link | grep ^msb) $(nft list tables)"
		fi
	done
	same "$how at each of $tried of $total system calls of set-up: all gone in 2 s" 0 "$late"
	if gone; then ok "$how during set-up: nothing is left"; else not_ok "$how during set-up: nothing is left" "$(leftovers)"; fi
}

# pid_of NAME: msb-supervisor and so on, of the only sandbox
pid_of() { pgrep -ox "$1"; }

# killed_while_running WHO N: the Nth of ten moments, guest busy with a transfer without end
killed_while_running() {
	local who=$1 moment=$2 victim
	start_sandbox busy "${POLICY[@]}" -- bash -c "exec cat </dev/tcp/93.184.216.34/19 >/dev/null"
	wait_for 20 pgrep -x msb-supervisor
	sleep "$(printf '0.%03d' $((moment * 47)))"
	case $who in
	front) victim=$sandbox_pid ;;
	*) victim=$(pid_of "$who") ;;
	esac
	kill -KILL "$victim"
	wait "$sandbox_pid" 2>/dev/null
	status=$?
	if gone; then return 0; fi
	echo "# $who at moment $moment: $(leftovers)"
	return 1
}

total=$("$INJECT" count "$BUILD/msb-run" --vmm none "${POLICY[@]}" -- true </dev/null | tail -n 1 | cut -d' ' -f1)
if [ "${total:-0}" -gt 100 ]; then ok "set-up has $total system calls"; else not_ok "set-up has system calls" "counted: $total"; fi
killed_during_set_up kill
killed_during_set_up kill-caller

for who in front msb-supervisor msb-owner; do
	failed=0
	for moment in 1 2 3 4 5 6 7 8 9 10; do
		killed_while_running "$who" "$moment" || failed=$((failed + 1))
	done
	same "SIGKILL to $who at ten moments: nothing is left within 2 s" 0 "$failed"
	case $who in
	front) same "exit status of a killed front" 137 "$status" ;;
	*) same "exit status when $who was killed" 125 "$status" ;;
	esac
done

start_sandbox quiet "${POLICY[@]}" -- sleep 30
wait_for 20 pgrep -x msb-supervisor
sleep 0.3
kill -TERM "$sandbox_pid"
wait "$sandbox_pid"
same "SIGTERM reaches the command" 143 $?
same "and nothing is left" "" "$(leftovers)"

# A sandbox gets the link's name of one that is just ending, whose table is still there for a moment
{ echo 'add table inet msb0 { flags owner; }'; sleep 1; } | nft -i >/dev/null &
wait_for 5 nft list table inet msb0
run_sandbox "${POLICY[@]}" -- echo hello
same "a table of that name that another still owns is waited for" "0 hello" "$status $out"
finish
