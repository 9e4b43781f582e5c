#!/usr/bin/env bash
# Which nameservers a pod's proxy asks: those of its runtime as long as its policy names none, whatever the node's resolv.conf says;
# what looks after that is idle, and takes nothing from root's inotify.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cni-lib.sh"
. "$(dirname "$0")/dns-lib.sh"
world_up
good_servers_up 1 2 3
echo "nameserver $NET.2" >"$WORK/resolv.conf"
network_up

# answered_by SERVER: what the pod gets of a name never asked before, whose last octet is that of the server that was asked
asked=0
answered_by() { pod dig +short +time=3 +tries=2 "@$1" "n$((asked += 1)).example.com" A; }
# conf SERVERS: the configuration, whose runtime names these
conf() { net_conf '"rules":["allow@*.example.com"]' | jq -c --argjson servers "$1" '.runtimeConfig.dns.Servers = $servers'; }
sandbox_of() { "$BUILD/msb-ctl" ps --format json | jq -r --arg pod "$1" '.sandboxes[].name | select(startswith($pod))'; }

pod_up web 10.88.0.5 fd88::5
cni ADD "$(conf "[\"$NET.1\"]")"
same "ADD" 0 "$status"
web=$(sandbox_of web)
same "the runtime's nameserver is asked" 93.184.216.1 "$(answered_by $NET.1)"
sleep 1.5 # resolv.conf has been looked at by then, where it is
same "a second later, too" 93.184.216.1 "$(answered_by $NET.1)"
printf 'dns nameserver %s.3\ndefault egress deny\nallow@*.example.com\n' $NET >"$WORK/third.msb"
try "reload with one of its own" "$BUILD/msb-ctl" reload "$web" --policy "$WORK/third.msb"
same "then that is asked" 93.184.216.3 "$(answered_by $NET.1)"
printf 'default egress deny\nallow@*.example.com\n' >"$WORK/none.msb"
try "reload without" "$BUILD/msb-ctl" reload "$web" --policy "$WORK/none.msb"
same "then the runtime's again" 93.184.216.1 "$(answered_by $NET.1)"

# --- what it takes of the node -------------------------------------------------------------------------------

supervisor=$(pgrep -nx msb-supervisor)
inotify() { find "/proc/$1/fd" -lname '*inotify*' | wc -l; }
woken() { awk '/^voluntary_ctxt/ { s += $2 } END { print s }' $(pgrep '^msb-' | sed 's|.*|/proc/&/status|'); }
same "nothing is watched for it" 0 "$(inotify "$supervisor")"
sleep 6 # what was asked has been seen to
before=$(woken)
sleep 12
woken=$(($(woken) - before))
[ "$woken" -le 1 ]
check "a pod that does nothing wakes nobody, once in half a minute at most" $? "$woken times in 12 s"
cni DEL "$(net_conf)"

pod_up plain 10.88.0.6 fd88::6
cni ADD "$(conf '[]')"
same "ADD where the runtime says nothing" 0 "$status"
same "the node's nameserver is asked" 93.184.216.2 "$(answered_by $NET.2)"
supervisor=$(pgrep -nx msb-supervisor)
wait_for 5 sh -c "find /proc/$supervisor/fd -lname '*inotify*' | grep -q ."
same "whose file is watched" 1 "$(inotify "$supervisor")"
echo "nameserver $NET.3" >"$WORK/resolv.conf"
now_third() { [ "$(answered_by $NET.2)" = 93.184.216.3 ]; }
wait_for 5 now_third
check "and followed" $?
cni DEL "$(net_conf)"

finish
