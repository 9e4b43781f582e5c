#!/usr/bin/env bash
# A sandbox's cgroup: what it bounds, what is said of it, and that nothing of a sandbox outlives it, whoever is killed.
. "$(dirname "$0")/lib.sh"
world_up
CTL=$BUILD/msb-ctl
FS=/sys/fs/cgroup
parent=msbtest$MSB_TEST_WORLD
# usual ARG…: a sandbox with limits, below a cgroup of the test's
usual() { run_sandbox --quiet --cgroup-parent "$parent" "$@"; }

run_sandbox --name none --memory-max 64M -- true
contains "no cgroup is to be seen: a limit is refused" "$status $err" '^125 .*--memory-max: no cgroup is mounted that could bound it'
same "and nothing is left" "claims" "$(ls /run/msb)"
run_sandbox --name none --cgroup-parent msb.slice -- true
contains "so is a parent" "$status $err" '^125 .*--cgroup-parent: no cgroup of version 2 is mounted'
run_sandbox --quiet -- true
same "without either there is no word of it" "0 " "$status $err"
contains "doctor says so" "$("$CTL" doctor | grep ' cgroups ')" '^note .*memory not, cpu not, pids not; no version 2'

# --- what this machine has: version 1 of a controller, or version 2 ---
mount -t tmpfs tmpfs $FS
for kind in memory cpu cpuacct pids; do
	mkdir $FS/$kind
	mount -t cgroup -o $kind cgroup $FS/$kind 2>/dev/null || rmdir $FS/$kind
