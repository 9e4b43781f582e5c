#!/usr/bin/env bash
# -v HOST:GUEST[:ro]: a directory of the host's in the guest, and nothing above it; with the caller's rights; without
# virtiofsd a copy to read; nothing of it left when the guest has ended.
# shellcheck disable=SC2016,SC2154 # scripts for the guest; $out, $err, $status are lib.sh's
. "$(dirname "$0")/lib.sh"
world_up
leftovers_mark
umask 022
if [ ! -x /usr/lib/qemu/virtiofsd ] && [ ! -x /usr/libexec/virtiofsd ]; then
	skip volumes "no virtiofsd"
	finish
fi

# --- read and write, through two mounts, and what is outside ---
mkdir -p "$WORK/share/sub" "$WORK/mine" "$WORK/roots"
echo hello >"$WORK/share/file"
echo "the host's secret" >"$WORK/secret"
ln -s ../secret "$WORK/share/link"
ln -s "$WORK/secret" "$WORK/share/sub/absolute"
mkfifo "$WORK/share/fifo"
run_vm --quiet -v "$WORK/share:/data" --volume "$WORK/share:/deep/er/ro:ro" -- sh -c '
	cat /data/file /deep/er/ro/file; cat /data/link /data/sub/absolute; ls /data/.. | grep -cx data; ls /data/../data/../
	echo new >/data/sub/new && mv /data/sub/new /data/moved && mkdir /data/made && echo done
	echo x >/deep/er/ro/x || echo read-only
	cp /bin/busybox /data/setid; chmod 4755 /data/setid; chmod 2755 /data/setid; chmod 755 /data/setid
	mknod /data/device b 7 0; echo "status $?"; head -c 3000000 /dev/urandom >/data/big; sha256sum /data/big | cut -c 1-64'
same "the guest reads it, by either mount" 2 "$(grep -c '^hello$' <<<"$out")"
lacks "no link leads to a file outside of it" "$out" secret
lacks "nor does .." "$out" "$(basename "$WORK")|roots"
contains "the guest writes to it" "$out" '^done$'
same "and the host sees that" new "$(cat "$WORK/share/moved")"
same "byte for byte" "$(sha256sum <"$WORK/share/big" | cut -c 1-64)" "$(tail -n 1 <<<"$out")"
contains ":ro is read only" "$out" '^read-only$'
same "what the guest writes is the directory's owner's, and nobody becomes setuid by it" "0 0 755" "$(stat -c '%u %g %a' "$WORK/share/setid")"
contains "no devices are made" "$out" '^status 1$'

# --- whose rights; the process that serves it ---
chown 12345:23456 "$WORK/mine" && chmod 700 "$WORK/mine"
chmod 700 "$WORK/roots"
mkfifo "$WORK/hold" && exec 3<>"$WORK/hold"
SUDO_UID=12345 SUDO_GID=23456 timeout 120 "$BUILD/msb-run" --quiet -v "$WORK/mine:/mine" -- \
	sh -c 'echo mine >/mine/file; stat -c %u /mine/file; echo up; cat' >"$WORK/out" 2>"$WORK/err" <"$WORK/hold" &
guest=$!
is_up() { grep -q '^up$' "$WORK/out"; }
try "under sudo a directory of the caller's" wait_for 60 is_up
same "what the guest's root makes is the caller's" "12345 23456" "$(stat -c '%u %g' "$WORK/mine/file")"
same "to the guest it is root's" 0 "$(head -n 1 "$WORK/out")"
daemon=$(pgrep -x virtiofsd)
field() { awk -v key="$1:" '$1 == key { print $2 }' "/proc/$daemon/status"; }
same "virtiofsd is the caller's" 12345 "$(field Uid)"
same "it gets no new privileges" 1 "$(field NoNewPrivs)"
for space in net mnt user ipc uts pid; do
	same "its own $space namespace" no "$([ "$(readlink "/proc/$daemon/ns/$space")" = "$(readlink /proc/self/ns/$space)" ] && echo yes || echo no)"
done
same "all that it sees is the directory" file "$(ls -A "/proc/$daemon/root/")"
contains "its user namespace holds the caller alone" "$(tr -s ' ' <"/proc/$daemon/uid_map")" '^ ?0 12345 1$'
kill -KILL "$daemon"
wait "$guest"
same "when it dies, the sandbox closes: status 125" 125 $?
contains "and says so" "$(cat "$WORK/err")" '^msb-run: error: virtiofsd.* is gone: the sandbox is closed$'
SUDO_UID=12345 SUDO_GID=23456 run_vm --quiet -v "$WORK/roots:/x" -- true
contains "a directory that the caller may not read is refused" "$status $(tr '\n' ' ' <<<"$err")" '^125 .*-v .*/roots:/x: Permission denied'

