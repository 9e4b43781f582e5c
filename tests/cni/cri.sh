#!/usr/bin/env bash
# Pods by Kubernetes' container runtime interface, as the kubelet makes them.
. "$(dirname "$0")/lib.sh"
if [ ! -e "$BUILD/cri/fetched" ]; then
	skip everything "no gRPC client: \`make ci-deps\` fetches it"
	finish
fi
node_up
network bridged bridge
containerd_used

contains "the network is ready" "$(cri Status '{}')" '"NetworkReady","status":true'
cri_pod web; check "a pod starts" $?
exec_in=(cri_exec "$container")
judged CRI
not_lifted CRI
try "it is removed" cri_remove "$pod"
containerd_stop
ip link delete cni0
nothing_left "nothing is left"
finish