done
mkdir $FS/unified
mount -t cgroup2 cgroup2 $FS/unified || exit 3
# home KIND: where its limits are
home() { if [ -d $FS/"$1" ]; then echo $FS/"$1"; else echo $FS/unified; fi; }
ours() { find $FS -type d -name 'msb-*' | sort; }
clean() {
	local top
	for top in "$FS"/*; do rmdir "$top/$parent"/msb-* "$top/$parent" "$top/msb-foreign" 2>/dev/null; done
}
trap clean EXIT
for kind in memory cpu pids; do
	[ -d $FS/$kind ] || grep -qw $kind $FS/unified/cgroup.controllers || { skip "all" "no controller $kind"; finish; exit; }
done
contains "doctor says who has them" "$("$CTL" doctor | grep ' cgroups ')" '^ok .*memory v[12], cpu v[12], pids v[12]; a cgroup of version 2 ends'
before=$(ours)

# --- without any option: to end it ---
start_sandbox plain --quiet -- sleep 60
plain=$sandbox_pid
wait_for 20 pgrep -x sleep
path=$(cat /run/msb/plain/cgroups)
contains "one cgroup, of version 2" "$path" "^$FS/unified/.*msb-plain-[0-9a-f]{8}\$"
same "which has all but the launcher and the table owner" "msb-dns msb-init msb-relay msb-resolv msb-supervisor sleep" \
	"$(xargs -a "$path/cgroup.procs" -n1 sh -c 'cat /proc/$0/comm' | sort -u | tr '\n' ' ' | sed 's/ $//')"
sleep 1000 &
stray=$!
echo $stray >"$path/cgroup.procs"
kill $plain
wait $plain 2>/dev/null
wait $stray 2>/dev/null
same "its end kills whatever is in it, of the sandbox's pid namespace or not" 137 $?
same "and removes it" "$before" "$(ours)"

# --- limits ---
usual --pids-max 40 -- python3 "$TESTS/e2e/tools/fork_bomb.py"
same "pids: a fork bomb is stopped" "0 stopped True" "$status $out"
usual --memory-max 64M -- python3 -c 'print(len(bytearray(20 << 20)))'
same "memory: less than the limit is fine" "0 20971520 " "$status $out $err"
usual --name hog --memory-max 64M --events "$WORK/events" -- python3 -c 'bytearray(300 << 20)'
same "memory: who wants more is killed, and it is said" "137 msb-run: error: killed for memory: limit 64M (--memory-max)" "$status $err"
same "and an event says so" "1 67108864" "$(jq -r 'select(.kind == "oom") | "\(.killed) \(.memory_max)"' "$WORK/events")"
try "which is as the schema says" python3 "$TESTS/e2e/tools/events-valid.py" "$TESTS/../docs/events.schema.json" "$WORK/events"
usual --cpus-max 0.25 -- python3 -c '
import time
start, before = time.monotonic(), time.process_time()
while time.monotonic() - start < 3:
    pass
print((time.process_time() - before) / 3 < 0.35)'
same "cpu: a quarter of a processor is no more" "True" "$out"
run_vm --quiet --name vm --memory 128M --cgroup-parent "$parent" --memory-max 400M --pids-max 100 -- sh -c 'head -c 40000000 /dev/zero | tr "\0" x | wc -c; sleep 5' &
vm=$!
wait_for "$(patience 100)" grep -q 40000000 "$WORK/out"
check "a VM that keeps to them runs" $? "$(cat "$WORK/out" "$WORK/err")"
qemu=$(pgrep -x qemu-system-x86 | head -n 1)
same "QEMU is in it" "$(home memory)/$parent/" "$(head -n 1 /run/msb/vm/cgroups | sed 's/msb-vm.*//')$(grep -qx "$qemu" "$(head -n 1 /run/msb/vm/cgroups)/cgroup.procs" || echo not in it)"
same "and not spared" "$(cat /proc/self/oom_score_adj)" "$(cat "/proc/$qemu/oom_score_adj")"
wait $vm
same "nothing is left of these" "$before" "$(ours)"

# --- what is told ---
start_sandbox told --quiet --cgroup-parent "$parent" --memory-max 96M --cpus-max 1.5 --pids-max 50 -- sh -c "python3 -c 'bytearray(300 << 20)'; sleep 60"
told=$sandbox_pid
wait_for 20 grep -q 'killed for memory' "$WORK/told.err"
check "one of several is killed: it is said at once" $? "$(cat "$WORK/told.err")"
scores() { xargs -a "$1/cgroup.procs" -n1 sh -c 'echo "$(cat /proc/$0/comm) $(cat /proc/$0/oom_score_adj)"' | sort -u | tr '\n' ' '; }
given=$(cat /proc/self/oom_score_adj)
spared=$( (echo -1000 >/proc/self/oom_score_adj) 2>/dev/null && echo -1000 || echo "$given") # takes CAP_SYS_RESOURCE
same "what serves it is spared where that can be, the command is not" \
	"msb-dns $spared msb-init $spared msb-relay $spared msb-resolv $spared msb-supervisor $spared sh $given sleep $given " \
	"$(scores "$(head -n 1 /run/msb/told/cgroups)")"
status=$("$CTL" status told)
contains "status: memory" "$status" '^memory +[0-9.]+[KM] of 96M, 1 killed for memory$'
contains "status: cpu" "$status" '^cpu +[0-9.]+ s, at most 1\.5 at once$'
contains "status: processes" "$status" '^processes +[0-9]+ of 50$'
contains "stats has the same" "$("$CTL" stats told)" '^processes +[0-9]+ of 50$'
for command in status stats; do
	"$CTL" $command told --format json >"$WORK/$command.json"
	same "$command: JSON" "100663296 1.5 50 1 true" \
		"$(jq -r '.cgroup | "\(.memory.most) \(.cpus.most) \(.pids.most) \(.oom_kills) \(.memory.used > 0 and .cpus.used > 0 and .pids.used > 4)"' "$WORK/$command.json")"
	try "$command: JSON is as the schema says" python3 -c 'import json, jsonschema, sys
jsonschema.validate(json.load(open(sys.argv[2])), json.load(open(sys.argv[1])))' "$TESTS/../docs/control.schema.json" "$WORK/$command.json"
done
metrics=$("$CTL" stats told --format prometheus)
for line in 'memory_limit_bytes{sandbox="told"} 100663296' 'cpu_limit{sandbox="told"} 1.500' 'pids_limit{sandbox="told"} 50' 'oom_kills_total{sandbox="told"} 1'; do
	contains "metrics: ${line%%\{*}" "$metrics" "^msb_$line\$"
done
contains "events as text" "$("$CTL" events told)" ' oom +1 process killed for memory: limit 96M$'

# --- whoever is killed, nothing is left ---
kill -KILL "$(pgrep -P $told -x msb-supervisor)"
wait $told 2>/dev/null
same "the supervisor: the cgroups are gone" "$before" "$(ours)"
start_sandbox gone --quiet --cgroup-parent "$parent" --pids-max 50 -- sh -c 'sleep 61 & sleep 61'
wait_for 20 pgrep -x sleep
kill -KILL "$sandbox_pid"
wait "$sandbox_pid" 2>/dev/null
others() { ps -e -o comm= | grep -E '^(msb-.*|sleep)$'; }
no_others() { ! others; }
wait_for 10 no_others
same "the launcher: the processes are" "" "$(others)"
same "the launcher: and the cgroups" "$before" "$(ours)"

# all_killed NAME: launcher, table owner and supervisor of a new sandbox at once, with something left in its cgroup
all_killed() {
	local processes
	start_sandbox "$1" --quiet --cgroup-parent "$parent" --pids-max 50 -- sleep 61
	wait_for "$(patience 20)" pgrep -fx 'sleep 61'
	sleep 1000 &
	stray=$!
	echo $stray >"$(grep unified "/run/msb/$1/cgroups")/cgroup.procs"
	processes="$sandbox_pid $(pgrep -P "$sandbox_pid" -x msb-supervisor) $(pgrep -P "$sandbox_pid" -x msb-owner)"
	# shellcheck disable=SC2086
	kill -STOP $processes
	# shellcheck disable=SC2086
	kill -KILL $processes
	wait "$sandbox_pid" 2>/dev/null
	wait_for 10 sh -c "! pgrep -fx 'sleep 61'"
}
start_sandbox lives --quiet --cgroup-parent "$parent" --pids-max 50 -- sleep 600
lives=$sandbox_pid
wait_for "$(patience 20)" pgrep -fx 'sleep 600'
living=$(ours)
mkdir $FS/unified/msb-foreign
all_killed dead
left=$(grep unified /run/msb/dead/cgroups)
contains "all three: doctor names what is left" "$("$CTL" doctor)" "cgroup $left of a dead sandbox"
contains "a dry run, too" "$("$CTL" gc --dry-run)" "^found +cgroup $left\$"
try "and lets it be" test -d "$left"
contains "gc removes it" "$("$CTL" gc)" "^removed +cgroup $left\$"
wait $stray 2>/dev/null
same "with what was in it" 137 $?
same "and nothing else" "$(printf '%s\n' "$living" $FS/unified/msb-foreign | sort)" "$(ours)"
rmdir $FS/unified/msb-foreign
all_killed dead
usual --name dead -- true
same "or the next of that name does" "0 $living" "$status $(ours)"
# a note is believed in nothing but cgroups of ours
mkdir -p /run/msb/odd "$WORK/msb-directory" "$FS/unified/$parent/others"
printf '%s\n' "$WORK/msb-directory" "$FS/unified/$parent/others" relative >/run/msb/odd/cgroups
"$CTL" gc >"$WORK/out"
same "a note of anything else removes nothing but itself" "removed  run directory odd" "$(cat "$WORK/out")"
try "neither a directory" test -d "$WORK/msb-directory"
try "nor somebody's cgroup" test -d "$FS/unified/$parent/others"
rmdir "$FS/unified/$parent/others"
kill $lives
wait $lives 2>/dev/null

# --- places ---
usual --cgroup-parent "/$parent/a/b/" --pids-max 50 -- true
same "a parent is made, with those above it" "0 yes" "$status $([ -d "$(home pids)/$parent/a/b" ] && echo yes)"
for top in "$FS"/*; do rmdir "$top/$parent/a/b" "$top/$parent/a" 2>/dev/null; done
usual --memory-max 1G --pids-max 40 --cpus-max 2 -- sh -c 'cat /proc/self/cgroup'
contains "the command is in it" "$out" "^[0-9]+:[a-z,]*:/$parent/msb-sandbox-"
if [ -d $FS/pids ]; then
	umount $FS/unified
	usual --pids-max 50 -- sh -c 'cat /proc/self/cgroup'
	contains "version 1 alone: the limit is there" "$status $(tr '\n' ' ' <<<"$out")" "^0 .*:pids:/$parent/msb-sandbox-"
	same "version 1 alone: without one nothing is made" "0 " "$(run_sandbox --quiet -- true; echo "$status $err")"
	mount -t cgroup2 cgroup2 $FS/unified
	umount $FS/pids
	usual --pids-max 50 -- true
	contains "a controller that is nowhere: what to do is said" "$status $(tr '\n' ' ' <<<"$err")" '^125 .*--pids-max: cannot use .*/unified: it has no such controller.*help:.*Delegate=yes'
	mount -t cgroup -o pids cgroup $FS/pids
fi
for top in "$FS"/*; do mount -o remount,bind,ro "$top"; done
same "nothing is left" "$before" "$(ours)"
usual --pids-max 50 -- true
contains "read-only: a limit is refused, and where" "$status $err" "^125 .*--pids-max: cannot (make|use) $(home pids)/.*: Read-only file system"
run_sandbox --quiet -- true
same "read-only: without one there is no word of it" "0 " "$status $err"
contains "read-only: doctor says so" "$("$CTL" doctor)" "$FS/.*: mounted read-only"
for top in "$FS"/*; do mount -o remount,bind,rw "$top"; done

# --- options ---
for wrong in '--memory-max 1M' '--memory-max much' '--cpus-max 0' '--cpus-max 0.001' '--cpus-max 1.' '--cpus-max -1' '--pids-max 3' '--pids-max 1e3' \
	'--cgroup-parent ..' '--cgroup-parent a/../b' '--cgroup-parent /' '--cgroup-parent a//b' '--cgroup-parent /sys/fs/cgroup/a'; do
	# shellcheck disable=SC2086
	run_sandbox $wrong -- true
	contains "refused: $wrong" "$status $err" "^125 msb-run: error: $wrong: "
done
timeout 20 "$BUILD/msb-run" --memory 256M --memory-max 200M -- true 2>"$WORK/err" </dev/null
contains "less than the VM itself has is refused" "$(cat "$WORK/err")" '--memory-max 200M: the VM alone has --memory 256M'
finish
