#!/usr/bin/env bash
# podman's containers behind bridge and ptp are judged by the policy, and cannot lift it.
. "$(dirname "$0")/lib.sh"
node_up
podman_up
leftovers_mark

for type in bridge ptp; do
	network "by-$type" "$type"
	podman_run "pod-$type" "by-$type" --cap-add NET_ADMIN >/dev/null
	exec_in=(podman exec "pod-$type")
	judged "$type"
	not_lifted "$type"
	try "$type: it is removed" podman rm -f -t 0 "pod-$type"
done
ip link delete cni0
nothing_left "nothing is left"
finish
