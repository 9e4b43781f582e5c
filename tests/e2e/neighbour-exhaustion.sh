#!/usr/bin/env bash
# The sibling of threat neighbour-flood: thousands of destinations in the host's own network, none of which answers, fill the
# neighbour table that all namespaces share. Few new flows a second go there; flows by a router are as many as ever.
. "$(dirname "$0")/lib.sh"
world_up
ipv6_up
unresolved() { ip -6 neighbour show dev wan0 nud incomplete nud failed | wc -l; }
cat >"$WORK/flood.py" <<-END
	import socket, sys, time
	with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as flood:
	    for second in range(3):
	        for number in range(1000):
	            try:
	                flood.sendto(b"x", (sys.argv[1] % (second * 1000 + number + 4096), 4000))
	            except OSError:
	                pass
	        print("sent", flush=True)
	        time.sleep(1)
END
start_sandbox flood --net-default allow -- python3 "$WORK/flood.py" 2001:db8:1::%x
most=0
while kill -0 "$sandbox_pid" 2>/dev/null; do
	now=$(unresolved)
	most=$((now > most ? now : most))
	sleep 0.1
done
wait "$sandbox_pid"
same "3,000 destinations were tried" 3 "$(grep -c sent "$WORK/flood.out")"
if [ "$most" -gt 0 ] && [ "$most" -lt 400 ]; then ok "few of them are looked for at once ($most)"; else not_ok "few of them are looked for at once" "$most"; fi
contains "what is not let pass is reported as that" "$(cat "$WORK/flood.err")" \
	'refused by --max-connection-rate 250, of which 63 a second may be to the host.s own networks: .*--max-connection-rate N raises it'
try "the host finds a neighbour of its own" "$PROBE" tcp 2001:db8:1::1 443
run_sandbox --quiet --net-default allow -- sh -c "for i in 1 2 3 4 5 6 7 8 9 10; do $PROBE tcp $INTERNET6 443 2000; $PROBE tcp $INTERNET4 443 2000; done"
same "ordinary flows to the host's own networks pass" 20 "$(grep -c ^connected <<<"$out")"

# By a router
seen_reset
run_sandbox --quiet --net-default allow -- python3 -c '
import socket
with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as many:
    for number in range(900):
        many.sendto(b"x", ("2606:2800:220:2::%x" % (number + 1), 4000))'
try "nine hundred flows by a router pass" [ "$(seen_total)" -ge 900 ]
finish
