#!/usr/bin/env bash
# What the process that starts msb-run must have: each capability it is without, and too few descriptors, are named, at once,
# and nothing is left behind.
. "$(dirname "$0")/lib.sh"
world_up
leftovers_mark

# run_without OPTIONS…: as run_sandbox, with setpriv's options; 124 where it does not end
run_without() {
	timeout -s KILL 20 setpriv "$@" "$BUILD/msb-run" --vmm "${vmm-none}" -p 8080:80 -- true >"$WORK/out" 2>"$WORK/err" </dev/null
	status=$? err=$(<"$WORK/err")
}
for cap in sys_admin net_admin net_bind_service setuid setgid setpcap kill; do
	run_without --bounding-set "-$cap"
	contains "without CAP_${cap^^}: it is named" "$status $err" "^125 msb-run: error: needs CAP_${cap^^}, to "
done
for cap in chown mknod net_raw sys_ptrace; do
	vmm=none run_without --bounding-set "-$cap"
	same "without CAP_${cap^^}, which only QEMU needs" "0 " "$status $err"
done
vmm=qemu run_without --bounding-set -mknod
contains "without CAP_MKNOD, for QEMU: it is named" "$status $err" '^125 msb-run: error: needs CAP_MKNOD, to '
timeout -s KILL 20 setpriv --bounding-set -net_raw "$BUILD/msb-run" --kernel /dev/null -- true 2>"$WORK/err" </dev/null
contains "without CAP_NET_RAW, for a guest with its own init: it is named" "$(<"$WORK/err")" '^msb-run: error: needs CAP_NET_RAW, to '
env -u SUDO_UID timeout -s KILL 20 setpriv --bounding-set -setfcap "$BUILD/msb-run" -v "$WORK:/mnt" -- true 2>"$WORK/err" </dev/null
contains "without CAP_SETFCAP, for a volume of root's: it is named" "$(<"$WORK/err")" '^msb-run: error: needs CAP_SETFCAP, to '
run_without --bounding-set -kill,-setuid
same "each of several is named" "2" "$(grep -cE 'needs CAP_(KILL|SETUID),' <<<"$err")"
(ulimit -n 256 && run_without --no-new-privs; echo "$status $err" >"$WORK/few")
contains "too few descriptors: how many it takes is said" "$(cat "$WORK/few")" \
	'^125 msb-run: error: too few descriptors: the hard limit of open files is 256, a sandbox needs 1024$'
(ulimit -n 1024 && run_without --no-new-privs; echo "$status" >"$WORK/enough")
same "so many suffice" 0 "$(tail -n 1 "$WORK/enough")"
(ulimit -Sn 16 && run_sandbox -p 8080:80 -p 8081:81/udp -- sh -c 'ulimit -Sn'; echo "$status $out$err" >"$WORK/soft")
same "a soft limit is raised as far as need be, and is the command's as it was" "0 16" "$(<"$WORK/soft")"
if wait_for 20 sh -c '! ip -br link | grep -q ^msb'; then same "nothing is left" "" "$(leftovers)"; else not_ok "nothing is left" "$(leftovers)"; fi
finish
