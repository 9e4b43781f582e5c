#!/usr/bin/env bash
# msb-cni by hand: a bridge and a pod's link as another plugin leaves them, then ADD, CHECK, DEL, STATUS and GC as the specification has
# them, and what the pod can reach meanwhile.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cni-lib.sh"
world_up
network_up
leftovers_mark

# --- what it speaks, and what it refuses ---------------------------------------------------------------------

cni VERSION '{}' </dev/null
same "VERSION names the versions" '["0.4.0","1.0.0","1.1.0"]' "$(jq -c .supportedVersions "$WORK/cni.out")"
cni_refused "an unknown command" 4 FETCH "$(net_conf)"
cni_refused "no configuration" 6 ADD ''
cni_refused "another version" 1 ADD '{"cniVersion":"9.0.0","name":"n"}'
pod_up web 10.88.0.5 fd88::5
cni_refused "no plugin before it" 7 ADD "$(net_conf | jq -c 'del(.prevResult)')"
cni_refused "a policy with a mistake" 7 ADD "$(net_conf '"rules":["allow@publik"]')"
contains "says which" "$(cat "$WORK/cni.out")" 'publik'
cni_refused "a policy that is not there" 7 ADD "$(net_conf '"policy":"nowhere"')"
CNI_NETNS=/run/netns/nowhere cni_refused "a namespace that is not there" 4 ADD "$(net_conf)"
same "a refusal leaves the link where it was" up "$(pod cat /sys/class/net/eth0/operstate)"
same "and nothing else" "" "$(leftovers)"

# --- ADD -----------------------------------------------------------------------------------------------------

rules='"rules":["allow@dns","allow@example.com:tcp:443","allow@93.184.216.35:tcp:80","allow@[2606:2800:220:1::35]:tcp:80","deny@any"]'
conf=$(net_conf "$rules")
mac=$(pod cat /sys/class/net/eth0/address)
cni ADD "$conf"
same "ADD" 0 "$status"
same "its result is the one before" 10.88.0.5/16 "$(jq -r '.ips[0].address' "$WORK/cni.out")"
same "with the link's MAC" "$mac" "$(jq -r '.interfaces[] | select(.sandbox) | .mac' "$WORK/cni.out")"
same "the pod's link has its MAC" "$mac" "$(pod cat /sys/class/net/eth0/address)"
contains "and its address" "$(pod ip -4 addr show eth0)" '10\.88\.0\.5/16'
contains "and its routes" "$(pod ip route)" 'default via 10\.88\.0\.1 dev eth0'
same "allowed by address" connected "$(pod "$PROBE" tcp 93.184.216.35 80)"
same "denied" refused "$(pod "$PROBE" tcp 93.184.216.36 80)"
same "denied at a port" refused "$(pod "$PROBE" tcp 93.184.216.35 81)"
same "allowed by IPv6" connected "$(pod "$PROBE" tcp 2606:2800:220:1::35 80)"
same "denied by IPv6" refused "$(pod "$PROBE" tcp 2606:2800:220:1::36 80)"
same "not before its name is looked up" refused "$(pod "$PROBE" tcp 93.184.216.34 443)"
same "a name" 93.184.216.34 "$(pod dig +short +time=2 +tries=1 @10.96.0.10 example.com A)"
same "allowed by name" connected "$(pod "$PROBE" tcp 93.184.216.34 443)"
contains "another name" "$(pod dig +time=2 +tries=1 @10.96.0.10 example.org A)" 'status: (REFUSED|NXDOMAIN)'

finish
