#!/usr/bin/env bash
# The kernel against the evaluator: random policies, millions of packets through installed rulesets, 0 mismatches. One that is
# found is shrunk to few rules and one flow, and printed as commands that show it.
# KERNEL_POLICIES, KERNEL_PACKETS (a policy), KERNEL_SEED change how many and which, KERNEL_WORKERS on how many processors,
# from KERNEL_PROCESSOR on;
# with KERNEL_SECONDS new policies are tried until that long is over; KERNEL_SHOWN: after so many with a mismatch a worker
# ends. usage: tests/e2e/kernel.sh BUILD
# long
set -eu
build=$(realpath "${1:?usage: tests/e2e/kernel.sh BUILD}")
. "$(dirname "$0")/../tap.sh"

# Links and namespaces of its own for each
worker() {
	. "$(dirname "$0")/links.sh"
	# Fragments that wait for the rest of their packet take room from others'
	sysctl -qw net.ipv4.ipfrag_time=2 net.netfilter.nf_conntrack_frag6_timeout=2 net.ipv4.ipfrag_high_thresh=33554432 \
		net.netfilter.nf_conntrack_frag6_high_thresh=33554432
	# The name relay's part: its mark's route. Nobody accepts: the SYNs that wait are let go soon
	for ip in "ip -4" "ip -6"; do
		$ip rule add fwmark 0x6d736207 lookup 100
		$ip route add local default dev lo table 100
	done
	sysctl -qw net.ipv4.tcp_synack_retries=0 net.ipv4.tcp_syncookies=0
	# What arrived is noted by the packet sockets, which come first; then nothing is left to do with it
	for end in guest:eth0 sink:sink0; do
		ip netns exec "${end%:*}" nft "table netdev behind { chain everything {
			type filter hook ingress device ${end#*:} priority 0; drop; }; }"
	done
	exec "$build/e2e/kernel_oracle" /run/netns/guest /run/netns/sink "$(mac link show br0)" "$(mac link show uplink)" \
		"$3" "$4" "$5" "$6" "${KERNEL_SHOWN:-3}"
}
[ "${2-}" != worker ] || worker "$@"

policies=${KERNEL_POLICIES:-$(effort 1000)}
packets=${KERNEL_PACKETS:-10000}
seed=${KERNEL_SEED:-${MSB_SEED:-20261124}}
workers=${KERNEL_WORKERS:-$(nproc)}
first=${KERNEL_PROCESSOR:-0}
seconds=${KERNEL_SECONDS:-0}
[ "$policies" -ge "$workers" ] || workers=$policies
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
round=0
failed=0
while
	pids=()
	for ((i = 0; i < workers; i++)); do
		share=$(((policies + workers - 1 - i) / workers))
		"$0" "$build" worker "$share" "$packets" $((seed + round * workers + i)) \
			$(((first + i) % $(nproc))) >"$dir/$round.$i" 2>"$dir/errors.$i" &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
	round=$((round + 1))
	[ "$failed" = 0 ] && [ "$SECONDS" -lt "$seconds" ]
do :; done
grep -h '^#' "$dir"/[0-9]* || :
if [ "$failed" != 0 ]; then
	not_ok "kernel: ran to its end" "a worker failed"$'\n'"$(cat "$dir"/errors.*)"
	finish
fi
read -r policies rules sent allowed here fragmented bound intruders mismatches known known_wrong lost unexplained deferred < <(
	awk '/^figures/ { for (i = 2; i <= NF; i++) sum[i] += $i; n = NF } END { for (i = 2; i <= n; i++) printf "%d ", sum[i]; print "" }' \
		"$dir"/[0-9]*)
echo "# seed $seed: $policies policies of $((rules / policies)) rules, $sent packets, $allowed arrived, $deferred went to the name relay;" \
	"$here to the gateway, $fragmented in fragments, $bound names bound; $lost lost on the way and sent again; $SECONDS s, $((sent / (SECONDS + 1))) packets/s"
check "kernel: $policies policies, $sent packets, no mismatch with the evaluator" "$((mismatches != 0))" \
	"$mismatches of $sent packets fared otherwise (seed $seed)"
check "kernel: what arrived only when it was sent again was lost where the kernel counts it" "$((unexplained != 0))" \
	"$unexplained packets, and the kernel dropped fewer by itself"
check "kernel: nothing new comes in, whatever the rules" "$((intruders != 0))" "$intruders packets did"
check "kernel: $known flows that are known go on, and nothing forged with them" "$((known_wrong != 0))" \
	"$known_wrong packets fared otherwise"
check "kernel: all verdicts were tried" \
	"$((allowed * 10 < sent || allowed * 10 > sent * 9 || deferred * 50 < sent))" \
	"$allowed of $sent arrived, $deferred waited for their server name"
finish
