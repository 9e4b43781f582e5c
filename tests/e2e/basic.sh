#!/usr/bin/env bash
# The first path, without a VM: what one line allows passes, everything else is refused at once, and by nobody but the
# policy; the exit status is the command's; a policy with errors starts nothing.
. "$(dirname "$0")/lib.sh"
world_up
leftovers_mark

POLICY=(--net-default deny --net-rule 'allow@public:tcp:443,allow@dns')
PUBLIC=93.184.216.34 PUBLIC6=2606:2800:220:1::34

# in_sandbox NAME EXPECTED PROBE-ARG…: one flow from inside, how it fares
in_sandbox() {
	local name=$1 expected=$2
	shift 2
	run_sandbox "${POLICY[@]}" -- "$PROBE" "$@"
	contains "$name" "$out" "^$expected"
}

# refused NAME PROTO ADDRESS PORT: refused at once (a loaded machine may take its time, a time-out takes 20 s), one flow and a
# burst of 300, and nothing arrives out there
refused() {
	local name=$1 proto=$2 address=$3 port=$4 ms
	seen_reset
	run_sandbox "${POLICY[@]}" -- "$PROBE" "$proto" "$address" "$port" 20000
	contains "$name is refused" "$out" '^(refused|prohibited)'
	ms=$(grep -oE '[0-9]+(\.[0-9]+)? ms' <<<"$out" | grep -oE '^[0-9]+')
	if [ "${ms:-9999}" -lt 5000 ]; then ok "$name is refused at once"; else not_ok "$name is refused at once" "$out"; fi
	run_sandbox "${POLICY[@]}" -- "$PROBE" "burst-$proto" "$address" "$port" 300 20000
	contains "$name, all of a burst of 300" "$out" '^(refused|prohibited) 300$'
	same "$name, nothing arrives" 0 "$(seen "$address" "$proto" "$port")"
}

in_sandbox "TCP 443 to a public address passes" connected tcp $PUBLIC 443
in_sandbox "TCP 443 to a public IPv6 address passes" connected tcp $PUBLIC6 443
same "and arrives" yes "$([ "$(seen $PUBLIC tcp 443)" -gt 0 ] && echo yes)"

for proto in tcp udp; do
	refused "$proto port 80" $proto $PUBLIC 80
	refused "$proto port 80 of IPv6" $proto $PUBLIC6 80
	refused "$proto to a private address" $proto 10.0.0.5 443
	refused "$proto to the metadata service" $proto 169.254.169.254 443
	refused "$proto to a private IPv6 address" $proto fd00::5 443
done

start_sandbox neighbour --net-default allow -- sleep 20
wait_for 5 ip link show msb0
for proto in tcp udp; do
	refused "$proto to a neighbour sandbox" $proto 172.16.0.2 443
	refused "$proto to the neighbour's gateway" $proto 172.16.0.1 443
done
kill "$sandbox_pid"
wait "$sandbox_pid"
same "a sandbox ends by the signal that its command got" 143 $?

run_sandbox -- sh -c 'exit 7'
same "exit status 7" 7 "$status"
run_sandbox -- sh -c 'kill -9 $$'
same "exit status of a killed command" 137 "$status"
run_sandbox -- /nonexistent/command
same "exit status of a command that is not there" 127 "$status"

printf '%s\n' 'default egress deny' 'allow@pubic:tcp:443' 'allow@github.com:tcp:70000' 'allow@2606:4700::1111:tcp:443' >"$WORK/bad.msb"
run_sandbox --policy "$WORK/bad.msb" -- touch "$WORK/started"
same "a bad policy: exit status 125" 125 "$status"
for place in 2:7 3:22 4:7; do contains "a bad policy: error at $place" "$err" "bad.msb:$place: error:"; done
same "a bad policy: three errors" 3 "$(grep -c 'bad.msb:.*: error:' <<<"$err")"
same "a bad policy: nothing is started" no "$([ -e "$WORK/started" ] && echo yes || echo no)"

run_sandbox --net-rule allow@public:tcp:80 allow@public:tcp:443 -- touch "$WORK/started"
same "braces eaten by the shell: exit status 125" 125 "$status"
contains "braces eaten by the shell: said" "$err" 'is a rule, not a command; did the shell expand braces'
contains "braces eaten by the shell: the quoted rule" "$err" "help: --net-rule 'allow@public:tcp:\{80,443\}'"

same "nothing is left" "" "$(leftovers)"
finish
