#!/usr/bin/env bash
# Each process holds what it needs and no more: capabilities, uid, seccomp, no_new_privs, no core dump, nothing to trace it by;
# and the uids of two sandboxes differ.
. "$(dirname "$0")/lib.sh"
world_up

for name in one two; do start_sandbox $name --quiet --net-rule deny@evil.example:tcp:443 -- sleep 60; done
wait_for 40 sh -c 'test "$(pgrep -cx sleep)" -ge 2'
field() { awk -v key="$2:" '$1 == key { print $2 }' "/proc/$1/status"; }

# holds NAME PID CAPABILITIES: exactly these, for good
holds() {
	local name=$1 pid=$2
	same "$name: capabilities" "$3" "$(field "$pid" CapEff | sed 's/^0*//')"
	same "$name: it can get no others" "$3" "$(field "$pid" CapPrm | sed 's/^0*//')"
	same "$name: not by exec either" "" "$(field "$pid" CapBnd | sed "s/^0*//; s/^$3\$//")"
	same "$name: no new privileges" 1 "$(field "$pid" NoNewPrivs)"
}
# NET_ADMIN is bit 12, SYS_ADMIN 21, KILL 5, NET_BIND_SERVICE 10, SETGID 6, SETUID 7, SETPCAP 8
holds "the launcher" "$(pgrep -ox msb-run)" ""
holds "the table owner" "$(pgrep -ox msb-owner)" 1000
holds "the supervisor" "$(pgrep -ox msb-supervisor)" 2015e0

# jailed NAME PID: a worker that reads what strangers send
jailed() {
	local name=$1 pid=$2
	same "$name: no capability" "" "$(field "$pid" CapPrm | sed 's/^0*//')"
	same "$name: none by exec" "" "$(field "$pid" CapBnd | sed 's/^0*//')"
	same "$name: seccomp with a filter" 2 "$(field "$pid" Seccomp)"
	same "$name: no new privileges" 1 "$(field "$pid" NoNewPrivs)"
	same "$name: sees no files" "" "$(ls -A "/proc/$pid/root/" 2>&1)"
	same "$name: no environment" "" "$(tr -d '\0' <"/proc/$pid/environ" 2>&1)"
	if [ "$(field "$pid" Uid)" -gt 65535 ]; then ok "$name: a uid of its own"; else not_ok "$name: a uid of its own" "$(field "$pid" Uid)"; fi
}
jailed "the DNS worker" "$(pgrep -ox msb-dns)"
jailed "the relay" "$(pgrep -ox msb-relay)"
jailed "the relay of server names" "$(pgrep -ox msb-names)"
same "the DNS worker and the relays: three uids" 3 "$(for name in msb-dns msb-relay msb-names; do field "$(pgrep -ox $name)" Uid; done | sort -u | wc -l)"
same "the DNS workers of two sandboxes: two uids" 2 "$(for pid in $(pgrep -x msb-dns); do field "$pid" Uid; done | sort -u | wc -l)"

run_sandbox --quiet -- sh -c 'grep -E "CapEff|CapBnd" /proc/self/status'
for bit in 12 16 19 21; do # NET_ADMIN, SYS_MODULE, SYS_PTRACE, SYS_ADMIN
	same "the command: capability $bit is gone" "0 0" \
		"$(awk '{ print $2 }' <<<"$out" | while read -r set; do echo $((16#$set >> bit & 1)); done | tr '\n' ' ' | sed 's/ $//')"
done
run_sandbox --quiet --cap-net-admin -- sh -c 'grep CapEff /proc/self/status'
same "--cap-net-admin keeps NET_ADMIN" 1 "$((16#$(awk '{ print $2 }' <<<"$out") >> 12 & 1))"
run_sandbox --quiet --cap-net-admin -- ip link set eth0 mtu 1400
same "and it is of use inside" 0 "$status"
run_sandbox --quiet -- sh -c 'ls /proc | grep -c "^[0-9]*$"; cat /etc/resolv.conf; echo 1 >/proc/sys/kernel/core_uses_pid && echo tuned; ls /proc/1/fd'
contains "the command sees its own processes only" "$(head -n 1 <<<"$out")" '^[1-6]$'
contains "its resolver is the gateway" "$out" 'nameserver 172\.16\.0\.[0-9]+'
lacks "it cannot tune the host's kernel" "$out" tuned
same "a standard stream that is closed stays nobody's" /dev/null "$("$BUILD/msb-run" --vmm none --quiet -- readlink /proc/self/fd/0 <&-)"
finish
