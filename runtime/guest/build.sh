#!/bin/sh
# Builds the default guest: OUTDIR/vmlinuz, Debian's cloud kernel, OUTDIR/vmlinux, the same uncompressed, and OUTDIR/initrd,
# busybox with our agent as init. Does nothing where both are there and were made by this recipe. The kernel is fetched from Debian by apt
# and unpacked, never installed; busybox is Debian's, or compiled from its source where Debian's is at fault.
# usage: build.sh OUTDIR [AGENT]: with the agent, a static program, given, nothing is compiled
set -eu
umask 022
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: build.sh OUTDIR [AGENT]}
agent=${2-}
metapackage=linux-image-cloud-amd64
modules="drivers/virtio/virtio drivers/virtio/virtio_ring net/core/failover drivers/net/net_failover
drivers/net/virtio_net drivers/block/virtio_blk drivers/char/virtio_console drivers/virtio/virtio_mmio
fs/fuse/fuse fs/fuse/virtiofs"

fail() {
	echo "guest: error: $1" >&2
	[ -z "${2-}" ] || echo "  help: $2" >&2
	exit 1
}

# What the result depends on, in one line
recipe() {
	if [ -n "$agent" ]; then set -- "$agent"; else set -- "$here"/*.[ch]; fi
	cat "$here/build.sh" "$@" "$(busybox_path)" | sha256sum | cut -d' ' -f1
}

busybox_path() { echo /bin/busybox; }

# programs: those that are needed, each with its package
programs() {
	cat <<-EOF
		$(busybox_path) busybox-static
		apt-get apt
		dpkg-deb dpkg
		cpio cpio
		modinfo kmod
		readelf binutils
		lz4 lz4
		xz xz-utils
		zstd zstd
	EOF
}

# Says all that is missing at once
need_programs() {
	packages=$(programs | while read -r program package; do command -v "$program" >/dev/null || printf ' %s' "$package"; done)
	[ -z "$packages" ] || fail "programs are missing that make the guest" "apt-get install$packages"
	! readelf -lW "$(busybox_path)" | grep -q INTERP || fail "$(busybox_path) is not static" "apt-get install busybox-static"
}

# Debian 12 builds busybox 1.35 without FEATURE_WGET_TIMEOUT, and the number of its wget -T goes to a null pointer then
wget_crashes() {
	status=0
	"$1" wget -T 1 -O /dev/null no-url >/dev/null 2>&1 || status=$?
	[ "$status" -gt 128 ]
}
source_name=busybox_1.35.0.orig.tar.bz2
source_sha256=faeeb244c35a348a334f4a59e44626ee870fb07b6884d68c10ae8bc19f83a694

# busybox_source FILE: from where apt has Debian's busybox
busybox_source() {
	mkdir "$work/uri"
	uri=$(cd "$work/uri" && apt-get --print-uris download busybox-static 2>/dev/null | sed -n "s/^'\([^']*\)'.*/\1/p") || return 1
	[ -n "$uri" ] && /usr/lib/apt/apt-helper -o APT::Sandbox::User=root download-file "${uri%/*}/$source_name" "$1" \
		"SHA256:$source_sha256" >/dev/null 2>&1
}

# busybox_compiled DIR: what Debian's has and more, in about a minute
busybox_compiled() {
	mkdir "$1/source"
	busybox_source "$1/source.tar.bz2" && tar -x -C "$1/source" --strip-components=1 -f "$1/source.tar.bz2" || return 1
	echo "guest: compiling busybox, since wget -T of Debian's crashes"
	(
		cd "$1/source" && unset CFLAGS LDFLAGS MAKEFLAGS MAKELEVEL && export KCONFIG_NOTIMESTAMP=1 && make defconfig &&
			sed -i -E 's/^# CONFIG_(STATIC|FEATURE_SH_STANDALONE|FEATURE_PREFER_APPLETS) is not set/CONFIG_\1=y/; s/^CONFIG_TC=y/# CONFIG_TC is not set/' .config &&
			{ yes '' | make oldconfig; } && make -j"$(nproc)" busybox
	) >"$1/log" 2>&1 || return 1
	mv "$1/source/busybox" "$1/busybox"
	rm -r "$1/source" "$1/source.tar.bz2" "$1/log"
}