# refused NAME PATTERN: nothing ran, and a line of standard error says why
refused() { contains "$1" "$status $(tr '\n' ' ' <<<"$err")" "^125 .*$2"; }
run_vm --quiet -v "$WORK/nothing:/x" -- true
refused "a directory that is not there" '-v .*/nothing:/x: No such file or directory'
run_vm --quiet -v "$WORK/secret:/x" -- true
refused "a file" '-v .*/secret:/x: Not a directory'
run_vm --quiet -v "$WORK/share:/etc/passwd/x" -- true
refused "a place in the guest where no directory can be" 'cannot mount the volume at /etc/passwd/x: Not a directory'
for wrong in x /x: :/x /x:y /x:/ /x:/y:rx "/x:/y:ro:ro"; do
	run_sandbox -v "$wrong" -- true
	refused "-v $wrong" '--volume .*: HOST:GUEST'
done
run_vm -v /a:/x -v /b:/x/ -- true
refused "two at one place" 'there is one already at that place'
run_vm -v /a:/x --kernel /k -- true
refused "a guest with a kernel of its own" '--volume needs the default guest'

# --- with a root file system of one's own: places are looked up in it ---
mkdir -p "$WORK/root/bin" "$WORK/root/real"
cp /bin/busybox "$WORK/root/bin/" && ln -s busybox "$WORK/root/bin/sh" && ln -s /real "$WORK/root/linked"
run_vm --quiet --rootfs "$WORK/root" -v "$WORK/share:/linked/data" -- sh -c 'busybox cat /real/data/file'
same "a link of the guest's on the way is followed in the guest" hello "$out"

# --- without a VM ---
run_sandbox --quiet -v "$WORK/share:$WORK/mine" -v "$WORK/share:$WORK/roots:ro" -- \
	sh -c "cat $WORK/mine/file; echo x >$WORK/roots/x || echo read-only; echo none >$WORK/mine/none; umount $WORK/roots || echo kept"
contains "--vmm none: the directory is there" "$out" '^hello$'
contains "--vmm none: :ro is read only" "$out" '^read-only$'
contains "--vmm none: and stays it" "$out" '^kept$'
same "--vmm none: the host sees what is written" none "$(cat "$WORK/share/none")"
run_sandbox --quiet -v "$WORK/share:/nonexistent" -- true
refused "--vmm none: no place of the host's is made" '-v .*:/nonexistent: cannot mount it there: No such file'

# --- without virtiofsd ---
for program in /usr/lib/qemu/virtiofsd /usr/libexec/virtiofsd /usr/lib/virtiofsd; do
	[ ! -e "$program" ] || mount --bind /dev/null "$program"
done
run_vm --quiet --rootfs "$WORK/root" -v "$WORK/share:/data" -- sh -c 'busybox cat /data/file; echo x >/data/x || echo read-only; busybox cat /data/link'
contains "without virtiofsd: a copy" "$out" '^hello$'
contains "without virtiofsd: to read only" "$out" '^read-only$'
lacks "without virtiofsd: no link leads to a file outside of it" "$out" secret
contains "without virtiofsd: which is said" "$err" '-v .*:/data: no virtiofsd here, so the guest gets a copy, and only to read'
run_vm --quiet -v "$WORK/share:/data:ro" -- cat /data/file
same "without virtiofsd: :ro needs no words" "hello " "$out $(grep -v 'using TCG' <<<"$err")"
echo "root's" >"$WORK/mine/roots" && chmod 600 "$WORK/mine/roots" && chown 0:0 "$WORK/mine/roots"
SUDO_UID=12345 SUDO_GID=23456 run_vm --quiet -v "$WORK/mine:/mine:ro" -- cat /mine/roots
contains "without virtiofsd: what the caller cannot read is not packed for the guest" "$status" '^125$'
rm "$WORK/mine/roots"
SUDO_UID=12345 SUDO_GID=23456 run_vm --quiet -v "$WORK/mine:/mine:ro" -- cat /mine/file
same "without virtiofsd: what the caller can read is" mine "$out"
for program in /usr/lib/qemu/virtiofsd /usr/libexec/virtiofsd /usr/lib/virtiofsd; do
	[ ! -e "$program" ] || umount "$program"
done

nothing_left() { [ -z "$(leftovers)" ]; }
wait_for 3 nothing_left
same "nothing is left behind" "" "$(leftovers)"
finish
