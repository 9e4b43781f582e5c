#!/usr/bin/env bash
# Every system call of set-up made to fail (inject.c): either msb-run says what is wrong, exits 125 and leaves nothing behind,
# or it did not need the call, and then the sandbox works and its policy holds. Each run takes every STEPth, from another one.
. "$(dirname "$0")/lib.sh"
world_up
leftovers_mark

INJECT=$BUILD/e2e/inject
STEP=${MSB_TEST_STEP:-$(effort_step 23)}
FIRST=${MSB_TEST_FIRST:-$((RANDOM % STEP + 1))}
ERRORS=(12 1 11 28) # ENOMEM EPERM EAGAIN ENOSPC
echo "# from system call $FIRST on, every ${STEP}th"

# What the guest does: 42 where all is as the policy says
cat >"$WORK/check.sh" <<END
$PROBE tcp 93.184.216.34 443 9000 && ! $PROBE tcp 93.184.216.34 80 9000 && ! $PROBE tcp 10.0.0.5 443 9000 &&
	! $PROBE udp 169.254.169.254 80 9000 && exit 42
exit 41
END
SANDBOX=("$BUILD/msb-run" --vmm none --quiet --net-default deny --net-rule 'allow@public:tcp:443,allow@dns' -- sh "$WORK/check.sh")

nothing_left() { [ -z "$(leftovers)" ]; }
quickly_gone() { ! ip -br link | grep -q ^msb && ! nft list tables | grep -q msb && ! pgrep '^msb-' >/dev/null; }

# judge RESULT-LINE: what is wrong about a run, or nothing
judge() {
	local status=$1
	case $status in
	42) ;;
	125) grep -q 'error:' "$WORK/fault.err" || echo "exit 125 without a word" ;;
	*) echo "exit status $status: $(tail -n 2 "$WORK/fault.err" | tr '\n' ' ')" ;;
	esac
	wait_for "$(patience 2)" quickly_gone || echo "left: $(leftovers | tr '\n' ' ')"
}

total=$("$INJECT" count "${SANDBOX[@]}" </dev/null | tail -n 1 | cut -d' ' -f1)
if [ "${total:-0}" -gt 100 ]; then ok "set-up has $total system calls"; else not_ok "set-up has system calls" "counted: $total"; fi
tried=0 refused=0 wrong=0
for ((n = FIRST; n <= total; n += STEP)); do
	error=${ERRORS[n % ${#ERRORS[@]}]}
	line=$(timeout -s KILL 90 "$INJECT" fail "$n" "$error" "${SANDBOX[@]}" 2>"$WORK/fault.err" </dev/null | tail -n 1)
	read -r count number status _ <<<"$line"
	[ "${count:-$n}" = "$n" ] || continue
	tried=$((tried + 1))
	[ "$status" != 125 ] || refused=$((refused + 1))
	why=$(judge "${status:-124}")
	if [ -n "$why" ]; then
		wrong=$((wrong + 1))
		echo "# call $n (number $number, error $error): $why"
	fi
done
same "$tried system calls failed in turn, $refused ended in an error, none in anything else" 0 "$wrong"
if [ "$refused" -gt $((tried / 4)) ]; then ok "the failures were felt"; else not_ok "the failures were felt" "$refused of $tried"; fi
if wait_for "$(patience 2)" nothing_left; then ok "nothing is left"; else not_ok "nothing is left" "$(leftovers)"; fi
finish
