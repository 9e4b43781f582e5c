#!/usr/bin/env bash
# A guest opens 1,000 denied connections a second: events name each one's rule rightly, and with what they say was lost they are exactly as
# many as were sent; a stream that is let pass goes on meanwhile; the supervisor's memory does not grow from one burst to the next.
. "$(dirname "$0")/lib.sh"
world_up
ipv6_up
cd "$WORK" || exit 1
printf 'default egress deny\ndeny@198.51.100.0/24\nallow@93.184.216.34:tcp:19\ndeny@[2001:db8:5::/48]\n' >agent.msb
cat >stream.py <<-'END'
	import socket, sys, time
	flow, room, got, told = socket.create_connection(("93.184.216.34", 19), 10), bytearray(1 << 18), 0, 0
	while True:
	    got += flow.recv_into(room)
	    if time.monotonic() > told + 0.1:
	        told = time.monotonic()
	        open("stream", "w").write(str(got))
END
mkfifo in
"$BUILD/msb-run" --vmm none --name agent --policy agent.msb --events events -- sh -c "python3 stream.py & cat in | sh; kill %1; echo ended" >out 2>err &
run=$!
exec 5>in
supervisor() { pgrep -nx msb-supervisor; }
rss() { awk '/^VmRSS/ { print $2 }' "/proc/$(supervisor)/status"; }
flood() { # SECONDS: to be reported before it is over
	: >flooded
	echo "python3 $TESTS/e2e/tools/flood.py 1000 $1 198.51.100.7 2001:db8:5::7 192.0.2.7 >>sent; echo >flooded" >&5
	wait_for 60 test -s flooded
}
reported() { jq -r 'select(.kind == "deny") | [.rule, .count // 1] | @tsv' events; }
wait_for 20 test -s stream
flood 2
before=$(rss) stream=$(cat stream)
flood 2
flood 2
after=$(rss)
moved=$(($(cat stream) - stream))
echo "# supervisor: $before KiB after one burst, $after after three; the stream got $((moved / 1000000)) MB meanwhile"
check "the supervisor's memory does not grow: $before KiB, then $after" "$([ "$after" -lt $((before + 1024)) ]; echo $?)"
check "the stream goes on" "$([ "$moved" -gt 1000000 ]; echo $?)"
"$BUILD/msb-ctl" status agent --format json >status
exec 5>&-
wait $run
sent=$(awk '{ n += $2 } END { print n }' sent)
same "6,000 were sent" 6000 "$sent"
told=$(reported | awk '{ n += $2 } END { print n + 0 }')
lost=$(jq -r 'select(.kind == "lost") | .count' events | awk '{ n += $1 } END { print n + 0 }')
echo "# $told reported, $lost lost"
same "reported and lost are all there were" "$sent" $((told + lost))
same "losses are told while it happens, about once a second" yes \
	"$([ "$(jq -c 'select(.kind == "lost")' events | wc -l)" -ge 4 ] && [ "$(jq -c 'select(.kind == "lost")' events | wc -l)" -le 40 ] && echo yes)"
same "each by its own rule, and by no other" '192.0.2.7 default|198.51.100.7 1|2001:db8:5::7 3|' \
	"$(jq -r 'select(.kind == "deny") | "\(.destination) \(.rule)"' events | LC_ALL=C sort -u | tr '\n' '|')"
for rule in 1 3 default; do
	n=$(reported | awk -v r="$rule" '$1 == r { n += $2 } END { print n + 0 }')
	check "rule $rule: $n reported, of 2,000" "$([ "$n" -ge 100 ] && [ "$n" -le 2000 ]; echo $?)"
done
same "and how many each refused, the kernel knows" "$(awk '{ n[$1] += $2 } END { print n["198.51.100.7"], n["2001:db8:5::7"], n["192.0.2.7"] }' sent)" \
	"$(jq -r '[(.rules[] | select(.number == 1 or .number == 3)), (.defaults[] | select(.direction == "egress"))] | map(.connections | tostring) | join(" ")' status)"
finish
