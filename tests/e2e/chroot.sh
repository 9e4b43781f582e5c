#!/usr/bin/env bash
# In a root that is a plain directory no process can be jailed: that is said at once, with what to do, which does it.
. "$(dirname "$0")/lib.sh"
world_up
root=$WORK/root
mkdir -p "$root"/{usr,etc,proc,sys,dev,run,tmp,build}
for dir in bin sbin lib lib64; do ln -s "usr/$dir" "$root/$dir"; done
for dir in usr etc proc sys dev run; do mount --rbind "/$dir" "$root/$dir"; done
mount --bind "$BUILD" "$root/build"
leftovers_mark
run_chrooted() {
	timeout -s KILL 30 chroot "$root" /build/msb-run --vmm none --name rooted -- sh -c 'echo there' >"$WORK/out" 2>"$WORK/err" </dev/null
	status=$? out=$(<"$WORK/out") err=$(<"$WORK/err")
}
run_chrooted
contains "a root that is no mount point is named" "$status $err" '^125 msb-run: error: the root directory is no mount point, '
contains "and what to do" "$err" 'help: before the chroot: mount --rbind DIR DIR$'
same "nothing runs" "" "$out"
same "nothing is left" "" "$(leftovers)"
mount --rbind "$root" "$root"
run_chrooted
same "that done it runs" "0 there" "$status $out"
mount -t tmpfs -o ro none "$root/run"
run_chrooted
contains "a /run that cannot be written is named" "$status $err" '^125 msb-run: error: /run/msb: Read-only file system'
contains "and what a container needs" "$err" 'help: .*--tmpfs /run$'
umount "$root/run"
umount -l "$root"
umount -l "$root"/{build,usr,etc,proc,sys,dev,run}
finish
