#!/usr/bin/env bash
# Names that share an address: each rule decides what is its own and no more, in the rules' order among those on addresses,
# until its own name ends; changes lose no packet, and what a rule has counted stays counted.
. "$(dirname "$0")/lib.sh"
world_up "$(
	for data in 'A 93.184.218.1' 'AAAA 2606:2800:220:1::218'; do
		printf '%s\n' "short.shared.test. 2 IN $data" "long.shared.test. 60 IN $data" "odd.shared.test. 60 IN $data"
	done
	echo '*.swap.test. 60 IN A 93.184.218.9'
	for name in 1 2 3 4; do for i in $(seq 64); do echo "h$name.many.test. 60 IN A 93.184.219.$((64 * (name - 1) + i - 1))"; done; done
)"
CLIENT=$TESTS/e2e/tools/dns_client.py
A4=93.184.218.1 A6=2606:2800:220:1::218
ipv6_up

mkfifo "$WORK/next"
exec {next}<>"$WORK/next" # open all the time, or the sandbox may read the end of a step's writer instead of the next step
# step SCRIPT: in the sandbox that was started last; what it prints goes to $said, on one line
step() {
	printf '%s\n' "address() { local out; out=\$(dig +short +tries=1 +time=9 \"\$@\"); echo \"\${out:-none}\"; }
		probe() { for port in \$3; do $PROBE \$1 \$2 \$port 2000 | cut -d' ' -f1; done; }" "$1" >"$WORK/step"
	echo >&"$next"
	wait_for 60 test -e "$WORK/over"
	said=$(tr '\n' ' ' <"$WORK/said" | sed 's/ *$//')
	rm -f "$WORK/over"
}
# sandbox NAME POLICY ARG…: one that takes steps
sandbox() {
	[ -z "${sandbox_pid-}" ] || { kill "$sandbox_pid"; wait "$sandbox_pid" 2>/dev/null; }
	printf '%s\n' "$2" >"$WORK/$1.msb"
	start_sandbox "$1" --policy "$WORK/$1.msb" "${@:3}" -- \
		bash -c "while read -r <$WORK/next; do . $WORK/step >$WORK/said 2>&1; touch $WORK/over; done"
	wait_for 20 pgrep -x msb-dns
}
chain_of() { bound_elements "$1" | awk -v addr="$2" '$1 == addr { print $3 }'; }
# counted COMMENT: packets, over all rules that bear it
counted() { in_dns_netns nft list table inet msb | grep "comment \"[^\"]* $1\"" | grep -oP 'packets \K[0-9]+' | awk '{ sum += $1 } END { print sum + 0 }'; }

sandbox shared 'default egress deny
allow@short.shared.test:tcp:443
allow@93.184.218.0/24:tcp:8080
deny@93.184.218.0/24:tcp:22
allow@long.shared.test:tcp:{22,80,443}
allow@odd.shared.test' --dns-binding-minimum 0
for family in 4 6; do
	addr=$A4 type=A open="connected refused connected"
	[ $family = 4 ] || { addr=$A6 type=AAAA open="connected connected refused"; }
	step "address short.shared.test $type >/dev/null; probe tcp $addr '443 80'"
	same "IPv$family: one name, its service" "connected refused" "$said"
	same "IPv$family: by its rule's own chain" "rule1_v$family" "$(chain_of $family $addr)"
	for _ in 1 2 3; do # until all of it was within the TTL of two seconds
		start=${EPOCHREALTIME/./}
		step "address short.shared.test $type >/dev/null; address long.shared.test $type; probe tcp $addr '443 80'"
		[ $((${EPOCHREALTIME/./} - start)) -gt 1500000 ] || break
	done
	same "IPv$family: two names of one address, both services" "$addr connected connected" "$said"
	wait_for 10 eval "[ \"\$(chain_of $family $addr)\" != '$(chain_of $family $addr)' ]"
	step "probe tcp $addr '80 22 8080'"
	same "IPv$family: the first has ended, the rules on addresses before the second are kept" \
		"$([ $family = 4 ] && echo connected refused connected || echo connected connected refused)" "$said"
done
same "the first name's rule has counted its flows, through both chains" yes "$([ "$(counted 'allow@short.shared.test:tcp:443')" -ge 4 ] && echo yes)"
before=$(counted 'allow@long.shared.test:tcp:{22,80,443}')
step "address odd.shared.test; probe udp $A4 7; probe tcp $A4 '80 22 443'"
same "a third name has the rest" "$A4 answered connected refused connected" "$said"
# each once as the guest's, and once as the name relay's, which goes the same way
same "and what was counted stays counted" $((before + 4)) "$(counted 'allow@long.shared.test:tcp:{22,80,443}')"

# What names deny by the addresses they are bound to: TCP, too, where server names do not decide
sandbox denied 'default egress deny
allow@93.184.218.0/24:tcp:8080
allow@*.shared.test:tcp:443
deny@long.shared.test
allow@public' --no-server-names
step "probe tcp $A4 80; address odd.shared.test; probe tcp $A4 '80 443'; address long.shared.test; probe tcp $A4 '80 443 8080'; probe udp $A4 7"
same "a denial by name stands where the rules have it" \
	"connected $A4 connected connected $A4 refused connected connected prohibited" "$said"

printf 'default egress allow\nallow@*.shared.test:tcp:443\ndeny@long.shared.test:udp\ndeny@93.184.218.0/24:tcp:80\n' >"$WORK/below.msb"
sandbox floored 'default egress deny
allow@odd.shared.test:tcp:{80,443,8080}
allow@*.shared.test' --floor "$WORK/below.msb"
step "address odd.shared.test; probe tcp $A4 '443 80 8080'; probe udp $A4 7; address long.shared.test; probe tcp $A4 '443 8080'; probe udp $A4 7"
same "a floor's names let nothing pass by themselves, and deny" \
	"$A4 connected refused connected answered $A4 connected connected prohibited" "$said"

sandbox many 'default egress deny
allow@*.many.test:tcp:443'
step "for i in 1 2 3 4; do dig +short +tcp h\$i.many.test >/dev/null; done; probe tcp 93.184.219.200 443"
same "256 addresses at once" "connected 256" "$said $(bound_elements 4 | wc -l)"

sandbox swapped 'default egress deny
allow@*.swap.test:udp
allow@a.swap.test:tcp:443' --max-connection-rate 0
cat >"$WORK/stream.py" <<-'END'
	import socket, sys, time
	for i in range(int(sys.argv[2])):
	    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flow:
	        flow.sendto(b"x", (sys.argv[1], 9000))
	    time.sleep(0.002)
END
step "address a.swap.test; python3 $WORK/stream.py 93.184.218.9 800 & python3 $CLIENT \$(awk '/nameserver/ { print \$2; exit }' /etc/resolv.conf) flood 700 swap.test; wait"
contains "hundreds of names were bound to one address" "$said" '0:7[0-9][0-9]|0:700'
wait_for 5 eval '[ "$(seen 93.184.218.9 udp 9000)" = 800 ]'
same "while no new flow to it was lost" 800 "$(seen 93.184.218.9 udp 9000)"
finish
