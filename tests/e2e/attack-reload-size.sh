#!/usr/bin/env bash
# Policies of hundreds and thousands of rules, given to a sandbox that began with one: the DNS worker sorts and indexes them in its
# jail, where a system call that small policies do not need would be its end. usage: attack-reload-size.sh BUILD
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
world_up
CTL=$BUILD/msb-ctl

# rules COUNT FORMAT: a policy of as many, with their number in each
rules() { { echo "default egress deny" && seq "$1" | awk -v format="$2\n" '{ printf format, int($1 / 250), $1 % 250, $1 }'; } >"$WORK/policy.msb"; }
reload() {
	timeout 60 "$CTL" reload one "$WORK/policy.msb" >"$WORK/said" 2>&1
	contains "$1" "$? $(cat "$WORK/said")" '^0'
	same "and the sandbox runs" 0 "$("$CTL" status one >/dev/null 2>&1; echo $?)"
}

start_sandbox one --net-default deny --net-rule 'allow@8.8.8.8' -- sleep 300
wait_for 20 "$CTL" status one
rules 300 'allow@1.2.%d.%d:tcp:%d'
reload "300 addresses"
rules 3000 'allow@5.%d.%d.7:tcp:%d'
reload "3,000 addresses"
rules 3000 'allow@n%d-%d.example.com:tcp:%d'
reload "3,000 names"
rules 1000 'deny@*.n%d-%d.example.com:udp:%d'
reload "1,000 suffixes"
rules 500 'allow@1.%d.%d.0/24:tcp:1-%d'
reload "500 networks with ranges of ports"
same "nothing was said of a worker" "" "$(grep -v denied "$WORK/one.err")"
kill "$sandbox_pid"
wait "$sandbox_pid" 2>/dev/null
finish
