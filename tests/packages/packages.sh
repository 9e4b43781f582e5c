#!/usr/bin/env bash
# The Debian packages: made twice they are the same; lintian finds nothing; in a minimal Debian 12 they install, make their guest,
# boot it, run as services under systemd and AppArmor, and leave nothing once purged. usage: packages.sh BUILD
set -u
BUILD=$(realpath "${1:?usage: packages.sh BUILD}")
cd "$(dirname "$0")/../.." || exit 3
. tests/tap.sh
TAP_PREFIX="packages: "
[ "$(id -u)" = 0 ] || { skip everything "needs root for a root of its own"; finish; }
. tests/packages/root.sh
work=$(mktemp -d /tmp/msb-packages.XXXXXX) || exit 3
root=$work/root
trap 'rm -rf --one-file-system "$work"' EXIT
trap 'exit 130' INT TERM

# --- building ---
root_make >"$work/root.log" 2>&1 &
making=$!
try "they are built" debian/package.sh "$work/deb"
(umask 002 && TZ=Pacific/Kiritimati LC_ALL=C.UTF-8 debian/package.sh "$work/other/deb") >"$work/again.log" 2>&1
check "and built again, elsewhere and later" $? "$(cat "$work/again.log")"
sums() { (cd "$1" && sha256sum -- *.deb); }
same "byte for byte the same" "$(sums "$work/deb")" "$(sums "$work/other/deb")"
said=$(cd "$work/deb" && lintian --allow-root --tag-display-limit 0 --fail-on error,warning ./*.changes 2>&1)
check "lintian finds no error and warns of nothing" $? "$said"
version=$(sed -n 's/^VERSION *:= *//p' Makefile)
same "their version is the Makefile's" "$version $version" \
	"$(for name in policyc run; do dpkg-deb -f "$work"/deb/msb-"$name"_*.deb Version; done | tr '\n' ' ' | sed 's/ $//')"
wait "$making"
check "there is a minimal Debian 12" $? "$(tail -n 5 "$work/root.log")"

# --- installing ---
names=(libmsbpolicy0 libmsbpolicy-dev msb-cni msb-policyc msb-run)
debs=()
for name in "${names[@]}"; do debs+=("$(echo "$work/deb/${name}"_*.deb)"); done
try "what they need can be installed" root_satisfy "${debs[@]}"
root_files >"$work/before"
install -m 644 "${debs[@]}" "$root/tmp/"
said=$(in_root apt-get install -y --no-install-recommends "${debs[@]/#*\//\/tmp\/}" 2>&1)
check "they install" $? "$(tail -n 5 <<<"$said")"
contains "and need nothing else" "$said" '^0 upgraded, 5 newly installed, '
rm "$root"/tmp/*.deb
same "the programs run" "msb-policyc $version, msb-run $version, msb-ctl $version" \
	"$(for program in msb-policyc msb-run msb-ctl; do in_root "$program" --version; done | paste -sd, | sed 's/,/, /g')"
contains "msb-cni is where runtimes look for it" "$(in_root env CNI_COMMAND=VERSION /usr/lib/cni/msb-cni <<<'{}' 2>&1)" '"supportedVersions"'
same "units of systemd are in order" "" "$(in_root systemd-analyze verify --man=no msb@web.service msb.slice 2>&1)"

# --- the guest ---
said=$(alone_in_root msb-run -- true 2>&1)
same "without a guest nothing starts" 125 $?
contains "it is said who makes one" "$said" 'help: msb-guest makes it'
contains "msb-guest takes no other words" "$(in_root msb-guest --upgrade 2>&1)" 'error: unknown argument --upgrade$'
same "nor two of them" 2 "$(in_root msb-guest --update --remove >/dev/null 2>&1; echo $?)"
contains "and is root's" "$(in_root setpriv --reuid 65534 --clear-groups msb-guest 2>&1)" 'error: only root may change /var/lib'
mv "$root/usr/bin/cpio" "$root/usr/bin/lz4" "$work/"
contains "it names the packages that are missing" "$(in_root msb-guest 2>&1)" 'help: apt-get install cpio lz4$'
mv "$work/cpio" "$work/lz4" "$root/usr/bin/"
try "msb-guest makes the guest" in_root msb-guest
same "made again it is as it was" "0 " "$(said=$(in_root msb-guest 2>&1); echo "$? $said")"
guest=$root/var/lib/msb-policy/guest
guest_sum() { (cd "$guest" && sha256sum vmlinuz vmlinux initrd 2>&1); }
kernel() { stat -c %i "$guest/vmlinuz"; }
made=$(guest_sum) first=$(kernel)
for option in --update --remove; do
	said=$(flock "$guest" bash -c "$(declare -f in_root); root='$root' in_root msb-guest $option" 2>&1)
	same "msb-guest $option where another is at work" "1 msb-guest: error: another msb-guest is at work" "$? $(head -n 1 <<<"$said")"
done
said=$(alone_in_root msb-guest --update 2>&1)
same "msb-guest --update without a network fails" 1 $?
contains "and says what to do" "$(tail -n 2 <<<"$said" | paste -sd' ')" 'error: could not fetch linux-image-.* help: apt-get update'
same "the old guest stays" "$first $made" "$(kernel) $(guest_sum)"
try "msb-guest --update makes another" in_root msb-guest --update
same "of the kernel that Debian has now" "$made" "$(guest_sum)"
check "which is fetched anew" "$([ "$first" != "$(kernel)" ]; echo $?)"
same "nothing of what was before is beside it" "1 0" \
	"$(find "$guest" -maxdepth 1 -name '.kernel-*' | wc -l) $(find "$guest" -maxdepth 1 -name '.building.*' | wc -l)"
same "the guest boots" "0 Linux" "$(said=$(alone_in_root msb-run --quiet -- uname -s 2>"$work/err"); echo "$? $said")"
in_root_demo >"$work/demo" 2>&1
check "debian/tests/demo: flows fare as the policy says" $? "$(tail -n 20 "$work/demo")"

# --- booted ---
flock -o "$BUILD/images.lock" tests/packages/booted/boot.sh "$BUILD" "$root" || failures=$((failures + 1))

# --- msb-guest --remove ---
cp -a "$root/var/lib/msb-policy" "$work/guest"
try "msb-guest --remove" in_root msb-guest --remove
same "removes it, and its directory" "" "$(ls -d "$root/var/lib/msb-policy" 2>/dev/null)"
try "once more" in_root msb-guest --remove
contains "msb-run says who makes one" "$(alone_in_root msb-run -- true 2>&1)" 'help: msb-guest makes it'
mv -T "$work/guest" "$root/var/lib/msb-policy" # for the purge

# --- removing ---
try "they are purged" in_root apt-get purge -y "${names[@]}"
root_files >"$work/after"
same "nothing of them is left" "" "$(diff "$work/before" "$work/after")"
finish
