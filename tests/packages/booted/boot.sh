#!/usr/bin/env bash
# Boots a root in which the packages are installed, with its own systemd and AppArmor, under Debian 12's kernel; prints what inside.sh
# tries there as TAP. Nothing of ROOT is changed. usage: boot.sh BUILD ROOT   KERNEL: another one of tests/kernels than 6.1
set -u
build=$(realpath "${1:?usage: boot.sh BUILD ROOT}") root=$(realpath "${2:?usage: boot.sh BUILD ROOT}")
cd "$(dirname "$0")/../../.." || exit 3
. tests/tap.sh
. tests/kernels/machine.sh
here=tests/packages/booted kernel=$build/kernels/${KERNEL:-6.1}
seconds_most=600 # some three times what it takes

work=$(mktemp -d /tmp/msb-booted.XXXXXX) || exit 3
qemu=''
clean() {
	[ -z "$qemu" ] || kill "$qemu" 2>/dev/null
	wait
	rm -rf "$work"
}
trap clean EXIT
trap 'exit 130' INT TERM

# image FILE SIZE DIRECTORY: a disk with what is in the directory
image() { mke2fs -q -t ext4 -O ^has_journal -d "$3" "$work/$1" "$2" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 3; }; }

# tests_disk: the sources, static programs, the kernel's modules, and what begins
tests_disk() {
	mkdir -p "$work/tests/msb" "$work/tests/tools"
	git archive HEAD debian policies tests | tar -x -C "$work/tests/msb" || exit 3
	cp "$build/e2e/echo" "$build/e2e/probe" "$work/tests/tools/" || exit 3
	cp -a "$kernel/lib/modules" "$work/tests/modules"
	cp "$here/inside.sh" "$here/tests.service" "$here/tests.target" "$work/tests/"
	image tests.img 512M "$work/tests"
}

# initrd: busybox, the modules that reach the disks, and init
initrd() {
	local number=10 module
	mkdir -p "$work/initrd/bin" "$work/initrd/dev" "$work/initrd/root" "$work/initrd/modules"
	cp /bin/busybox "$work/initrd/bin/"
	cp "$here/init" "$work/initrd/"
	for module in $(modprobe -d "$kernel" -S "$(ls "$kernel/lib/modules")" --show-depends -a virtio_mmio virtio_blk ext4 | awk '$1 == "insmod" { print $2 }'); do
		cp "$module" "$work/initrd/modules/$number-${module##*/}"
		number=$((number + 1))
	done
	(cd "$work/initrd" && find . | sort | cpio --quiet -o -H newc -R 0:0) >"$work/initrd.img"
}

# start: what tests/kernels says of TCG goes for this machine, too; with xsave the kernel of a guest within it warns, and with more than
# one processor TCG's KVM ended it by a triple fault
start() {
	local append
	append="console=ttyS0 loglevel=1 systemd.show_status=no systemd.unit=tests.target panic=-1 reboot=t mitigations=off
$(machine_clocks)"
	rm -f "$work/console"
	timeout $seconds_most qemu-system-x86_64 -nodefaults -no-user-config -no-reboot -display none -M microvm,accel=tcg \
		-cpu max,-cx16,-xsave -m 2048M \
		-global virtio-mmio.force-legacy=false -kernel "$kernel/vmlinuz" -initrd "$work/initrd.img" -append "${append//$'\n'/ }" \
		-drive "id=root,if=none,format=raw,file=$work/root.img,cache=unsafe" -device virtio-blk-device,drive=root \
		-drive "id=tests,if=none,format=raw,file=$work/tests.img,readonly=on" -device virtio-blk-device,drive=tests \
		-serial "file:$work/console" </dev/null >"$work/qemu.log" 2>&1 &
	qemu=$!
}
stop() {
	kill "$qemu" 2>/dev/null
	wait "$qemu"
	qemu=''
}

if [ ! -s "$kernel/vmlinuz" ]; then
	not_ok "booted: there is Debian 12's kernel" "it is not in $kernel: make kernels"
	finish
fi
image root.img 3G "$root"
tests_disk
initrd
machine_up && wait "$qemu"
qemu=''
tr -d '\r' <"$work/console" >"$work/said"
grep -E '^(ok|not ok|# |    )' "$work/said"
status=$(sed -n 's/^exit status \([0-9]*\)$/\1/p' "$work/said" | tail -n 1)
[ -n "$status" ] || not_ok "booted: all was tried" "$(tail -n 20 "$work/said" "$work/qemu.log")"
exit "${status:-1}"
