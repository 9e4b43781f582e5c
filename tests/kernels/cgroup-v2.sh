#!/usr/bin/env bash
# Limits by cgroups of version 2 alone: at the root, in a cgroup that was delegated, and in one that others are in. Run by
# tests/e2e/host-*.sh, since this machine's own controllers may be version 1's. usage: tests/kernels/cgroup-v2.sh BUILD
# shellcheck disable=SC2154 # $sandbox_pid and $out are lib.sh's
. "$(dirname "$0")/../e2e/lib.sh"
sysctl -qw net.ipv6.conf.all.forwarding=1 # kernels before 6.17 forward IPv6 for all links or for none
world_up
CTL=$BUILD/msb-ctl
FS=/sys/fs/cgroup
mount -t cgroup2 cgroup2 $FS
if [ "$(grep -owE 'cpu|memory|pids' $FS/cgroup.controllers | wc -l)" != 3 ]; then
	skip everything "version 2 has not all of cpu, memory, pids here"
	finish
fi
ours() { find $FS -type d -name 'msb-*' | sort; }
# in_unit ARG…: msb-run as the main process of a unit, in the cgroup of that name
in_unit() {
	timeout 120 sh -c "echo \$\$ >$FS/unit/cgroup.procs && exec \"\$@\"" sh "$BUILD/msb-run" --vmm none --quiet "$@" >"$WORK/out" 2>"$WORK/err" </dev/null
	status=$? out=$(cat "$WORK/out") err=$(cat "$WORK/err")
}
fork_bomb=$TESTS/e2e/tools/fork_bomb.py

contains "doctor: version 2 has them all" "$("$CTL" doctor | grep ' cgroups ')" '^ok .*memory v2, cpu v2, pids v2; a cgroup of version 2 ends'
run_sandbox --quiet --pids-max 40 -- python3 "$fork_bomb"
same "pids: a fork bomb is stopped" "0 stopped True" "$status $out"
run_sandbox --quiet --memory-max 64M -- python3 -c 'bytearray(300 << 20)'
same "memory: who wants more is killed, and it is said" "137 msb-run: error: killed for memory: limit 64M (--memory-max)" "$status $err"
# the set-up is bounded, too, and under emulation that takes its time
timeout 200 "$BUILD/msb-run" --vmm none --quiet --cpus-max 0.5 -- python3 -c '
import time
start, before = time.monotonic(), time.process_time()
while time.monotonic() - start < 4:
    pass
print((time.process_time() - before) / 4 < 0.65)' >"$WORK/out" 2>"$WORK/err" </dev/null
same "cpu: half a processor is no more" True "$(cat "$WORK/out" "$WORK/err")"
same "nothing is left" "" "$(ours)"

# --- a unit with Delegate=yes: a cgroup of its own, below which controllers may be handed on ---
echo '+memory +cpu +pids' >$FS/cgroup.subtree_control
mkdir $FS/unit
in_unit --pids-max 40 -- python3 "$fork_bomb"
same "delegated: pids" "0 stopped True" "$status $out"
same "delegated: nothing is left, and nothing is handed on any more" "" "$(ours)$(cat $FS/unit/cgroup.subtree_control)"
in_unit --memory-max 64M -- python3 -c 'bytearray(300 << 20)'
same "delegated: memory" "137 msb-run: error: killed for memory: limit 64M (--memory-max)" "$status $err"

in_unit --name told --memory-max 200M --pids-max 60 -- sleep 600 &
waiter=$!
wait_for 60 pgrep -x sleep
same "delegated: no process is left beside those below" "" "$(cat $FS/unit/cgroup.procs)"
comms() { xargs -a "$1/cgroup.procs" -n1 sh -c 'cat /proc/$0/comm' | sort | tr '\n' ' '; }
same "the launcher and the table owner are in a leaf" "msb-owner msb-run " "$(comms $FS/unit/msb-told-*-run)"
score() { cat "/proc/$(pgrep -x "$1")/oom_score_adj"; }
same "the supervisor is not killed for memory, the command may be" "-1000 0" "$(score msb-supervisor) $(score sleep)"
contains "status tells of it" "$("$CTL" status told)" '^processes +[0-9]+ of 60$'
kill -KILL "$(pgrep -x msb-run)"
wait $waiter 2>/dev/null
no_owner() { ! pgrep -x msb-owner; }
wait_for 60 no_owner
leaf=$(ours)
contains "the launcher killed: its leaf alone is left" "$leaf" "^$FS/unit/msb-told-[0-9a-f]{8}-run\$"
contains "gc removes that" "$("$CTL" gc)" "^removed +cgroup $leaf\$"
same "nothing is left" "" "$(ours)"
echo '-memory -pids' >$FS/unit/cgroup.subtree_control

sleep 600 &
other=$!
echo $other >$FS/unit/cgroup.procs
in_unit --pids-max 40 -- true
contains "others are in it: refused, and why" "$status $(tr '\n' ' ' <<<"$err")" "^125 .*--pids-max: cannot use $FS/unit: Device or resource busy.*it holds other processes"
same "nothing is left" "" "$(ours)"
in_unit -- sh -c 'cat /proc/self/cgroup'
contains "without a limit a cgroup beside them will do" "$status $out" '^0 0::/unit/msb-sandbox-'
in_unit --cgroup-parent msb.slice --pids-max 40 -- sh -c 'cat /proc/self/cgroup'
contains "and with one elsewhere" "$status $out" '^0 0::/msb.slice/msb-sandbox-'
kill $other
wait $other 2>/dev/null
finish
