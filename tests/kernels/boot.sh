#!/usr/bin/env bash
# Runs a command under another kernel: this machine's files, with what it writes kept in memory and forgotten, two processors, no network
# but its own. Prints what the command prints and ends with its exit status. usage: tests/kernels/boot.sh KERNEL COMMAND…
# KERNEL is a directory that fetch.sh made. SECONDS_MOST: how long it may take, 600 if not set. Status 3: it did not get there.
set -u
. "$(dirname "$0")/machine.sh"
kernel=$(realpath "${1:?usage: tests/kernels/boot.sh KERNEL COMMAND…}")
shift
work=$(mktemp -d /tmp/msb-kernel.XXXXXX) || exit 3
fs='' qemu=''
finish() {
	[ -z "$qemu" ] || kill -KILL "$qemu" 2>/dev/null
	[ -z "$fs" ] || kill "$fs" 2>/dev/null
	wait
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

virtiofsd=$(command -v /usr/libexec/virtiofsd /usr/lib/qemu/virtiofsd | head -n 1)
[ -n "$virtiofsd" ] || { echo "boot.sh: no virtiofsd (make deps)" >&2; exit 3; }
printf 'cd %q\nexport PATH=%q HOME=/root LANG=C\n' "$PWD" "$PATH" >"$work/command"
env | sed -n 's/^\(MSB_[A-Z_]*\|KERNEL_[A-Z]*\)=/\1 /p' | while read -r name value; do printf 'export %s=%q\n' "$name" "$value"; done >>"$work/command"
printf '%q ' "$@" >>"$work/command"
echo >>"$work/command"

append="console=ttyS0 quiet panic=-1 reboot=t mitigations=off $(machine_clocks)
msb.kernel=$kernel msb.command=$work/command"

# start: virtiofsd serves one machine, and ends with it. A processor with cmpxchg16b makes TCG's 6.12 fault twice.
start() {
	rm -f "$work/fs" "$work/console"
	"$virtiofsd" --socket-path="$work/fs" -o source=/ -o cache=always -o sandbox=chroot -o xattr --thread-pool-size=2 >"$work/fs.log" 2>&1 &
	fs=$!
	for _ in {1..200}; do [ -S "$work/fs" ] && break; sleep 0.02; done
	qemu-system-x86_64 -nodefaults -no-user-config -no-reboot -display none -M microvm,accel=tcg,memory-backend=ram -cpu max,-cx16 \
		-m 2048M -smp 2 -object memory-backend-memfd,id=ram,size=2048M,share=on -global virtio-mmio.force-legacy=false \
		-kernel "$kernel/vmlinuz" -initrd "$kernel/initrd" -append "${append//$'\n'/ }" -serial "file:$work/console" \
		-chardev "socket,id=fs,path=$work/fs" -device vhost-user-fs-device,chardev=fs,tag=root \
		</dev/null >"$work/qemu.log" 2>&1 &
	qemu=$!
}
stop() {
	kill -KILL "$qemu" 2>/dev/null
	wait "$qemu" "$fs" 2>/dev/null
	qemu='' fs=''
}
machine_up || { echo "boot.sh: the kernel does not start" >&2; cat "$work/console" "$work/qemu.log" "$work/fs.log" >&2; exit 3; }
tail --pid="$qemu" -n +1 -s 0.1 -f "$work/console" | stdbuf -oL tr -d '\r' |
	grep --line-buffered -v -e '^exit status ' -e '^msb: up' -e '^\[ *[0-9]*\.[0-9]*\] ' &
show=$!
(exec 2>&-; sleep "${SECONDS_MOST:-600}" && kill -KILL "$qemu") &
limit=$!
wait "$qemu"
qemu=''
kill "$limit" 2>/dev/null
wait "$show"
status=$(tr -d '\r' <"$work/console" | sed -n 's/^exit status \([0-9]*\)$/\1/p' | tail -n 1)
if [ -z "$status" ]; then
	echo "boot.sh: the kernel did not get to the end of the command" >&2
	cat "$work/qemu.log" "$work/fs.log" >&2
	exit 3
fi
exit "$status"
