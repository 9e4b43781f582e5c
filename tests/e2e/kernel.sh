#!/usr/bin/env bash
# The kernel against the evaluator: random policies, thousands of packets through an installed ruleset, 0 mismatches.
# KERNEL_POLICIES, KERNEL_PACKETS, KERNEL_SEED change how many and which. usage: tests/e2e/kernel.sh BUILD
set -eu
build=$(realpath "${1:?usage: tests/e2e/kernel.sh BUILD}")
. "$(dirname "$0")/links.sh"
. "$(dirname "$0")/../tap.sh"
# Lone fragments that wait for the rest of their packet take room from others'
sysctl -qw net.ipv4.ipfrag_time=2 net.netfilter.nf_conntrack_frag6_timeout=2
exec "$build/e2e/kernel_oracle" /run/netns/guest /run/netns/sink "$(mac link show br0)" "$(mac link show uplink)" \
	"${KERNEL_POLICIES:-$(effort 200)}" "${KERNEL_PACKETS:-400}" "${KERNEL_SEED:-20261124}"
