#!/usr/bin/env bash
# --watch: a policy file that changes, however it is saved, is in force soon after, with what that changes on standard error; one
# with errors is not; what it includes counts, too; the process that watches ends with the sandbox.
. "$(dirname "$0")/lib.sh"
world_up
CTL=$BUILD/msb-ctl
leftovers_mark
mkdir "$WORK/policy" && cd "$WORK/policy" || exit 3
printf 'default egress deny\nallow@8.8.8.8\n' >agent.msb
generation() { "$CTL" status watched --format json 2>/dev/null | jq .generation; }
is_generation() { [ "$(generation)" = "$1" ]; }
becomes() { # GENERATION DESCRIPTION
	wait_for "$(patience 15)" is_generation "$1"
	same "$2" "$1" "$(generation)"
}
start_sandbox watched --watch --policy agent.msb -- sh -c 'echo ready; exec sleep 600'
wait_for "$(patience 20)" grep -q ready "$WORK/watched.out"
becomes 1 "nothing has changed"
same "the process that watches waits for the kernel to tell" 1 "$(find "/proc/$(pgrep -x msb-watch)/fd" -lname '*inotify*' | wc -l)"
sed -i 's/8\.8\.8\.8/8.8.4.4/' agent.msb # writes another file, and renames it
becomes 2 "a file that is replaced"
contains "what changes is said" "$(cat "$WORK/watched.err")" '^- deny +egress@8\.8\.8\.8'
same "and not to the command's output" ready "$(cat "$WORK/watched.out")"
echo 'allow@1.1.1.1' >>agent.msb
becomes 3 "a file that is written to"
echo 'allow@no such rule' >>agent.msb
wait_for "$(patience 15)" grep -q 'agent.msb:4' "$WORK/watched.err"
contains "an error has its place" "$(cat "$WORK/watched.err")" 'agent\.msb:4:[0-9]+: error'
same "and the old policy is in force" 3 "$(generation)"
echo 'allow@9.9.9.9' >more.msb
printf 'default egress deny\ninclude "more.msb"\n' >agent.msb
becomes 4 "a file that includes another"
echo 'allow@9.9.9.10' >more.msb
becomes 5 "which changes"
touch agent.msb more.msb && echo x >unrelated
printf 'default egress deny\n' >agent.msb
becomes 6 "one more than before: what changes nothing is no reload"
mkdir one two linked
printf 'default egress deny\nallow@8.8.8.8\n' >one/agent.msb
printf 'default egress deny\nallow@8.8.4.4\n' >two/agent.msb
ln -s ../one linked/..data # as a ConfigMap has it
ln -s ..data/agent.msb linked/agent.msb
ln -sf linked/agent.msb agent.msb
becomes 7 "a file becomes a link"
ln -s ../two linked/..new
mv -T linked/..new linked/..data
becomes 8 "a link on the way that is led elsewhere"
echo 'allow@9.9.9.9' >>one/agent.msb
echo 'allow@9.9.9.9' >>two/agent.msb
becomes 9 "the file behind it, which is written to"
contains "what was wrong is an event, with its place" "$("$CTL" events watched)" 'reload-failed .*agent\.msb.*generation 3 stays: agent\.msb:4:'
try "who tells of one is answered as the schema says" sh -c 'printf "{\"version\":1,\"command\":\"reload\",\"because\":\"x\"}\n" |
	timeout 5 socat -t 3 - UNIX-CONNECT:/run/msb/watched/control |
	python3 -c "import json, jsonschema, sys; jsonschema.validate(json.load(sys.stdin), json.load(open(sys.argv[1])))" "$0"' \
	"$TESTS/../docs/control.schema.json"
rm -r two
wait_for "$(patience 15)" grep -q 'No such file' "$WORK/watched.err"
same "a file that is gone changes nothing" 9 "$(generation)"
mkdir two
printf 'default egress deny\n' >two/agent.msb
becomes 10 "it is back, in another directory of that name"
same "the process that watches has one capability" 4 "$(awk '/^CapPrm/ { sub(/^0*/, "", $2); print $2 }' "/proc/$(pgrep -x msb-watch)/status")"
kill "$sandbox_pid"
wait "$sandbox_pid"
same "it ends with the sandbox" "" "$(pgrep -x msb-watch)"
same "nothing is left" "" "$(leftovers)"
run_sandbox --watch -- true
contains "without a file there is nothing to watch" "$status $err" '^125 msb-run: error: --watch: there is no policy file'
finish
