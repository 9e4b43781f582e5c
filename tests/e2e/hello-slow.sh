#!/usr/bin/env bash
# A hello that never ends: five seconds from its first byte on, and the connection is reset, whether bytes go on coming or not; the
# server has read nothing. A client that says nothing at all may take longer.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/hello-lib.sh"
hello_world

AT_ONCE=1 enforced never-ends:$GOOD:9000 stops:$GOOD:9001 late:$GOOD:9002 late:$EVIL:9003 plain:$GOOD:9004
# in_time WHAT WAY PORT: reset, and when
in_time() {
	local seconds words
	words=$(awk -v way="$2" '$1 == way { print $4 }' <<<"$out" | sort | uniq -c | xargs)
	same "$1: reset, both families" "2 reset" "$words"
	seconds=$(awk -v way="$2" '$1 == way { print ($5 >= 4.5 && $5 < '"$(patience 8)"' ? "in time" : $5) }' <<<"$out" | sort -u)
	same "$1: after five seconds" "in time" "$seconds"
	same "$1: the server has read nothing" "0 0" "$(bytes_read "$3") $(bytes_read $(($3 + 50)))"
}
in_time "hello-never-ends, a byte now and then" never-ends 9000
in_time "hello-never-ends, half of it" stops 9001
arrives "said late" late:$GOOD:9002
stopped "another name, said late" late:$EVIL:9003
arrives "others meanwhile" plain:$GOOD:9004
finish
