# A minimal Debian 12: in $root for packages.sh, as a base for images.sh.
# shellcheck shell=bash disable=SC2154

# root_bootstrap DIRECTORY|FILE.tar [OPTION…]: with apt and its lists
root_bootstrap() {
	mmdebstrap --variant=apt --skip=cleanup/apt/lists --aptopt='APT::Install-Recommends "false"' "${@:2}" bookworm "$1"
}

# root_make: with systemd and AppArmor, which booted/boot.sh runs, and what the demo has for an Internet
root_make() {
	root_bootstrap "$root" --include=apparmor,systemd,bind9-dnsutils,jq,netbase,nftables,nsd,iproute2,procps || return
	cp "$(realpath /etc/resolv.conf)" "$root/etc/resolv.conf"
	printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" # no server starts by itself
	chmod 755 "$root/usr/sbin/policy-rc.d"
}

# in_root COMMAND…: with the devices, processes and cgroups of this machine
in_root() {
	unshare --mount --propagation private bash -c '
		mount --rbind "$1" "$1" && cd "$1" || exit 3
		for dir in proc sys dev; do mount --rbind "/$dir" "$1/$dir" || exit 3; done
		mount -t tmpfs tmpfs "$1/run"
		shift
		exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 chroot . "$@"' in_root "$root" "$@" </dev/null
}

# alone_in_root COMMAND…: with no network but loopback
alone_in_root() { in_root unshare --net sh -c 'ip link set lo up && exec timeout -k 5 120 "$@"' alone "$@"; }

# root_satisfy DEB…: installs what they depend on and recommend, themselves aside
root_satisfy() {
	local deb needs
	needs=$(for deb; do dpkg-deb -f "$deb" Depends Recommends; done | sed -E 's/^[A-Z][a-z]*: //' | tr ',' '\n' | sed 's/^ *//' |
		grep -vE '^(msb-|libmsbpolicy)' | sort -u | paste -sd,)
	in_root apt-get satisfy -y --no-install-recommends "$needs"
}

# in_root_demo: the sources, without what is built of them, are there meanwhile
in_root_demo() {
	local status
	mkdir -p "$root/tmp/msb" && git archive HEAD debian tests policies | tar -x -C "$root/tmp/msb"
	mkdir "$root/tmp/tools" && cp "$BUILD/e2e/echo" "$BUILD/e2e/probe" "$root/tmp/tools/"
	in_root timeout -k 5 240 /tmp/msb/debian/tests/demo /tmp/tools
	status=$?
	rm -rf "$root/tmp/msb" "$root/tmp/tools" "$root"/tmp/nsd-xfr-*
	return $status
}

# root_files: all files, but for what dpkg and apt write down, caches of the linker and apt, and an empty directory that the purge of
# any profile of AppArmor's removes
root_files() {
	(cd "$root" && find . -xdev \( -path ./var/lib/dpkg -o -path ./var/log -o -path ./var/lib/apt -o -path ./var/cache/apt \
		-o -path ./var/cache/ldconfig -o -path ./etc/ld.so.cache -o -path ./etc/apparmor.d/disable -empty -o -path ./proc -o -path ./sys -o -path ./dev -o -path ./run \) -prune \
		-o -printf '%y %m %u %p %l\n' | sort)
}
