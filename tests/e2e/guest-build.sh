#!/usr/bin/env bash
# The default guest is built from what Debian 12 and 13 call a kernel: apt is a script here, which hands out a package made of
# the modules that BUILD/guest has. Without busybox's source the guest's wget ignores -T, but does not crash. usage: guest-build.sh BUILD
set -u
build=$(realpath "${1:?usage: guest-build.sh BUILD}")
. "$(dirname "$0")/../tap.sh"
TAP_PREFIX="guest-build: "
cd "$(dirname "$0")/../.." || exit 3
work=$(mktemp -d /tmp/msb-guest.XXXXXX) || exit 3
trap 'rm -rf "$work"' EXIT
modules=("$build"/guest/.kernel*/modules/*.ko)
if [ ! -e "${modules[0]}" ] || [ "${#modules[@]}" -lt 10 ]; then
	skip "everything" "the guest in $build was not built from modules of Debian 12"
	finish
fi

mkdir "$work/bin"
printf '#!/bin/sh\necho "  Depends: linux-image-test"\n' >"$work/bin/apt-cache"
printf '#!/bin/sh\ncase "$*" in *--print-uris*) ;; *) cp %s/linux.deb . ;; esac\n' "$work" >"$work/bin/apt-get"
chmod +x "$work/bin"/*

# package PREFIX [BUILTIN…]: with the modules below PREFIX/lib, those of BUILTIN in the kernel itself
package() {
	local tree=$work/tree directory module path
	rm -rf "$tree" && mkdir -p "$tree/DEBIAN" "$tree/boot"
	directory=$tree${1}lib/modules/6-test
	shift
	printf 'Package: linux-image-test\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b>\nDescription: a\n' >"$tree/DEBIAN/control"
	echo kernel >"$tree/boot/vmlinuz-6-test"
	mkdir -p "$directory" && : >"$directory/modules.builtin"
	for path in drivers/virtio/virtio drivers/virtio/virtio_ring net/core/failover drivers/net/net_failover drivers/net/virtio_net \
		drivers/block/virtio_blk drivers/char/virtio_console drivers/virtio/virtio_mmio fs/fuse/fuse fs/fuse/virtiofs; do
		module=${path##*/}
		if [[ " $* " == *" $module "* ]]; then
			echo "kernel/$path.ko" >>"$directory/modules.builtin"
		else
			mkdir -p "$directory/kernel/${path%/*}"
			cp "$build"/guest/.kernel*/modules/*-"$module.ko" "$directory/kernel/$path.ko"
		fi
	done
}
pack() { dpkg-deb -Znone -b "$work/tree" "$work/linux.deb" >/dev/null; }
# built [AGENT]: leaves $said, $status, and $names, the drivers in the order in which they are loaded
built() {
	rm -rf "$work/out"
	said=$(PATH="$work/bin:$PATH" runtime/guest/build.sh "$work/out" "$@" 2>&1)
	status=$?
	names=$(cd "$work/out"/.kernel*/modules 2>/dev/null && echo * | sed 's/[0-9]*-//g; s/\.ko//g')
}

package / && pack && built
same "Debian 12: it is built" 0 "$status"
same "Debian 12: all drivers are in it" 10 "$(wc -w <<<"$names")"
same "a kernel that is none: as it is" "kernel " "$(cat "$work/out/vmlinuz") $([ ! -e "$work/out/vmlinux" ] || echo vmlinux)"
# the boot protocol's kernel_version, as this build's guest has it
if [ -e "$build/guest/vmlinux" ]; then
	at=$(($(od -An -tu2 -j526 -N2 "$build/guest/vmlinuz") + 512))
	version=$(tail -c "+$((at + 1))" "$build/guest/vmlinuz" | head -c 60 | cut -d' ' -f1 | head -n 1)
	contains "uncompressed it is the same kernel" "$(grep -a -m 1 -o "Linux version [^ ]*" "$build/guest/vmlinux")" "^Linux version $version\$"
else
	skip "uncompressed it is the same kernel" "it is compressed in a way that is not known here"
fi
package /usr/ virtio_console fuse virtiofs
find "$work/tree" -name '*.ko' -exec xz -1 '{}' +
pack && built
same "Debian 13: it is built" 0 "$status"
same "Debian 13: what the kernel has in it is not looked for" "failover net_failover virtio virtio_blk virtio_mmio virtio_net virtio_ring" \
	"$(tr ' ' '\n' <<<"$names" | sort | tr '\n' ' ' | sed 's/ $//')"
contains "Debian 13: each after what it needs" "$names" 'failover.* net_failover.* virtio_net'
mkdir "$work/initrd"
(cd "$work/initrd" && zcat "$work/out/initrd" | cpio -idm --quiet 2>/dev/null)
"$work/initrd/bin/busybox" wget -T 1 -O /dev/null no-url >/dev/null 2>&1
same "wget -T does not crash, whatever could be fetched" 1 $?
same "the drivers of the initrd can be loaded as they are" ELF "$(head -c 4 "$(find "$work/initrd/lib/modules" -name '*virtio_net*')" | tail -c 3)"

CC=false built "$build/guest-agent"
same "with the agent given it is built without a compiler" 0 "$status"
(cd "$work/initrd" && zcat "$work/out/initrd" | cpio -idmu --quiet 2>/dev/null)
try "that agent is in it" cmp "$build/guest-agent" "$work/initrd/init"

package / && find "$work/tree" -name 'virtio_blk*' -delete
pack && built
same "a kernel without a driver: no guest" 1 "$status"
contains "and which one it is" "$said" 'error: linux-image-test has no driver drivers/block/virtio_blk'
same "nothing half-made is left" "" "$(ls -A "$work/out")"
finish
