#!/usr/bin/env bash
# What the command finds, as `docker run` would have it: its environment, its directory; habits from there that are not needed;
# events on standard output; the guest's console.
# shellcheck disable=SC2016,SC2154 # scripts for the guest; $out, $err, $status are lib.sh's
. "$(dirname "$0")/lib.sh"
world_up
cd "$WORK" || exit 3

# --- environment and directory, in a VM and without one ---
export MSB_OWN='its own' MSB_REPLACED=old
run_vm --quiet -e MSB_OWN -e MSB_UNSET --env 'MSB_REPLACED=a  b'$'\n''c=d' -e MSB_TWICE=1 -eMSB_TWICE=2 -e HOME=/tmp -e EMPTY= \
	-w /srv/made/deep -- sh -c 'pwd; env | sort; echo "<$MSB_REPLACED>"; for v in "${MSB_UNSET-unset}"; do echo "$v"; done'
same "a VM: --workdir is made, and where the command starts" /srv/made/deep "$(head -n 1 <<<"$out")"
contains "a VM: a variable of the caller's" "$out" '^MSB_OWN=its own$'
contains "a VM: a variable with a value, byte for byte" "$(tr '\n' '@' <<<"$out")" '@<a  b@c=d>@'
contains "a VM: the last one stays" "$out" '^MSB_TWICE=2$'
same "a VM: and is the only one" 1 "$(grep -c '^MSB_TWICE' <<<"$out")"
contains "a VM: what is there anyway can be replaced" "$out" '^HOME=/tmp$'
contains "a VM: an empty one is set" "$out" '^EMPTY=$'
contains "a VM: one that the caller has not is left out" "$out" '^unset$'
contains "a VM: the path is still there" "$out" '^PATH=/usr/local/sbin:'
lacks "a VM: nothing else of the caller's environment" "$out" '^(WORK|MSB_TEST_WORLD)='

run_sandbox --quiet -e 'MSB_REPLACED=a  b' -w /usr/bin -- sh -c 'pwd; echo "$MSB_REPLACED"'
same "--vmm none: --workdir and --env" $'/usr/bin\na  b' "$out"
run_sandbox --quiet -w /nonexistent/dir -- pwd
same "--vmm none: no directory of the host's is made: status 125" 125 "$status"
contains "--vmm none: and it says so" "$err" '^msb-run: error: --workdir /nonexistent/dir: No such file'
same "--vmm none: nor is it there" no "$([ -e /nonexistent ] && echo yes || echo no)"
run_vm --quiet -w /etc/passwd/x -- pwd
same "a VM: a --workdir that cannot be made: status 125" 125 "$status"
contains "a VM: and it says so" "$err" '^msb-run: error: --workdir /etc/passwd/x: Not a directory'

# wrong WHAT PATTERN ARG…: refused before anything starts
wrong() {
	local what=$1 pattern=$2
	shift 2
	run_sandbox "$@" -- true
	contains "$what is refused" "$status $(tr '\n' ' ' <<<"$err")" "^125 .*$pattern"
}
wrong "a relative --workdir" '--workdir tmp: an absolute path' -w tmp
wrong "a variable without a name" '--env =x: NAME=VALUE' -e =x
wrong "-it" 'leave it out, and -it' -it
wrong "-i" 'leave it out, and -it' -i
wrong "--tty" '--tty: leave it out' --tty
wrong "--rm" '--rm: leave it out' --rm
wrong "an unknown letter among others" '-Z: no such option' -qZ
wrong "--verbose without a VM" '--verbose means nothing with --vmm none' --verbose

# --- events on standard output ---
run_sandbox --quiet --net-default deny --events - -- sh -c "$PROBE tcp 10.0.0.5 443; echo the command"
contains "--events -: a line of JSON on standard output" "$out" '^\{.*"flow":"egress@10\.0\.0\.5:tcp:443".*\}$'
contains "--events -: beside what the command prints" "$out" '^the command$'
same "--events -: no file of that name" no "$([ -e ./- ] && echo yes || echo no)"
# A reader that takes nothing: the pipe fills, and the sandbox goes on
mkfifo "$WORK/pipe"
sleep 60 <"$WORK/pipe" &
reader=$!
timeout 60 "$BUILD/msb-run" --vmm none --quiet --net-default deny --events - -- \
	sh -c "for i in \$(seq 600); do $PROBE tcp 10.0.\$((i / 250)).\$((i % 250)) 443; done >/dev/null; exit 6" \
	>"$WORK/pipe" 2>"$WORK/err" </dev/null
same "--events -: a reader that does not read holds up nothing" 6 $?
kill "$reader"

# --- the console ---
run_vm --quiet --verbose -- true
contains "--verbose shows the guest's kernel" "$err" '^msb-run: guest console: \[ +[0-9.]+\] Linux version [0-9]'
same "--verbose: the command's status" 0 "$status"
run_vm --quiet -- true
lacks "without it the console is silent" "$err" 'guest console'
finish
