#!/usr/bin/env bash
# msb-cni behind a link that cannot carry a pod's packets: ADD says so, and the link is down. Run by tests/e2e/host-*.sh, since this
# machine's own kernel may have no ipvlan. usage: tests/kernels/cni-ipvlan.sh BUILD
. "$(dirname "$0")/../e2e/lib.sh"
. "$(dirname "$0")/../e2e/cni-lib.sh"
world_up
network_up
pod_up vlan 10.88.0.5 fd88::5
pod ip link delete eth0
ip link add vlan0 link wan0 type ipvlan mode l2 || not_ok "there is an ipvlan"
ip link set vlan0 netns vlan name eth0
pod_connect
cni_refused "ipvlan" 7 ADD "$(net_conf)"
contains "it says what to take instead" "$(jq -r .msg "$WORK/cni.out")" 'ipvlan.*take bridge, ptp or macvlan'
contains "the link is down" "$(pod ip -br link show eth0)" 'eth0@\S+ +DOWN'
finish
