#!/usr/bin/env bash
# End-to-end tests with another kernel as the host: all in one boot, each result with the kernel's name.
# usage: tests/kernels/suite.sh BUILD KERNEL TEST…   (a TEST is one of tests/e2e, or of this directory)
set -u
build=$(realpath "${1:?usage: suite.sh BUILD KERNEL TEST…}") kernel=${2:?}
shift 2
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../tap.sh"

if [ "${1-}" != --inside ]; then
	if [ ! -s "$build/kernels/$kernel/initrd" ]; then
		skip "Linux $kernel" "it is not in $build/kernels: make kernels"
		exit 0
	fi
	SECONDS_MOST=1500 exec "$here/boot.sh" "$build/kernels/$kernel" "$0" "$build" "$kernel" --inside "$@"
fi
shift
# kernels before 6.17 forward IPv6 for all links or for none, and a test's host is a namespace of this one
sysctl -qw net.core.devconf_inherit_init_net=1 net.ipv6.conf.all.forwarding=1
[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd # the machine's init makes none
worst=0
for test in "$@"; do
	script=$here/$test.sh
	[ -x "$script" ] || script=$here/../e2e/$test.sh
	"$script" "$build" 2>&1 | sed "s/^\(ok\|not ok\) /\1 Linux $kernel: /"
	status=${PIPESTATUS[0]}
	[ "$status" -eq 0 ] || worst=$status
done
exit "$worst"
