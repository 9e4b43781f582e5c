#!/usr/bin/env bash
# msb-ctl events: what a sandbox denied, and what it denies from now on, as people read it and as programs do.
. "$(dirname "$0")/lib.sh"
world_up
CTL=$BUILD/msb-ctl
mkfifo "$WORK/in"
printf 'default egress deny\ndeny@meta because "no cloud credentials"\n' >"$WORK/agent.msb"
cd "$WORK" || exit 1
: >agent.out
"$BUILD/msb-run" --vmm none --name agent --policy agent.msb -- sh <"$WORK/in" >agent.out 2>agent.err &
exec 5>"$WORK/in"
try_() { # COMMAND…: in the sandbox, until it has ended
	echo "$*; echo end" >&5
	wait_for 20 grep -q end agent.out
	: >agent.out
}
try_ "$PROBE tcp 169.254.169.254 80"
wait_for 10 sh -c "'$CTL' events agent | grep -q deny"
contains "what was denied before" "$("$CTL" events agent)" '^[0-9:.]+  deny +egress@169\.254\.169\.254:tcp:80 +rule 1 deny@meta \(agent\.msb:2\)'
same "for programs" '"deny" "egress@169.254.169.254:tcp:80" 1 "agent.msb:2"' \
	"$("$CTL" events agent --format json | jq -r 'select(.kind == "deny") | [.kind, .flow, .rule, .place] | @json' | head -n 1 | jq -c '.[]' | paste -sd' ')"
"$CTL" events agent --follow --format json >followed &
follower=$!
# it has what was before first
wait_for 10 sh -c "'$CTL' events agent >/dev/null && test -e followed"
for i in $(seq 50); do
	try_ "$PROBE tcp 10.0.0.$i 22"
	grep -q 10.0.0 followed && break
done
contains "what is denied from now on, as it happens" "$(cat followed)" '"flow":"egress@10.0.0.[0-9]*:tcp:22"'
"$CTL" stop agent >/dev/null
wait_for 10 sh -c "! kill -0 $follower"
check "and it ends with the sandbox" "$(kill -0 $follower 2>/dev/null && echo 1 || echo 0)"
finish
