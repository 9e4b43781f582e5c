#!/usr/bin/env bash
# Threat uid-collision: two sandboxes share uids. What two sandboxes never share: uids, whatever their pools are, and a name. Claims end with
# the sandbox, however it ends, and what could hold them up is reported.
. "$(dirname "$0")/lib.sh"
host_up
pids=()
# running NAME ARG…: in the background, until its command runs
running() {
	local name=$1
	shift
	start_sandbox "$name" --quiet "$@" -- sh -c "touch $WORK/$name.up; exec sleep 60"
	pids+=("$sandbox_pid")
	wait_for "$(patience 20)" test -e "$WORK/$name.up" || cat "$WORK/$name.err" >&2
	rm -f "$WORK/$name.up"
}
uids() { ps -eo uid= | awk '$1 > 65535' | sort; }

# Pools whose subnets end in the same bits, and an odd one
running one --net-ipv4-pool 10.0.0.0/16
running two --net-ipv4-pool 10.16.0.0/16
running three --net-ipv4-pool 10.32.0.0/16
running four --net-ipv4-pool 192.168.64.0/24
same "four sandboxes of four pools run" 4 "$(pgrep -cx sleep)"
same "each worker has a uid" 8 "$(uids | wc -l)"
same "no two the same one" 8 "$(uids | uniq | wc -l)"

run_sandbox --name one -- true
same "a second sandbox called one: refused" 125 "$status"
contains "and told so" "$err" 'a sandbox called `one` is running'
same "nothing of it is left" 4 "$(ip -br link | grep -c ^msb)"

kill -KILL "${pids[0]}"
wait "${pids[0]}" 2>/dev/null
wait_for "$(patience 5)" sh -c '[ "$(pgrep -cx msb-owner)" = 3 ]'
running one
same "a name is free again once its sandbox was killed" 4 "$(pgrep -cx sleep)"
for pid in "${pids[@]:1}"; do kill "$pid"; done
wait

# Twenty at once with one name: one of them gets it
for i in $(seq 20); do
	"$BUILD/msb-run" --vmm none --quiet --name same -- sh -c "echo ran >>$WORK/ran; until [ -e $WORK/over ]; do sleep 0.05; done" 2>"$WORK/same.$i" &
done
refused() { [ "$(grep -l 'is running' "$WORK"/same.* | wc -l)" = 19 ]; }
wait_for "$(patience 20)" refused
same "of twenty with one name nineteen are refused" 19 "$(grep -l 'is running' "$WORK"/same.* | wc -l)"
wait_for "$(patience 20)" test -s "$WORK/ran"
touch "$WORK/over"
wait
same "and one runs" 1 "$(wc -l <"$WORK/ran")"

# What is there instead of the directory
rm -rf /run/msb && ln -s "$WORK" /run/msb
run_sandbox -- true
same "a link in its place: refused" 125 "$status"
contains "by name" "$err" '/run/msb: '
rm /run/msb && mkdir -m 755 /run/msb && chown 1000 /run/msb
run_sandbox -- true
same "somebody else's directory: refused" 125 "$status"
contains "and what to do" "$err" 'remove it'
rmdir /run/msb
for full in nr_inodes=1 ro; do
	mkdir -p /run/msb && mount -t tmpfs -o "mode=700,$full" tmpfs /run/msb
	run_sandbox -- true
	same "a directory that holds no more ($full): refused" 125 "$status"
	contains "$full: by the file's name" "$err" '/run/msb/claims: '
	umount /run/msb
done
rmdir /run/msb
run_sandbox -- true
same "and fine again afterwards" 0 "$status"
finish