# busybox FILE: one whose wget does not crash, at the worst one that ignores -T
busybox() {
	if ! wget_crashes "$(busybox_path)"; then
		cp "$(busybox_path)" "$1"
		return
	fi
	if [ ! -d "$out/.busybox-$source_sha256" ]; then
		mkdir "$work/busybox"
		if [ -n "$agent" ]; then
			echo "guest: wget in it ignores -T, at which Debian 12's busybox crashes"
		elif busybox_compiled "$work/busybox"; then
			mv -T "$work/busybox" "$out/.busybox-$source_sha256"
		else
			echo "guest: could not fetch and compile busybox: wget in the default guest ignores -T" >&2
		fi
	fi
	if [ -d "$out/.busybox-$source_sha256" ]; then
		cp "$out/.busybox-$source_sha256/busybox" "$1"
	else # the option as a word, not a number that has nowhere to go
		sed 's/cqSO:o:P:Y:U:T:+t:n::/cqSO:o:P:Y:U:T:t:n:::/' "$(busybox_path)" >"$1"
		chmod 755 "$1"
	fi
}

# kernel DIR: fetches the kernel's package and leaves vmlinuz and the modules in DIR. Debian 13 compresses modules, has them
# below /usr, and some of them in the kernel itself.
kernel() {
	[ "$(dpkg --print-architecture)" = amd64 ] ||
		fail "the default guest is made for amd64 only" "give msb-run a guest: --kernel FILE --initrd FILE"
	package=$(apt-cache depends "$metapackage" 2>/dev/null | awk '/Depends: linux-image-/ { print $2; exit }')
	[ -n "$package" ] || fail "apt knows no $metapackage" "apt-get update"
	echo "guest: fetching $package"
	mkdir "$1/deb" "$1/tree" "$1/modules" "$1/unordered"
	(cd "$1/deb" && apt-get -qq -o APT::Sandbox::User=root download "$package") ||
		fail "could not fetch $package" "apt-get update, and see whether Debian's archive can be reached"
	dpkg-deb --fsys-tarfile "$1"/deb/*.deb >"$1/deb/tar"
	tar -tf "$1/deb/tar" >"$1/deb/names"
	grep -E '^\./boot/vmlinuz-|/modules\.builtin$' "$1/deb/names" >"$1/deb/wanted"
	for module in $modules; do
		grep -E "^\\./(usr/)?lib/modules/[^/]*/kernel/$module\\.ko(\\.xz)?\$" "$1/deb/names" >>"$1/deb/wanted" || true
	done
	tar -xf "$1/deb/tar" -C "$1/tree" -T "$1/deb/wanted"
	mv "$1"/tree/boot/vmlinuz-* "$1/vmlinuz"
	uncompressed "$1/vmlinuz" "$1/vmlinux"
	find "$1/tree" -name '*.ko.xz' -exec xz -d '{}' +
	find "$1/tree" -name '*.ko' -exec mv -t "$1/unordered" '{}' +
	for module in $modules; do
		[ -e "$1/unordered/${module##*/}.ko" ] || grep -qrF "kernel/$module.ko" "$1/tree" ||
			fail "$package has no driver $module"
	done
	number=10
	for module in $(load_order "$1/unordered"); do
		mv "$1/unordered/$module.ko" "$1/modules/$number-$module.ko" || fail "the kernel's modules need $module as well"
		number=$((number + 1))
	done
	rm -r "$1/deb" "$1/tree" "$1/unordered"
}

# number FILE OFFSET BYTES: little-endian
number() { od -An -tu"$3" -j"$2" -N"$3" "$1" | tr -d ' '; }

