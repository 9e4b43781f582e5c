#!/usr/bin/env bash
# What is not a client's hello followed by a server's: servers that speak first, streams whose end comes with the hello, urgent bytes
# in it, servers that send without end, connections that end while others begin.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/hello-lib.sh"
hello_world

plain urgent:$EVIL:9200 urgent-inline:$EVIL:9201
same "urgent-byte, names not looked at: TLS is asked for the other name" "$EVIL $EVIL" "$(served 9200) $(served 9250)"

enforced urgent:$EVIL:9200 urgent-inline:$EVIL:9201 banner:$GOOD:9300 ends:$GOOD:9400 ends:$EVIL:9401
for port in 9200 9201; do
	same "urgent-byte $port: TLS is not asked for the other name" "" "$(served $port | grep -o $EVIL)$(served $((port + 50)) | grep -o $EVIL)"
	contains "urgent-byte $port: it was tried" "$out" " $port (reset|answered)"
done
same "server-first: its banner, then what it is sent" answered "$(said banner $GOOD 9300)"
same "server-first: the server has read it" "12 12" "$(bytes_read 9300) $(bytes_read 9350)"
same "half-close: the end arrives behind the hello, the answer behind that" 192-bytes "$(said ends $GOOD 9400)"
stopped "half-close, another name" ends:$EVIL:9401

judged --net-default allow --net-rule "deny@*.other.example:tcp" -- banner:$GOOD:9300 ends:$GOOD:9400
same "server-first, behind a rule on names that defers all: its banner" answered "$(said banner $GOOD 9300)"
same "half-close, behind it" 192-bytes "$(said ends $GOOD 9400)"
judged --net-default allow --net-rule "allow@$EVIL:tcp:1,deny@$EVIL:tcp" -- banner:$GOOD:9300
same "server-first, denied without a name: no banner, then reset" "reset without" "$(said banner $GOOD 9300)"
same "server-first, denied without a name: the server has read nothing" "0 0" "$(bytes_read 9300) $(bytes_read 9350)"

judged --max-connection-rate 5000 "${RULES[@]}" -- many:$GOOD:9010
same "slot-reuse: 4,000 connections, every other refused" "all as they should" "$(said many $GOOD 9010)"

# worker_memory: the name worker's most, in kB, while it runs
worker_memory() {
	local pid most=0 now
	wait_for 20 pgrep -nx msb-names || return
	pid=$(pgrep -nx msb-names)
	while now=$(awk '/^VmRSS/ { print $2 }' "/proc/$pid/status" 2>/dev/null) && [ "$now" ]; do
		[ "$now" -le "$most" ] || most=$now
		sleep 0.1
	done
	echo "$most"
}
worker_memory >"$WORK/most" &
watching=$!
flood=(plain:$GOOD:9010 flooded:$EVIL:9501 flooded:$GOOD:9502)
for port in 9510 9511 9512 9513 9514 9515 9516 9517 9518 9519; do flood+=("unread:$GOOD:$port"); done
AT_ONCE=1 enforced "${flood[@]}"
wait $watching
same "server-first-flood: what is not read waits" 20 "$(grep -c '^unread .* 3$' <<<"$out")"
same "server-first-flood: a hello beside it is judged" "reset flows" "$(said flooded $EVIL 9501) $(said flooded $GOOD 9502)"
same "server-first-flood: the server has read nothing of the other name" "0 0" "$(bytes_read 9501) $(bytes_read 9551)"
arrives "server-first-flood: others meanwhile" plain:$GOOD:9010
check "server-first-flood: the worker stays small" "$(awk '{ exit !($1 > 0 && $1 < 16384) }' "$WORK/most"; echo $?)" "$(cat "$WORK/most") kB"
finish
