#!/usr/bin/env bash
# Established flows past the chains: what the flowtable brings on hosts with Debian's kernels, which this machine's may lack. Each is
# booted under QEMU, and in that one boot bursts of ours with the flowtable and without it take turns with those of no ruleset.
# Under TCG, which makes every instruction dear, and nothing is waited for: ratios differ from those of a processor.
# usage: tests/bench/flowtable.sh BUILD [KERNEL…]       one JSON object a line. ROUNDS=80
set -eu
build=$(realpath "${1:?usage: tests/bench/flowtable.sh BUILD [KERNEL…]}")
here=$(cd "$(dirname "$0")" && pwd)

if [ -z "${MSB_BENCH_KERNEL-}" ]; then
	"$here/../kernels/fetch.sh" "$build/kernels" >&2
	shift
	[ $# -gt 0 ] || set -- 6.1 6.12
	for kernel in "$@"; do
		MSB_BENCH_KERNEL=$kernel MSB_BENCH_ROUNDS=${ROUNDS:-80} SECONDS_MOST=300 "$here/../kernels/boot.sh" "$build/kernels/$kernel" \
			"$here/flowtable.sh" "$build" >"$build/flowtable.out" || {
			cat "$build/flowtable.out" >&2
			exit 3
		}
		grep '^{' "$build/flowtable.out"
	done
	rm "$build/flowtable.out"
	exit 0
fi

if [ -z "${MSB_BENCH_WORLD-}" ]; then
	# kernels before 6.17 forward IPv6 for all links or for none, and a host is a namespace of this one
	sysctl -qw net.core.devconf_inherit_init_net=1 net.ipv6.conf.all.forwarding=1
fi
# shellcheck source=tests/bench/tools/stands.sh
. "$here/tools/stands.sh" "$build"
printf 'allow@dns\nallow@public\n' >"$WORK/default.msb"
stand none vm none
stand floor vm floor
stand with vm "$WORK/default.msb"
stand without vm "$WORK/default.msb"
in_ns with.vm nft list flowtables | grep -q fast || die "msb-run has made no flowtable"
in_ns without.vm nft 'delete chain inet msb fast_path; delete flowtable inet msb fast'
printf '2606:2800:220:1:248:1893:25c8:1946 udp 4433\n' >"$WORK/v6"

# rows WORK [OPTION of rates…]
rows() {
	local work="$1, Linux $MSB_BENCH_KERNEL under QEMU"
	shift
	"$build/bench/rates" --kind established --packets 80 --warm 16 --rounds "$MSB_BENCH_ROUNDS" "$@" none floor with without >"$WORK/rounds"
	"$BENCH/tools/ratios.py" --work "$work" --against none --as "no ruleset" --goal 1.0 "with=with the flowtable" <"$WORK/rounds"
	"$BENCH/tools/ratios.py" --work "$work" --against none --as "no ruleset" "without=without it" "floor=conntrack + accept" <"$WORK/rounds"
}
rows "established flow, UDP"
rows "established flow, UDP over IPv6" --flows "$WORK/v6"
