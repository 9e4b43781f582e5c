#!/usr/bin/env bash
# A guest goes on long after a limit refuses it: what events report of the limit and what they say was lost, with the limit as the reason, are
# together exactly what was refused.
. "$(dirname "$0")/lib.sh"
world_up
# flows of one datagram each, of 1,028 bytes: a quota of 1K refuses the first one and all others
cat >"$WORK/send.py" <<-'END'
	import socket
	for port in range(1000, 2000):
	    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
	        s.sendto(bytes(1000), ("93.184.216.36", port))
END
told() { # FILE
	jq -r 'select(.kind == "quota") | .count // 1' "$1" | awk '{ n += $1 } END { print n + 0 }'
}
lost() { jq -r --arg why "$2" 'select(.kind == "lost" and .because == $why) | .count' "$1" | awk '{ n += $1 } END { print n + 0 }'; }
all_told() { # NAME FILE WHY
	local reported missing
	reported=$(told "$2") missing=$(lost "$2" "$3")
	echo "# $1: $reported reported, $missing lost"
	same "$1: reported and lost are all that were refused" 1000 $((reported + missing))
	check "$1: some are reported, most are not" "$([ "$reported" -ge 100 ] && [ "$missing" -ge 500 ]; echo $?)"
	same "$1: nothing else was lost" "$3" "$(jq -r 'select(.kind == "lost") | .because' "$2" | sort -u)"
}
run_sandbox --name used --quiet --net-default allow --max-connection-rate 0 --net-egress-bytes 1K --events "$WORK/all.events" -- \
	python3 "$WORK/send.py"
all_told "all that the guest sends" "$WORK/all.events" "more than 20 packets a second over the limit of egress bytes"
printf 'default egress deny\nallow@93.184.216.36:udp bytes 1K\n' >"$WORK/rule.msb"
run_sandbox --name rule --quiet --policy "$WORK/rule.msb" --max-connection-rate 0 --events "$WORK/rule.events" -- python3 "$WORK/send.py"
all_told "a rule's" "$WORK/rule.events" "more than 20 packets a second over rules' limits of bytes"

# over the rate: what passed is the rest
printf 'default egress deny\nallow@93.184.216.36:udp log\n' >"$WORK/rate.msb"
run_sandbox --name rate --quiet --policy "$WORK/rate.msb" --max-connection-rate 5 --events "$WORK/rate.events" -- python3 "$WORK/send.py"
count() { jq -r "select($1) | .count // 1" "$WORK/rate.events" | awk '{ n += $1 } END { print n + 0 }'; }
rate_lost=$(lost "$WORK/rate.events" "more than 20 packets a second over the rate of new flows")
echo "# rate: $(count '.kind == "limit"') reported, $rate_lost lost"
check "the rate: most are lost, and counted" "$([ "$rate_lost" -ge 500 ]; echo $?)"
check "and with what is reported no more than were sent" "$([ $(($(count '.kind == "limit"') + rate_lost)) -le 1000 ] && [ $(($(count '.kind == "limit"') + rate_lost)) -ge 900 ]; echo $?)"

# what the host's own table refuses: UDP at once, beyond the gateway
run_sandbox --name host --quiet --net-default allow --max-connection-rate 0 --max-udp-connections 20 --events "$WORK/host.events" -- \
	python3 "$WORK/send.py"
why="more than 20 packets a second over the limit of UDP flows"
reported=$(jq -r 'select(.kind == "limit") | .count // 1' "$WORK/host.events" | awk '{ n += $1 } END { print n + 0 }')
echo "# host: $reported reported, $(lost "$WORK/host.events" "$why") lost"
same "the host's: reported and lost are all but those that passed" 980 $((reported + $(lost "$WORK/host.events" "$why")))
finish
