#!/usr/bin/env bash
# --events-size and --events-keep: files are put aside while the sandbox runs, with what rights the supervisor has left; what a full disk or a
# directory that is gone takes away is counted, said once, and stops nothing.
. "$(dirname "$0")/lib.sh"
world_up
ipv6_up

# a directory of somebody's: the supervisor is root without the right to write there
mkdir "$WORK/ann"
chown 12345:12345 "$WORK/ann"
run_sandbox --name agent --quiet --net-default deny --events "$WORK/ann/events" --events-size 64K --events-keep 2 --events - -- \
	sh -c "python3 '$TESTS/e2e/tools/deny_names.py' 0 800; exit 3"
same "the sandbox ends as its command does" 3 "$status"
same "nothing is said" "" "$err"
same "as many files as are to be kept" "events events.1 events.2" "$(cd "$WORK/ann" && echo events*)"
large=$(find "$WORK/ann" -type f -size +64k)
same "none longer than it may be" "" "$large"
cat "$WORK/ann/events.2" "$WORK/ann/events.1" "$WORK/ann/events" >"$WORK/together"
tail -n "$(wc -l <"$WORK/together")" "$WORK/out" >"$WORK/end"
check "together the end of all events, none missing, in order" "$(cmp "$WORK/end" "$WORK/together" >"$WORK/cmp" 2>&1; echo $?)" "$(cat "$WORK/cmp")"
same "root's alone, or the directory's owner's" "600 600 600" "$(cd "$WORK/ann" && stat -c %a events.2 events.1 events | tr '\n' ' ' | sed 's/ $//')"
same "standard output has no bound" yes "$([ "$(wc -c <"$WORK/out")" -gt 200000 ] && echo yes)"

# a disk that is full
mkdir "$WORK/small"
mount -t tmpfs -o size=16k tmpfs "$WORK/small"
run_sandbox --name agent --net-default deny --net-rule 'allow@203.0.113.78' --events "$WORK/small/events" -- \
	sh -c "python3 '$TESTS/e2e/tools/deny_names.py' 0 90; $PROBE udp 203.0.113.78 9 2000"
same "a full disk: traffic goes on" "answered 0" "${out%% *} $status"
same "it is said once" 1 "$(grep -c "msb-run: --events $WORK/small/events is incomplete: No space left on device" <<<"$err")"
check "whole lines only" "$(jq -e . "$WORK/small/events" >/dev/null 2>&1; echo $?)" "$(tail -1 "$WORK/small/events")"
umount "$WORK/small"

# one that is full for a while: what was lost is counted exactly
mount -t tmpfs -o size=32k tmpfs "$WORK/small"
dd if=/dev/zero of="$WORK/small/filler" bs=1k count=28 status=none
mkfifo "$WORK/orders"
start_sandbox agent --quiet --net-default deny --events "$WORK/small/events" --events "$WORK/whole" -- \
	sh -c "python3 '$TESTS/e2e/tools/deny_names.py' 0 100; echo full; read -r go <'$WORK/orders'; python3 '$TESTS/e2e/tools/deny_names.py' 200 205"
exec 7<>"$WORK/orders"
wait_for "$(patience 20)" grep -q full "$WORK/agent.out"
rm "$WORK/small/filler"
wait_for "$(patience 5)" grep -q '"kind":"lost"' "$WORK/small/events"
check "room again: it is told, though nothing else happens" $? "$(cat "$WORK/small/events")"
echo go >&7
wait "$sandbox_pid"
exec 7>&-
count=$(wc -l <"$WORK/whole")
same "lines and lost ones are all that there were" "$count" "$(($(grep -vc '"kind":"lost"' "$WORK/small/events") + $(jq -s '[.[] | select(.kind == "lost") | .count] | add' "$WORK/small/events")))"
same "by the reason" "No space left on device" "$(jq -r 'select(.kind == "lost") | .because' "$WORK/small/events" | sort -u)"

# a directory that is gone, and something in the way
mkdir "$WORK/gone"
run_sandbox --name agent --net-default deny --net-rule 'allow@203.0.113.78' --events "$WORK/gone/events" --events-size 64K -- sh -c "
	rm -rf '$WORK/gone'; python3 '$TESTS/e2e/tools/deny_names.py' 0 400; $PROBE udp 203.0.113.78 9 2000"
same "a directory that is gone: traffic goes on" "answered 0" "${out%% *} $status"
same "it is said once" 1 "$(grep -c "msb-run: --events $WORK/gone/events is incomplete: No such file or directory" <<<"$err")"

# what makes no sense
refused() { # DESCRIPTION PATTERN ARG…
	local what=$1 pattern=$2
	shift 2
	run_sandbox --name wrong "$@" -- true
	contains "$what" "$status $err" "$pattern"
}
refused "a size without a file" '^125 .*--events-size means nothing without --events FILE' --events-size 1M
refused "how many without a size" '^125 .*--events-keep means nothing without --events-size' --events "$WORK/x" --events-keep 2
refused "a size too small" '^125 .*--events-size 1K: 64K at least' --events "$WORK/x" --events-size 1K
refused "a size of another unit" '^125 .*--events-size 10X: a size such as' --events "$WORK/x" --events-size 10X
refused "a size past all numbers" '^125 .*--events-size 99999999999999999999G: a size such as' --events "$WORK/x" --events-size 99999999999999999999G
refused "none to keep" '^125 .*--events-keep 0: 1 to 99' --events "$WORK/x" --events-size 1M --events-keep 0
refused "the same twice" '^125 .*given twice' --events "$WORK/x" --events "$WORK/x"
refused "five" '^125 .*4 times at most' --events a --events b --events c --events d --events e
ln -s "$WORK/elsewhere" "$WORK/link"
refused "a link that would be left behind" '^125 .*a symbolic link, which --events-size would leave behind' --events "$WORK/link" --events-size 1M
same "nothing is left of those" "" "$(cd "$WORK" && ls x 2>/dev/null)"
finish