# uncompressed VMLINUZ FILE: the kernel's ELF image, which QEMU starts at its PVH entry: the guest need not decompress it. Where it
# cannot be had, as from a kernel compressed in another way, VMLINUZ has to do. The fields are of Linux' x86 boot protocol.
uncompressed() {
	[ "$(dd if="$1" bs=1 skip=514 count=4 2>/dev/null)" = HdrS ] || return 0
	begin=$((($(number "$1" 497 1) + 1) * 512 + $(number "$1" 584 4)))
	length=$(number "$1" 588 4)
	for decompress in "head -c -4 | lz4 -dc" "zstd -dc" "xz -dc" "gzip -dc"; do
		tail -c "+$((begin + 1))" "$1" | head -c "$length" | sh -c "$decompress" >"$2" 2>/dev/null || true
		[ "$(head -c 4 "$2")" != "$(printf '\177ELF')" ] || break
	done
	# Xen's note 18 has the entry
	readelf -nW "$2" 2>/dev/null | grep -q '(0x00000012)' || rm -f "$2"
}

# load_order DIR: the modules of DIR, each after those that it needs, which differs from one kernel to the next
load_order() {
	for file in "$1"/*.ko; do
		name=$(basename "$file" .ko)
		echo "$name $name"
		for needed in $(modinfo -F depends "$file" | tr ',' ' '); do echo "$needed $name"; done
	done | tsort
}

# initrd KERNEL_DIR ROOT FILE: ROOT is filled and packed into FILE; times and owners do not show in it
initrd() {
	mkdir -p "$2/bin" "$2/dev" "$2/etc" "$2/lib/modules" "$2/mnt" "$2/msb" "$2/proc" "$2/root" "$2/run" "$2/sys" "$2/tmp" "$2/usr" "$2/var"
	ln -s bin "$2/sbin"
	ln -s ../bin "$2/usr/bin"
	ln -s ../bin "$2/usr/sbin"
	busybox "$2/bin/busybox"
	"$2/bin/busybox" --list | while read -r applet; do
		[ "$applet" = busybox ] || ln -s busybox "$2/bin/$applet"
	done
	if [ -n "$agent" ]; then
		install -m 755 "$agent" "$2/init"
	else
		${CC:-cc} -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Wshadow -Os -s -static -o "$2/init" "$here"/*.c ||
			fail "could not compile the guest's agent" "apt-get install build-essential"
	fi
	cp "$1"/modules/*.ko "$2/lib/modules/"
	echo 'root:x:0:0:root:/root:/bin/sh' >"$2/etc/passwd"
	echo 'root:x:0:' >"$2/etc/group"
	printf '127.0.0.1 localhost\n::1 localhost\n' >"$2/etc/hosts"
	chmod 1777 "$2/tmp"
	find "$2" -exec touch -h -d @0 {} +
	(cd "$2" && find . | sort | cpio --quiet -o -H newc -R 0:0 --reproducible) | gzip -9n >"$3"
}

need_programs
[ "$(cat "$out/.recipe" 2>/dev/null || true)" != "$(recipe)" ] || [ ! -s "$out/vmlinuz" ] || [ ! -s "$out/initrd" ] || exit 0
mkdir -p "$out"
work=$(mktemp -d "$out/.building.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
kernel=$out/.kernel-$(echo "$modules vmlinux" | cksum | cut -d' ' -f1)
if [ ! -d "$kernel" ]; then
	mkdir "$work/kernel"
	kernel "$work/kernel"
	rm -rf "$out"/.kernel*
	mv -T "$work/kernel" "$kernel"
fi
mkdir "$work/root"
initrd "$kernel" "$work/root" "$work/initrd"
rm -f "$out/.recipe"
ln -f "$kernel/vmlinuz" "$out/vmlinuz"
rm -f "$out/vmlinux"
[ ! -e "$kernel/vmlinux" ] || ln "$kernel/vmlinux" "$out/vmlinux"
mv "$work/initrd" "$out/"
recipe >"$work/recipe"
mv "$work/recipe" "$out/.recipe"
echo "guest: $out/vmlinuz, $out/initrd ($(du -hL "$out/initrd" | cut -f1))"
