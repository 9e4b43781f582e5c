#!/usr/bin/env bash
# containerd's own containers: ctr run --cni. A restart of containerd does not disturb a pod.
. "$(dirname "$0")/lib.sh"
node_up
network bridged bridge
containerd_used

start_pod() { timeout 60 ctr run --detach --cni --cap-add CAP_NET_ADMIN "$IMAGE" "$1" sleep 1000; }
try "a container starts" start_pod one
in_one() { ctr tasks exec --exec-id "exec$RANDOM$RANDOM" one "$@"; }
exec_in=(in_one)
inside 'mkdir -p /etc && echo nameserver 9.9.9.9 >/etc/resolv.conf' # ctr makes none
judged "ctr"
containerd_stop
containerd_start
judged "ctr, after containerd has been started again"
not_lifted "ctr"
ctr tasks kill --signal KILL one
wait_for 10 sh -c 'ctr tasks ls | grep -q STOPPED'
try "it is removed" sh -c 'ctr tasks delete one; ctr containers delete one'
containerd_stop
ip link delete cni0
nothing_left "nothing is left"
finish
