#!/usr/bin/env bash
# What the processes of a sandbox hold of memory: little of their own, and no library that none of them calls.
. "$(dirname "$0")/lib.sh"
world_up
MOST_KB=500 # written to by each: heap, stack, what was relocated, in parts where it is shared

start_sandbox small --quiet --net-rule deny@evil.example:tcp:443,allow@dns,allow@public -- sleep 60
wait_for 40 pgrep -x sleep
for name in msb-run msb-owner msb-supervisor msb-init msb-resolv msb-dns msb-relay msb-names; do
	pid=$(pgrep -ox "$name")
	anon() { awk '/^Pss_Anon:/ { print $2 }' "/proc/$pid/smaps_rollup"; }
	small() { [ "$(anon)" -le $MOST_KB ]; }
	if wait_for 10 small; then ok "$name: $(anon) kB are its own"; else not_ok "$name: at most $MOST_KB kB are its own" "$(anon) kB"; fi
done
if [ -e "$BUILD/ldns.a" ]; then
	lacks "none has libcrypto" "$(cat /proc/"$(pgrep -ox msb-dns)"/maps)" 'libcrypto|libssl'
else
	skip "none has libcrypto" "there is no static libldns"
fi
kill "$sandbox_pid"
wait "$sandbox_pid"
finish
