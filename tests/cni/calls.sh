#!/usr/bin/env bash
# The calls of the specification, by hand: ADD, CHECK, DEL in every order that runtimes use, STATUS, GC; and that nothing is left.
. "$(dirname "$0")/lib.sh"
node_up
network routed ptp
own=$(($(types routed | wc -l) - 1)) # msb-cni's place in the list
leftovers_mark

# --- ADD and its result
add one routed; check "ADD" $?
exec_in=(in_pod one env PATH="$BUILD/e2e:$PATH")
same "the result names the pod's namespace" /run/netns/one "$(result_of one routed | jq -r '[.interfaces[] | select(.name == "eth0") | .sandbox][0]')"
same "and the link's MAC" "$(in_pod one ip -j link show eth0 | jq -r '.[0].address')" \
	"$(result_of one routed | jq -r '[.interfaces[] | select(.name == "eth0") | .mac][0]')"
contains "its IPv4 address is the pod's" "$(in_pod one ip address show eth0)" "inet $(address one routed 4)/"
contains "and its IPv6 address" "$(in_pod one ip address show eth0)" "inet6 $(address one routed 6)/"
fares "an address that is allowed" connected tcp 93.184.216.50 80
fares "one that is not" refused tcp 93.184.216.51 80
same "a second ADD of the same is refused, with a code" true "$(call ADD one /run/netns/one msb-cni \
	"$(config routed $own "{ \"prevResult\": $(result_of one routed) }")" | jq '.code > 0 and (.msg | length > 0)')"
fares "and does not disturb the first" connected tcp 93.184.216.50 80

# --- CHECK
result=$(result_of one routed)
check_own() { call CHECK one /run/netns/one msb-cni "$(config routed $own "{ \"prevResult\": $result }")"; }
try "CHECK" check_own
gateway=$(jq -r '.ips[0].gateway' <<<"$result")
own_address=$(jq -r '.ips[0].address' <<<"$result")
in_pod one ip address delete "$own_address" dev eth0
contains "CHECK finds an address that is missing" "$(check_own)" "has not its address $own_address"
in_pod one ip address add "$own_address" dev eth0
contains "CHECK finds a route that is missing" "$(check_own)" 'has not its route to 0\.0\.0\.0/0'
in_pod one ip route add default via "$gateway" onlink dev eth0
try "CHECK when both are back" check_own
in_pod one ip link set eth0 down
same "CHECK finds a link that is down" true "$(check_own | jq '.code > 0')"
in_pod one ip link set eth0 up
in_pod one ip route replace default via "$gateway" 2>/dev/null

# --- DEL
try "DEL" del one routed
try "DEL once more, without a result" del one routed
try "DEL without a namespace" del one routed ''
ip netns delete one
nothing_left "after DEL nothing is left"

add two routed; check "ADD, for a DEL without a namespace" $?
result=$(result_of two routed)
try "DEL without a namespace, first" del two routed ''
try "and once more" del two routed ''
ip netns delete two
nothing_left "nothing is left"

add three routed; check "ADD, for a namespace that goes away" $?
ip netns delete three
wait_for 10 sh -c '! pgrep -x msb-supervisor'
same "the supervisor ends with the pod" "" "$(pgrep -x msb-supervisor)"
try "DEL after it" del three routed ''
nothing_left "nothing is left of it"

# --- ADD that fails
# refused_add NAME KEYS PATTERN: a plugin's configuration that is wrong; the pod has no network, and nothing is left
refused_add() {
	local said
	network wrong ptp "$2"
	said=$(add bad wrong)
	check "$1: ADD fails" $(($? == 0))
	same "$1: with a code and a message" true "$(sed 's/^msb-cni: //' <<<"$said" | jq '.code > 0 and (.msg | length > 0)' 2>/dev/null)"
	contains "$1: which says why" "$said" "$3"
	same "$1: what carried the pod's packets is down" true "$(ip -n bad -j link show eth0 | jq '.[0].flags | index("UP") == null')"
	del bad wrong '' >/dev/null
	ip netns delete bad
	rm "$NETWORKS/wrong.conflist"
	nothing_left "$1: nothing is left"
}
refused_add "a rule that is none" '{ "rules": ["allow@@"] }' 'allow@@|rule'
refused_add "a policy that is not there" '{ "policy": "missing.msb" }' missing.msb
refused_add "a policy outside the directory" '{ "policy": "../../etc/passwd" }' 'policy|passwd'
refused_add "rules that are no list" '{ "rules": 7 }' rules

# --- STATUS, GC, VERSION
same "VERSION" true "$(call VERSION '' '' msb-cni '{ "cniVersion": "1.1.0" }' |
	jq '.supportedVersions | index("1.1.0") != null and index("1.0.0") != null')"
newer() { config routed $own "$1" | jq '.cniVersion = "1.1.0"'; }
status_call() { call STATUS '' '' msb-cni "$(newer '{}')"; }
try "STATUS" status_call
for pod in kept stale; do add $pod routed || not_ok "ADD of $pod"; done
collect() {
	call GC '' '' msb-cni "$(newer '{ "cni.dev/valid-attachments": [{ "containerID": "kept", "ifname": "eth0" }] }')"
}
seen_reset
while :; do in_pod stale "$PROBE" tcp 93.184.216.51 80 100; done >/dev/null 2>&1 &
prober=$!
sleep 0.3
try "GC" collect
sleep 0.5
kill $prober
never_there "what is denied, while GC takes a pod's namespace apart" 93.184.216.51
lacks "GC ends what is not among the valid ones" "$("$BUILD/msb-ctl" ps 2>&1)" stale
exec_in=(in_pod kept env PATH="$BUILD/e2e:$PATH")
fares "the valid one has its network" connected tcp 93.184.216.50 80
lacks "the other has none" "$(in_pod stale "$PROBE" tcp 93.184.216.50 80 1000 2>&1)" '^connected'

# --- the supervisor is killed
supervisor=$(pgrep -ox msb-supervisor)
[ -z "$supervisor" ] || kill -KILL "$supervisor"
wait_for 5 sh -c '! pgrep -x msb-supervisor'
lacks "a supervisor that is killed takes the pod's network along" "$(in_pod kept "$PROBE" tcp 93.184.216.50 80 1000 2>&1)" '^connected'
for pod in kept stale; do
	try "DEL of $pod" del $pod routed
	ip netns delete $pod
done
nothing_left "nothing is left of either"
finish
