#!/usr/bin/env bash
# msb-ctl sees a pod as it sees a sandbox: ps, status, events, stats, reload.
. "$(dirname "$0")/lib.sh"
node_up
network routed ptp
ARGS="IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=cart"
add c0ffee routed; check "a pod starts" $?
exec_in=(in_pod c0ffee env PATH="$BUILD/e2e:$PATH")
ctl() { "$BUILD/msb-ctl" "$@" 2>&1; }
name=$(ctl ps --format json | jq -r '.sandboxes[0].name')
contains "its name is the pod's" "$name" '^shop-cart'
fares "an address that is not allowed" refused tcp 93.184.216.51 80
contains "status has its rules" "$(ctl status "$name")" 'allow@example\.com:tcp:80'
wait_for 5 sh -c "'$BUILD/msb-ctl' events '$name' | grep -q 93.184.216.51"
contains "events have what was denied" "$(ctl events "$name")" 93.184.216.51
try "stats" ctl stats "$name"
contains "explain" "$(ctl explain "$name" egress@93.184.216.51:tcp:80)" DENY
try "a grant" ctl allow "$name" allow@93.184.216.51:tcp:80 --for 1m
fares "which opens" connected tcp 93.184.216.51 80
printf 'default egress deny\nallow@93.184.216.52:tcp:80\n' >"$WORK/new.msb"
try "reload" ctl reload "$name" --policy "$WORK/new.msb"
fares "what the new policy allows" connected tcp 93.184.216.52 80
fares "what the old one did" refused tcp 93.184.216.50 80
try "it is removed" del c0ffee routed
lacks "and seen no more" "$(ctl ps)" "$name"
finish
