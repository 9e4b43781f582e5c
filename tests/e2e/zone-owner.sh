#!/usr/bin/env bash
# threats: zone-owner. The owner of a zone that a rule allows answers with metadata, gateway and private addresses, with
# thousands of records, with a TTL of nothing or of a year, and with names without end: nothing is bound that may not
# be, and nothing is answered that is not bound.
. "$(dirname "$0")/lib.sh"
world_up "$(
	echo 'year.example.com. 31536000 IN A 93.184.216.50'
	echo 'nothing.example.com. 0 IN A 93.184.216.51'
	echo 'mixed.example.com. 60 IN A 93.184.216.52'
	echo 'mixed.example.com. 60 IN A 10.0.0.5'
	echo 'alias.example.com. 60 IN CNAME meta.example.org.'
	echo 'meta.example.org. 60 IN A 169.254.169.254'
	echo 'hint.example.com. 60 IN TYPE65 \# 18 0001 00 0001 0003 02 6832 0004 0004 0a000005'
	echo 'carried.example.com. 60 IN AAAA 64:ff9b::a9fe:a9fe'
	echo 'mapped.example.com. 60 IN AAAA ::ffff:10.0.0.5'
	echo '*.flood.example.com. 600 IN A 93.184.217.1'
	for i in $(seq 0 255); do for j in 1 2 3 4; do echo "host.thousand.example.com. 60 IN A 93.185.$j.$i"; done; done
)"
CLIENT=$TESTS/e2e/tools/dns_client.py
RULES=(--net-default deny --net-rule 'allow@*.example.com')
bound() { bound_elements "$1" | cut -d' ' -f1; }

mkfifo "$WORK/next"
exec {next}<>"$WORK/next" # open all the time, or the sandbox may read the end of a step's writer instead of the next step
# step SCRIPT: one step of the sandbox below; what it prints goes to $said
step() {
	: >"$WORK/said"
	printf '%s\n' "$1" >"$WORK/step"
	echo >&"$next"
	wait_for 30 test -e "$WORK/over"
	said=$(tr '\n' ' ' <"$WORK/said" | sed 's/ *$//')
	rm -f "$WORK/over"
}
start_sandbox owner "${RULES[@]}" --dns-binding-minimum 0 -- bash -c "while read -r <$WORK/next; do . $WORK/step >$WORK/said 2>&1; touch $WORK/over; done"
wait_for 20 pgrep -x msb-dns

for name in rebind meta azure gateway mixed alias; do
	step "dig +tries=1 $name.example.com | grep -o 'status: [A-Z]*'"
	same "$name.example.com is NXDOMAIN" "status: NXDOMAIN" "$said"
done
for name in carried mapped; do
	step "dig +tries=1 $name.example.com AAAA | grep -o 'status: [A-Z]*'"
	same "$name.example.com is NXDOMAIN" "status: NXDOMAIN" "$said"
done
step "dig +tries=1 hint.example.com TYPE65 | grep -o 'status: [A-Z]*'"
same "a hint in an HTTPS record is an address, too" "status: NXDOMAIN" "$said"
same "and nothing of it is bound" "" "$(bound 4)$(bound 6)"
step "$PROBE tcp 169.254.169.254 80; $PROBE tcp 10.0.0.5 80"
same "or reachable" "0 0" "$(seen 169.254.169.254) $(seen 10.0.0.5)"

step "dig +tries=1 +noall +answer year.example.com | awk '{ print \$2 }'"
same "a year is a day" 86400 "$said"
lifetime() { bound_elements 4 | awk -v addr="$1" '$1 == addr { print $2 }'; }
same "for the kernel as well" yes "$(awk -v got="$(lifetime 93.184.216.50)" 'BEGIN { print (got > 86000 && got <= 86400 ? "yes" : got) }')"
# more than once, where the machine is too slow to connect within the second
for _ in 1 2 3 4 5; do
	step "dig +tries=1 +short nothing.example.com; $PROBE tcp 93.184.216.51 7 | cut -d' ' -f1; sleep 1.3; $PROBE tcp 93.184.216.51 7 | cut -d' ' -f1"
	[[ $said != *"connected refused" ]] || break
done
same "a TTL of nothing is a second" "93.184.216.51 connected refused" "$said"

step "dig +tries=1 +tcp +short host.thousand.example.com | sort >$WORK/thousand; wc -l <$WORK/thousand"
same "of a thousand addresses 64 are answered" 64 "$said"
same "exactly those that are bound" "$(cat "$WORK/thousand")" "$(bound 4 | grep '^93\.185\.' | sort)"

# two names have bindings already; 4,096 is the bound
step "python3 $CLIENT \$(awk '/nameserver/ { print \$2; exit }' /etc/resolv.conf) flood 4200 flood.example.com"
rcodes=$said
count() { grep -oE "\b$1:[0-9]+" <<<"$rcodes" | cut -d: -f2; }
same "names without end: each is answered, or SERVFAIL" 4200 "$(($(count 0) + $(count 2)))"
same "no more are answered than may be bound" yes "$([ "$(count 0)" -le 4096 ] && [ "$(count 0)" -gt 4000 ] && echo yes)"
step "$PROBE tcp 93.184.217.1 7 | cut -d' ' -f1; dig +tries=1 +short a.example.com | tail -n 1; dig +tries=1 a.example.com | grep -o 'status: [A-Z]*'"
same "a full sandbox says SERVFAIL, what is bound stays" "connected status: SERVFAIL" "$said"
kill "$sandbox_pid"
finish
