#!/usr/bin/env bash
# A directory as root file system is packed once: not again while nothing in it changes, at once when anything does; how far
# it is shows on a terminal; nothing half-made stays, and the cache is no one else's to write to.
# shellcheck disable=SC2016,SC2154 # scripts for the guest; $out, $err, $status are lib.sh's
# long
. "$(dirname "$0")/lib.sh"
world_up
CACHE=/var/cache/msb

# An mke2fs that counts, and takes its time where it is asked to
mkdir "$WORK/bin"
cat >"$WORK/bin/mke2fs" <<-EOF
	#!/bin/sh
	echo packed >>$WORK/packed
	[ ! -e $WORK/slow ] || sleep 1
	[ ! -e $WORK/meanwhile ] || echo changed >$WORK/tree/root/word
	exec $(command -v mke2fs).real "\$@"
EOF
chmod 755 "$WORK/bin/mke2fs"
real=$(command -v mke2fs)
mkdir "$WORK/upper" "$WORK/work"
cp "$real" "$WORK/real"
mount -t overlay -o "lowerdir=$(dirname "$real"),upperdir=$WORK/upper,workdir=$WORK/work" overlay "$(dirname "$real")"
cp "$WORK/real" "$real.real" && rm "$real" && cp "$WORK/bin/mke2fs" "$real"

mkdir -p "$WORK/tree"/{bin,root,etc}
cp /bin/busybox "$WORK/tree/bin/"
for applet in sh cat sync; do ln -s busybox "$WORK/tree/bin/$applet"; done
echo first >"$WORK/tree/root/word"

# guest [OPTION…]: $out is what the guest finds and leaves to no one
guest() { run_vm --quiet "$@" --rootfs "$WORK/tree" -- sh -c 'cat /root/word; echo overwritten >/root/word; sync'; }
# packed NAME COUNT: how often the directory has been packed since the last call
packed() {
	same "$1" "$2" "$(wc -l <"$WORK/packed")"
	: >"$WORK/packed"
}
: >"$WORK/packed"
guest
same "a directory" first "$out"
packed "is packed" 1
guest
same "and again: what a guest wrote is not in it" first "$out"
packed "nothing has changed: it is not packed again" 0
guest --repack
packed "--repack packs it again" 1
guest
same "what was packed again is found" first "$out"
packed "and is not packed a third time" 0

# changed WHAT COMMAND…: after it the directory is another one
changed() {
	local what=$1
	shift
	"$@"
	guest
	packed "$what: packed again" 1
}
same_size() { echo fIrst >"$WORK/tree/root/word" && touch -d '2020-01-01' "$WORK/tree/root/word"; }
touch -d '2020-01-01' "$WORK/tree/root/word"
guest && : >"$WORK/packed"
changed "other bytes, with the size and time of the old ones" same_size
same "the guest sees them" fIrst "$out"
changed "a mode" chmod 600 "$WORK/tree/root/word"
changed "a link's target" ln -sfn elsewhere "$WORK/tree/etc/link"
same "one entry for each, and no other file" 0 "$(find "$CACHE" -type f ! -name 'rootfs-*' | wc -l)"
same "root's alone" "700 600" "$(stat -c %a "$CACHE") $(find "$CACHE" -type f -printf '%m\n' | sort -u)"

# --- while it is packed ---
touch "$WORK/meanwhile"
rm -rf "$CACHE"
guest
rm "$WORK/meanwhile"
same "a directory that changes while it is packed is not kept" 0 "$(find "$CACHE" -type f 2>/dev/null | wc -l)"
guest --rootfs "$WORK/tree" && guest
same "the next run has what is in it now" changed "$out"
: >"$WORK/packed"
rm -rf "$CACHE"
for i in 1 2; do "$BUILD/msb-run" --quiet --rootfs "$WORK/tree" -- cat /root/word >"$WORK/both$i" 2>&1 </dev/null & pids[i]=$!; done
wait "${pids[@]}"
contains "two runs at once" "$(cat "$WORK/both1")" '^changed$'
contains "both find their files" "$(cat "$WORK/both2")" '^changed$'
same "and one entry is left" 1 "$(find "$CACHE" -type f | wc -l)"

# --- no room, no trust, too many ---
umount /var/cache && mount -t tmpfs -o size=1m tmpfs /var/cache
guest
same "a full disk: the guest runs" "0 changed" "$status $out"
contains "and it is said that nothing is kept" "$err" 'not kept in /var/cache/msb: No space left'
same "nothing half-made is left" 0 "$(find "$CACHE" -type f | wc -l)"
mount -o remount,size=1g /var/cache
chmod 777 "$CACHE"
guest
contains "a cache that others can write to is not used" "$err" 'not kept in /var/cache/msb: Operation not permitted'
chmod 700 "$CACHE"
for i in 1 2 3 4 5 6 7 8; do touch -d "2020-01-0$i" "$CACHE/rootfs-old$i"; done
guest
same "eight are kept" 8 "$(find "$CACHE" -type f | wc -l)"
same "the one that was used least recently goes" no "$([ -e "$CACHE/rootfs-old1" ] && echo yes || echo no)"

# --- progress ---
touch "$WORK/slow"
out=$(python3 "$TESTS/e2e/tools/terminal.py" "$BUILD/msb-run" --quiet --repack --rootfs "$WORK/tree" -- '# ' 'exit\r' 2>&1)
contains "on a terminal it shows how far it is" "$out" "packing $WORK/tree: +[0-9]+% of [0-9]+ MiB"
guest --repack
lacks "elsewhere it does not" "$err" packing
run_vm --quiet --repack --rootfs "$WORK/real" -- true
contains "--repack of an image is refused" "$status $err" '^125 .*no directory, so --repack'
finish
