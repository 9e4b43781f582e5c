#!/bin/sh
# Fetches kernels that hosts have, to boot them as the host of a test: DIR/6.1, Debian 12's, and DIR/6.12, its backports'. Each gets
# vmlinuz, its modules as modprobe finds them, and an initrd that hands this machine's own root over to the kernel (init).
# From Debian's archive by apt, unpacked and never installed. Does nothing where all is there. usage: tests/kernels/fetch.sh DIR
set -eu
export LC_ALL=C
umask 022
here=$(cd "$(dirname "$0")" && pwd)
dir=${1:?usage: fetch.sh DIR}
metapackage=linux-image-cloud-amd64
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
archive=http://deb.debian.org/debian
# what it takes to reach the root, the others are modprobe's
modules="virtio_mmio virtiofs overlay"

fail() {
	echo "kernels: error: $1" >&2
	echo "  help: see whether Debian's archive can be reached: $archive" >&2
	exit 1
}

# apt_of SUITE COMMAND…: apt that knows that suite alone, whatever this machine's sources are
apt_of() {
	mkdir -p "$work/$1/lists/partial" "$work/$1/cache/archives/partial"
	echo "deb [signed-by=$keyring] $archive $1 main" >"$work/$1/sources"
	suite=$work/$1 program=$2
	shift 2
	"$program" -q -o "Dir::Etc::SourceList=$suite/sources" -o Dir::Etc::SourceParts=/dev/null -o "Dir::State::Lists=$suite/lists" \
		-o "Dir::Cache=$suite/cache" -o APT::Sandbox::User=root "$@"
}

# initrd TREE VERSION FILE: busybox, the modules that reach the root, and init
initrd() {
	root=$work/initrd
	mkdir -p "$root/bin" "$root/proc" "$root/sys" "$root/dev" "$root/root" "$root/lower" "$root/upper" "$root/modules"
	cp /bin/busybox "$root/bin/busybox"
	install -m 755 "$here/init" "$root/init"
	number=10
	modprobe -d "$1" -S "$2" --show-depends -a $modules | awk '$1 == "insmod" { print $2 }' >"$work/needed"
	while read -r module; do
		name=$root/modules/$number-$(basename "${module%.xz}")
		case $module in
		*.xz) xz -dc "$module" >"$name" ;;
		*) cp "$module" "$name" ;;
		esac
		number=$((number + 1))
	done <"$work/needed"
	(cd "$root" && find . | sort | cpio --quiet -o -H newc -R 0:0) | gzip -1n >"$3"
	rm -rf "$root"
}

# fetch NAME SUITE
fetch() {
	apt_of "$2" apt-get update >/dev/null || fail "no lists of $2"
	package=$(apt_of "$2" apt-cache depends "$metapackage" | awk '/Depends: linux-image-/ { print $2; exit }')
	[ -n "$package" ] || fail "$2 has no $metapackage"
	echo "kernels: fetching $package"
	mkdir "$work/deb"
	(cd "$work/deb" && apt_of "$2" apt-get download "$package" >/dev/null) || fail "could not fetch $package"
	mkdir "$work/$1"
	dpkg-deb -x "$work"/deb/*.deb "$work/$1"
	rm -r "$work/deb"
	version=$(ls "$work/$1/lib/modules")
	depmod -b "$work/$1" "$version"
	mv "$work/$1/boot/vmlinuz-$version" "$work/$1/vmlinuz"
	rm -r "$work/$1/boot" "$work/$1/usr"
	initrd "$work/$1" "$version" "$work/$1/initrd"
	mv "$work/$1" "$dir/$1"
}

mkdir -p "$dir"
dir=$(realpath "$dir")
recipe=$(cat "$here/fetch.sh" "$here/init" | sha256sum | cut -d' ' -f1)
[ "$(cat "$dir/.recipe" 2>/dev/null || true)" != "$recipe" ] || exit 0
work=$(mktemp -d "$dir/.fetching.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
rm -rf "$dir/6.1" "$dir/6.12"
fetch 6.1 bookworm
fetch 6.12 bookworm-backports
echo "$recipe" >"$dir/.recipe"
