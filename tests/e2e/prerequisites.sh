#!/usr/bin/env bash
# What the process that starts msb-run must have: each capability, system call and device that it is without, and too few
# descriptors, are named, at once, and nothing is left behind.
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
mkdir "$WORK/root"
echo 'allow@example.com:tcp:80' >"$WORK/policy.msb"
for words in "dac_read_search --vmm qemu --rootfs $WORK/root" "dac_read_search --vmm none --policy $WORK/policy.msb --watch" \
	"dac_override --vmm none --learn $WORK/learnt.msb"; do
	read -r cap words <<<"$words"
	# shellcheck disable=SC2086 # a word each
	timeout -s KILL 20 setpriv --bounding-set "-$cap" "$BUILD/msb-run" $words -- true 2>"$WORK/err" </dev/null
	contains "without CAP_${cap^^}, for --${words##* --}: it is named" "$? $(<"$WORK/err")" "^(125 )?msb-run: error: needs CAP_${cap^^}, to "
done
run_without --bounding-set -kill,-setuid
same "each of several is named" "2" "$(grep -cE 'needs CAP_(KILL|SETUID),' <<<"$err")"

# --- what a container may lack though its capabilities are there ---
# run_refused CALL ERROR ARG…: as run_sandbox, with a system call that fails as where a filter or AppArmor refuses it
run_refused() {
	timeout -s KILL 20 strace -qq -o /dev/null -e "trace=$1" -e "inject=$1:error=$2" "$BUILD/msb-run" "${@:3}" -- true 2>"$WORK/err" </dev/null
	status=$? err=$(<"$WORK/err")
}
run_refused pivot_root EPERM --vmm none
contains "a filter without pivot_root: it is named" "$status $err" '^125 msb-run: error: needs pivot_root\(2\), to '
contains "with what to do" "$err" '^  help: of a container: --security-opt seccomp=unconfined'
run_refused chroot EPERM -v "$WORK:/mnt"
contains "without chroot, for a volume: it is named" "$status $err" '^125 msb-run: error: needs chroot\(2\), to serve a volume'
timeout -s KILL 20 unshare --user --map-root-user "$BUILD/msb-run" -- true 2>"$WORK/err" </dev/null
contains "in a user namespace, QEMU: that is said" "$? $(<"$WORK/err")" '^125 msb-run: error: root here is root of a user namespace alone'
timeout -s KILL 20 unshare --user --map-root-user "$BUILD/msb-run" --vmm none -- true 2>"$WORK/err" </dev/null
contains "in one without the ids of workers: these are named" "$? $(<"$WORK/err")" \
	'^125 msb-run: error: needs users and groups 1836056576 to 1837105151, which this user namespace does not map'
same "without what has been begun" 1 "$(grep -c error: "$WORK/err")"
mount -t tmpfs tmpfs /dev/net
timeout -s KILL 20 "$BUILD/msb-run" -- true 2>"$WORK/err" </dev/null
contains "without /dev/net/tun: it is named" "$? $(<"$WORK/err")" '^125 msb-run: error: needs /dev/net/tun, to .*: No such file or directory$'
run_sandbox -- true
same "which only QEMU needs" "0 " "$status $err"
umount /dev/net
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
run_sandbox -- sh -c 'cat /proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv4/ip_forward'
contains "/proc/sys read-only, as in a container: a sandbox starts" "$out$err" '^0.*Read-only file system$'
contains "it stays read-only outside" "$(findmnt -no OPTIONS /proc/sys | tail -n 1)" '^ro,'
run_refused mount EACCES --vmm none
contains "where it cannot be mounted otherwise: that is said" "$status $err" '^125 msb-run: error: /proc/sys is read-only, .*: Permission denied$'
umount /proc/sys

ip netns add bare
nsenter --net=/run/netns/bare -- timeout -s KILL 20 "$BUILD/msb-run" --vmm none -- true >"$WORK/err" 2>&1 </dev/null
same "where loopback is down: that is said, and what to do" \
	"125 msb-run: error: cannot claim a subnet: loopback is down in this network namespace, so the kernel takes no route help: ip link set lo up" \
	"$? $(xargs <"$WORK/err")"
ip netns delete bare

(ulimit -n 256 && run_without --no-new-privs; echo "$status $err" >"$WORK/few")
contains "too few descriptors: how many it takes is said" "$(cat "$WORK/few")" \
	'^125 msb-run: error: too few descriptors: the hard limit of open files is 256, a sandbox needs 1024$'
(ulimit -n 1024 && run_without --no-new-privs; echo "$status" >"$WORK/enough")
same "so many suffice" 0 "$(tail -n 1 "$WORK/enough")"
(ulimit -Sn 16 && run_sandbox -p 8080:80 -p 8081:81/udp -- sh -c 'ulimit -Sn'; echo "$status $out$err" >"$WORK/soft")
same "a soft limit is raised as far as need be, and is the command's as it was" "0 16" "$(<"$WORK/soft")"
if wait_for 20 sh -c '! ip -br link | grep -q ^msb'; then same "nothing is left" "" "$(leftovers)"; else not_ok "nothing is left" "$(leftovers)"; fi
finish
