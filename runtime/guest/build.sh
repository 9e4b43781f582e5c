#!/bin/sh
# Builds the default guest: OUTDIR/vmlinuz, Debian's cloud kernel, and OUTDIR/initrd, busybox with our init and
# agent. Does nothing where both are there and were made by this recipe. The kernel is fetched from Debian by apt
# and unpacked, never installed. usage: runtime/guest/build.sh OUTDIR
set -eu
umask 022
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: build.sh OUTDIR}
metapackage=linux-image-cloud-amd64
modules="drivers/virtio/virtio drivers/virtio/virtio_ring net/core/failover drivers/net/net_failover
drivers/net/virtio_net drivers/block/virtio_blk drivers/char/virtio_console drivers/virtio/virtio_mmio"

fail() {
	echo "guest: error: $1" >&2
	[ -z "${2-}" ] || echo "  help: $2" >&2
	exit 1
}

# What the result depends on, in one line
recipe() {
	cat "$here/build.sh" "$here/init" "$here"/*.[ch] "$(busybox_path)" | sha256sum | cut -d' ' -f1
}

busybox_path() {
	[ -x /bin/busybox ] || fail "no /bin/busybox" "apt-get install busybox-static"
	echo /bin/busybox
}

# kernel DIR: fetches the kernel's package and leaves vmlinuz and the modules in DIR
kernel() {
	[ "$(dpkg --print-architecture)" = amd64 ] ||
		fail "the default guest is made for amd64 only" "give msb-run a guest: --kernel FILE --initrd FILE"
	package=$(apt-cache depends "$metapackage" 2>/dev/null | awk '/Depends: linux-image-/ { print $2; exit }')
	[ -n "$package" ] || fail "apt knows no $metapackage" "apt-get update"
	echo "guest: fetching $package"
	mkdir "$1/deb" "$1/tree" "$1/modules" "$1/unordered"
	(cd "$1/deb" && apt-get -qq -o APT::Sandbox::User=root download "$package") ||
		fail "could not fetch $package" "apt-get update, and see whether Debian's archive can be reached"
	# shellcheck disable=SC2046 # a word a module
	dpkg-deb --fsys-tarfile "$1"/deb/*.deb | tar -x -C "$1/tree" --wildcards './boot/vmlinuz-*' \
		$(for module in $modules; do echo "./lib/modules/*/kernel/$module.ko"; done)
	mv "$1"/tree/boot/vmlinuz-* "$1/vmlinuz"
	find "$1/tree" -name '*.ko' -exec mv -t "$1/unordered" '{}' +
	number=10
	for module in $(load_order "$1/unordered"); do
		mv "$1/unordered/$module.ko" "$1/modules/$number-$module.ko" || fail "the kernel's modules need $module as well"
		number=$((number + 1))
	done
	rm -r "$1/deb" "$1/tree" "$1/unordered"
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
	cp "$(busybox_path)" "$2/bin/busybox"
	"$2/bin/busybox" --list | while read -r applet; do
		[ "$applet" = busybox ] || ln -s busybox "$2/bin/$applet"
	done
	install -m 755 "$here/init" "$2/init"
	${CC:-cc} -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Wshadow -Os -s -static -o "$2/msb/agent" "$here/agent.c" ||
		fail "could not compile the guest's agent" "apt-get install build-essential"
	cp "$1"/modules/*.ko "$2/lib/modules/"
	echo 'root:x:0:0:root:/root:/bin/sh' >"$2/etc/passwd"
	echo 'root:x:0:' >"$2/etc/group"
	printf '127.0.0.1 localhost\n::1 localhost\n' >"$2/etc/hosts"
	chmod 1777 "$2/tmp"
	find "$2" -exec touch -h -d @0 {} +
	(cd "$2" && find . | sort | cpio --quiet -o -H newc -R 0:0 --reproducible) | gzip -9n >"$3"
}

[ "$(cat "$out/.recipe" 2>/dev/null || true)" != "$(recipe)" ] || [ ! -s "$out/vmlinuz" ] || [ ! -s "$out/initrd" ] || exit 0
mkdir -p "$out"
work=$(mktemp -d "$out/.building.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
if [ ! -d "$out/.kernel" ]; then
	mkdir "$work/kernel"
	kernel "$work/kernel"
	mv -T "$work/kernel" "$out/.kernel"
fi
mkdir "$work/root"
initrd "$out/.kernel" "$work/root" "$work/initrd"
rm -f "$out/.recipe"
ln -f "$out/.kernel/vmlinuz" "$out/vmlinuz"
mv "$work/initrd" "$out/"
recipe >"$work/recipe"
mv "$work/recipe" "$out/.recipe"
echo "guest: $out/vmlinuz, $out/initrd ($(du -hL "$out/initrd" | cut -f1))"
