#!/bin/sh
# Installs the Debian packages that building, the demo and the tests need; says and does nothing when all are there.
set -eu
packages="build-essential flex bison pkg-config
libnftnl-dev libmnl-dev libldns-dev libjansson-dev libyaml-dev libpsl-dev libidn2-dev libseccomp-dev libcap-ng-dev
qemu-system-x86 qemu-utils e2fsprogs busybox-static cpio kmod
libcriterion-dev nftables iproute2 util-linux procps
nsd unbound ldnsutils bind9-dnsutils dnsmasq-base dhcpcd-base curl iperf3 socat jq strace python3 python3-jsonschema
clang libclang-rt-14-dev clang-format libc6-dbg"
missing=
for package in $packages; do
	case "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" in
	installed) ;;
	*) missing="$missing $package" ;;
	esac
done
[ -n "$missing" ] || exit 0
sudo=
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || { echo "deps: needs root, or sudo, to install:$missing" >&2; exit 1; }
	sudo=sudo
fi
echo "deps: installing$missing"
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq
# a server that a package starts by itself would take port 53: the tests start their own
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
