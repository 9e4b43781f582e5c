#!/bin/sh
# Installs the Debian packages that building, the demo and the tests need; says and does nothing when all are there.
# Debian 12 and 13: where they have different packages for the same, "a|b" is the first that apt knows. usage: deps.sh [bench|ci|deb|fuzz|policyc|run|vsix]
# policyc: those that building msb-policyc alone needs; run: those that building msb-run and making its guest needs; deb: those that building Debian packages, and testing them, needs
set -eu
export LC_ALL=C
packages="build-essential flex bison pkg-config bzip2
libnftnl-dev libmnl-dev libldns-dev libjansson-dev libyaml-dev libpsl-dev publicsuffix libidn2-dev libunistring-dev libseccomp-dev libcap-ng-dev libmicrohttpd-dev
qemu-system-x86 qemu-utils e2fsprogs busybox-static cpio kmod lz4 zstd xz-utils binutils virtiofsd|qemu-system-common
libcriterion-dev nftables iproute2 util-linux mount procps
git nsd unbound ldnsutils bind9-dnsutils dnsmasq-base dhcpcd-base curl iperf3 socat jq strace python3 python3-jsonschema python3-yaml
apache2-bin gnutls-bin openssl openssh-client dropbear-bin mariadb-server-core mariadb-client-core ngtcp2-client ngtcp2-server wget nodejs
prometheus mmdebstrap clang-format libc6-dbg chromium mandoc groff-base neovim zsh fish bash-completion musl-tools"
policyc_packages="build-essential flex bison pkg-config libjansson-dev libyaml-dev libpsl-dev publicsuffix libidn2-dev libunistring-dev"
run_packages="$policyc_packages libnftnl-dev libmnl-dev libldns-dev libseccomp-dev libcap-ng-dev libmicrohttpd-dev
busybox-static cpio kmod lz4 zstd xz-utils binutils"
deb_packages="build-essential debhelper dh-apparmor flex bison pkg-config libnftnl-dev libmnl-dev libldns-dev libjansson-dev libyaml-dev libpsl-dev
publicsuffix libidn2-dev libunistring-dev libseccomp-dev libcap-ng-dev libmicrohttpd-dev git lintian mmdebstrap systemd iproute2"
bench_packages="gnuplot-nox haproxy sniproxy ethtool" # peers of the relays; how a link takes packets
fuzz_packages="clang libclang-rt-dev|libclang-rt-14-dev"
ci_packages="podman containerd runc containernetworking-plugins iptables" # runtimes that msb-cni is tried with
vsix_packages="nodejs npm" # unless they came from elsewhere

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null || true)" = installed ]; }
known() { apt-cache policy "$1" 2>/dev/null | grep -q '^  Candidate: [^(]'; }

# The one of "a|b" that is to be there; nothing where apt knows none
choice() {
	echo "$1" | tr '|' '\n' | while read -r package; do
		if installed "$package" || known "$package"; then
			echo "$package"
			break
		fi
	done
}

# Those that are not there, in their "a|b" form
lacking() {
	for names in $packages; do
		case $names in
		*'|'*) package=$(choice "$names") ;;
		*) package=$names ;;
		esac
		[ -n "$package" ] && installed "$package" || echo "$names"
	done
}

case ${1-} in
'') ;;
deb) packages=$deb_packages ;;
bench) packages=$bench_packages ;;
ci)
	packages=$ci_packages
	if ! command -v node >/dev/null || ! command -v npm >/dev/null; then packages="$packages $vsix_packages"; fi
	;;
fuzz) packages="$packages $fuzz_packages" ;;
policyc) packages=$policyc_packages ;;
run) packages=$run_packages ;;
vsix)
	if command -v node >/dev/null && command -v npm >/dev/null; then exit 0; fi
	packages=$vsix_packages
	;;
*) echo "usage: deps.sh [bench|ci|deb|fuzz|policyc|run|vsix]" >&2 && exit 2 ;;
esac
missing=$(lacking)
[ -n "$missing" ] || exit 0
sudo=
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || { echo "deps: needs root, or sudo, to install: $(echo $missing)" >&2; exit 1; }
	sudo=sudo
fi
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq
wanted= unknown=
for names in $missing; do
	package=$(choice "$names")
	if [ -n "$package" ]; then wanted="$wanted $package"; else unknown="$unknown $names"; fi
done
if [ -n "$unknown" ]; then
	echo "deps: error: apt knows no package$unknown" >&2
	echo "  help: Debian 12 and 13 have them in their main archive; see /etc/apt/sources.list and sources.list.d" >&2
	exit 1
fi
echo "deps: installing$wanted"
# a server that a package starts by itself would take port 53: the tests start their own; prometheus, for promtool, takes 9090 where there
# is a systemd
# shellcheck disable=SC2086 # a word a package
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $wanted >/dev/null
