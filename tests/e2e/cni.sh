#!/usr/bin/env bash
# msb-cni by hand: a bridge and a pod's link as another plugin leaves them, then ADD, CHECK, DEL, STATUS and GC as the specification has
# them, and what the pod can reach meanwhile.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cni-lib.sh"
world_up
network_up

# --- what it speaks, and what it refuses ---------------------------------------------------------------------

cni VERSION '{}' </dev/null
same "VERSION names the versions" '["0.4.0","1.0.0","1.1.0"]' "$(jq -c .supportedVersions "$WORK/cni.out")"
pod_up web 10.88.0.5 fd88::5
cni_refused "an unknown command" 4 FETCH "$(net_conf)"
cni_refused "no configuration" 6 ADD ''
cni_refused "another version" 1 ADD '{"cniVersion":"9.0.0","name":"n"}'
leftovers_mark
cni_refused "no plugin before it" 7 ADD "$(net_conf | jq -c 'del(.prevResult)')"
cni_refused "a policy with a mistake" 7 ADD "$(net_conf '"rules":["allow@publik"]')"
contains "says which" "$(cat "$WORK/cni.out")" 'publik'
cni_refused "a policy that is not there" 100 ADD "$(net_conf '"policy":"nowhere"')"
CNI_NETNS=/run/netns/nowhere cni_refused "a namespace that is not there" 4 ADD "$(net_conf)"
pod ip link set eth0 up
CNI_UNDER="prlimit --as=18000000" cni_refused "no memory" 100 ADD "$(net_conf)"
contains "a refusal leaves the link where it was, and nothing passes by it" "$(pod ip -br link show eth0)" 'eth0@\S+ +DOWN'
pod ip link set eth0 up
pod ip route replace default via 10.88.0.1
lacks "nor by what the pod does" "$(probe tcp 93.184.216.35 80 500)" 'connected|refused'
ip link set vweb up
pod_connect
left=$(leftovers)
same "and nothing else" "" "$(grep -v " dev vweb " <<<"$left")"

# --- ADD -----------------------------------------------------------------------------------------------------

rules='"rules":["allow@dns","allow@example.com:tcp:443","allow@93.184.216.35:tcp:80","allow@[2606:2800:220:1::35]:tcp:80","deny@any","deny:ingress@private"]'
conf=$(net_conf "$rules")
before=$(mac)
cni ADD "$conf"
same "ADD" 0 "$status"
same "its result is the one before" 10.88.0.5/16 "$(jq -r '.ips[0].address' "$WORK/cni.out")"
same "with the link's MAC" "$before" "$(jq -r '.interfaces[] | select(.sandbox) | .mac' "$WORK/cni.out")"
same "the pod's link has its MAC" "$before" "$(mac)"
contains "and its address" "$(pod ip -4 addr show eth0)" '10\.88\.0\.5/16'
contains "and its routes" "$(pod ip route)" 'default via 10\.88\.0\.1 dev eth0'
same "allowed by address" connected "$(probe tcp 93.184.216.35 80)"
same "denied" refused "$(probe tcp 93.184.216.36 80)"
same "denied at a port" refused "$(probe tcp 93.184.216.35 81)"
same "allowed by IPv6" connected "$(probe tcp 2606:2800:220:1::35 80)"
same "denied by IPv6" refused "$(probe tcp 2606:2800:220:1::36 80)"
same "not before its name is looked up" refused "$(probe tcp 93.184.216.34 443)"
same "a name" 93.184.216.34 "$(pod dig +short +time=2 +tries=1 @10.96.0.10 example.com A)"
same "allowed by name" connected "$(probe tcp 93.184.216.34 443)"
same "a name to another resolver, which is not allowed" "" "$(pod dig +short +time=1 +tries=1 @8.8.8.8 example.com A 2>/dev/null | grep -v '^;')"


# --- what is there of it -------------------------------------------------------------------------------------

sandbox=$("$BUILD/msb-ctl" ps --format json | jq -r '.sandboxes[0].name')
contains "msb-ctl sees it" "$sandbox" '^web-[0-9a-f]{8}$'
same "with the pod's address" 10.88.0.5 "$("$BUILD/msb-ctl" ps --format json | jq -r '.sandboxes[0].guest[0]')"
contains "what was denied is told" "$("$BUILD/msb-ctl" events "$sandbox" 2>&1)" '93\.184\.216\.36'
prev=$(jq -c . "$WORK/cni.out")
checked=$(jq -c --argjson r "$prev" '.prevResult = $r' <<<"$conf")
cni CHECK "$checked"
same "CHECK" 0 "$status"
cni_refused "ADD again" 100 ADD "$conf"
same "leaves it as it is" connected "$(probe tcp 93.184.216.35 80)"
printf 'default any deny\nallow@93.184.216.36:tcp:80\n' >"$WORK/other.msb"
try "reload" "$BUILD/msb-ctl" reload "$sandbox" --policy "$WORK/other.msb"
same "what it allows passes" connected "$(probe tcp 93.184.216.36 80)"
same "what it does not is refused" refused "$(probe tcp 93.184.216.35 80)"

# --- what comes in -------------------------------------------------------------------------------------------

pod busybox httpd -p 8000 -h "$WORK/www"
same "the node may connect in" connected "$("$PROBE" tcp 10.88.0.5 8000 | cut -d' ' -f1)"
same "by IPv6, too" connected "$("$PROBE" tcp fd88::5 8000 | cut -d' ' -f1)"
web=$pod
ip netns add other
ip link add vother type veth peer name eth0 netns other
ip link set vother master cni0 up
pod=other
pod ip address add 10.88.0.9/16 dev eth0
pod ip link set eth0 up
same "another pod may not" timeout "$(probe tcp 10.88.0.5 8000 500)"
events() { "$BUILD/msb-ctl" events "$sandbox" --format json; }
denied_in=ingress@10.88.0.9:tcp:8000
same "which is reported" "deny $denied_in ingress 10.88.0.9 true 8000 default default ingress deny" "$(events |
	jq -r --arg flow "$denied_in" 'select(.flow == $flow) |
		[.kind, .flow, .direction, .source, .source_port > 1023, .port, .rule, .text] | join(" ")' | sort -u)"
contains "and explained" "$("$BUILD/msb-ctl" explain "$sandbox" "$denied_in")" 'DENY +default .*default ingress deny'
pod "$BUILD/e2e/packet_flood" 10.88.0.5 9 1 >/dev/null
not_all_told() { events | jq -e 'select(.kind == "lost" and .count > 1000 and (.because | startswith("more than 100 refused")))'; }
try "of a flood some, and how many not" wait_for 5 not_all_told
events >"$WORK/events.in"
try "each event as the schema has it" python3 "$TESTS/e2e/tools/events-valid.py" "$TESTS/../docs/events.schema.json" "$WORK/events.in"
told=$(events | jq -s 'map(select(.flow == "ingress@10.88.0.9:udp:9") | .count // 1) | add // 0')
check "no more than of the pod's own" "$((told == 0 || told > 400))" "$told"
pod=$web
printf 'default any deny\nallow@93.184.216.36:tcp:80\nallow:ingress@10.88.0.9:tcp:8000\n' >"$WORK/in.msb"
try "reload with a rule for it" "$BUILD/msb-ctl" reload "$sandbox" --policy "$WORK/in.msb"
pod=other
same "then it may" connected "$(probe tcp 10.88.0.5 8000 2000)"
pod=$web
printf 'default egress deny\nallow@93.184.216.36:tcp:80\ndeny:ingress@host\n' >"$WORK/shut.msb"
try "reload with one against the node" "$BUILD/msb-ctl" reload "$sandbox" --policy "$WORK/shut.msb"
same "then the node may not" timeout "$("$PROBE" tcp 10.88.0.5 8000 500 | cut -d' ' -f1)"

# --- NET_ADMIN in the pod ------------------------------------------------------------------------------------

pod nft flush ruleset
pod ip link set eth0 down
pod ip link set eth0 address 02:00:00:00:00:01 up
pod ip route add default via 10.88.0.1 2>/dev/null
same "a MAC of its own choice reaches nothing" timeout "$(probe tcp 93.184.216.36 80 500)"
pod ip link set eth0 address "$before"
pod ip address add 10.88.0.77/16 dev eth0
same "nor does an address" timeout "$(pod ip route replace default via 10.88.0.1 src 10.88.0.77; probe tcp 93.184.216.36 80 500)"
pod ip route replace default via 10.88.0.1
same "what is allowed still passes" connected "$(probe tcp 93.184.216.36 80)"
same "what is denied does not" refused "$(probe tcp 93.184.216.35 80)"

# Two pods that are both behind policies, on a host that checks where a packet comes from
echo 1 >/proc/sys/net/ipv4/conf/all/rp_filter
try "reload for a neighbour" "$BUILD/msb-ctl" reload "$sandbox" --policy "$WORK/in.msb"
ip link del vother
wait_for 5 sh -c '! ip link show vother'
pod_up near 10.88.0.9 fd88::9
cni ADD "$(net_conf '"rules":["allow@10.88.0.5:tcp","allow@host"]')"
same "a pod reaches another behind its policy" connected "$(probe tcp 10.88.0.5 8000 2000)"
same "and the node" refused "$(probe tcp 10.88.0.1 99 2000)"
cni DEL "$(net_conf)"
ip link del vnear
ip netns del near
pod=web pod4=10.88.0.5 pod6=fd88::5 CNI_CONTAINERID=web CNI_NETNS=/run/netns/web

# --- DEL -----------------------------------------------------------------------------------------------------

kill "$(pgrep -x busybox | tail -n1)" 2>/dev/null
ip netns del other
cni DEL "$checked"
same "DEL" 0 "$status"
contains "the link is back, for the plugin before" "$(ip -br link show vweb) $(pod ip addr show eth0)" '10\.88\.0\.5/16'
lacks "down, so that the pod has no network without its policy" "$(pod ip -br link show eth0)" UP
nft 'table netdev back { chain from { type filter hook ingress device "vweb" priority 0; counter; }; }'
pod nft 'table netdev back { chain from { type filter hook ingress device "eth0" priority 0; counter; }; }'
pod ip link set eth0 up
pod ip route replace default via 10.88.0.1
same "nor by its own doing" timeout "$(probe tcp 93.184.216.35 80 500 | sed s/unreachable/timeout/)"
"$PROBE" tcp 10.88.0.5 8000 300 >/dev/null
same "nothing came by it, on either side" "counter packets 0 bytes 0 counter packets 0 bytes 0" "$(
	(nft list table netdev back; pod nft list table netdev back) | grep -o 'counter packets.*' | xargs)"
nft delete table netdev back
pod nft delete table netdev back
same "nothing else is left" "" "$(leftovers | grep -v "vweb\|process .* \(bash\|grep\)$")"
cni DEL "$conf"
same "DEL again" 0 "$status"
CNI_NETNS='' cni DEL "$(jq -c 'del(.prevResult)' <<<"$conf")"
same "DEL without anything" 0 "$status"

# --- the end of the supervisor, and of the pod ---------------------------------------------------------------

pod_up two 10.88.0.6 fd88::6
conf=$(net_conf '"rules":["allow@93.184.216.35:tcp:80"]')
cni ADD "$conf"
same "another pod" connected "$(probe tcp 93.184.216.35 80)"
pod sh -c "while :; do '$PROBE' tcp 93.184.216.36 80 20; done" >"$WORK/denied" 2>&1 &
hammer=$!
kill -KILL "$(pgrep -x msb-supervisor)"
same "the supervisor's death closes its network" 1 "$(wait_for 5 sh -c '! ip link show vtwo'; pod "$PROBE" tcp 93.184.216.35 80 300 | grep -c 'unreachable\|timeout')"
kill "$hammer"
wait "$hammer" 2>/dev/null
contains "what was denied was tried meanwhile" "$(cat "$WORK/denied")" '^refused'
lacks "and did not pass as it went" "$(cat "$WORK/denied")" '^connected'
cni_refused "CHECK tells" 101 CHECK "$(jq -c . <<<"$conf")"
cni_refused "STATUS, too" 51 STATUS "$(jq -c 'del(.prevResult)' <<<"$conf")"
CNI_NETNS='' cni DEL "$conf"
same "DEL without its namespace" 0 "$status"
cni STATUS "$(jq -c 'del(.prevResult)' <<<"$conf")"
same "STATUS is fine then" 0 "$status"
cni_refused "STATUS where the policy is missing" 50 STATUS "$(net_conf '"policy":"nowhere"' | jq -c 'del(.prevResult)')"

pod_up three 10.88.0.7 fd88::7
cni ADD "$(net_conf)"
same "a third" 0 "$status"
ip netns del three
wait_for 5 sh -c '! pgrep msb-'
same "its processes end with the pod" "" "$(pgrep -lx 'msb-.*')"
CNI_NETNS=/run/netns/three cni DEL "$(net_conf)"
same "DEL of a pod that is gone" 0 "$status"

# --- a policy's file, watched ----------------------------------------------------------------------------------

mkdir -p "$WORK/policies"
printf 'default any deny\nallow@93.184.216.35:tcp:80\n' >"$WORK/policies/web.msb"
pod_up watched 10.88.0.11 fd88::b
conf=$(net_conf "\"policy\":\"web\",\"policies\":\"$WORK/policies\",\"watch\":true,\"events\":\"$WORK/events\"")
CNI_ARGS='IgnoreUnknown=1;K8S_POD_NAME=Web_1' cni ADD "$conf"
same "a policy of a file" "0 connected refused" "$status $(probe tcp 93.184.216.35 80) $(probe tcp 93.184.216.36 80)"
contains "a pod's name is the sandbox's" "$("$BUILD/msb-ctl" ps)" '^default-web-1-[0-9a-f]{8} '
contains "events go to the file" "$(cat "$WORK/events")" '"vmm":"pod"'
printf 'default any deny\nallow@93.184.216.36:tcp:80\n' >"$WORK/policies/new.msb"
mv "$WORK/policies/new.msb" "$WORK/policies/web.msb"
passes() { [ "$(probe tcp 93.184.216.36 80)" = connected ]; }
try "what it says then is in force" wait_for 10 passes
cni DEL "$conf"
same "DEL of it" 0 "$status"

# --- a policy that a job's author names, by a runtime that knows of no namespaces ---------------------------------

mkdir -p "$WORK/floors"
printf 'default any deny\nallow@{93.184.216.35, 93.184.216.36}:tcp:80\n' >"$WORK/policies/python.msb"
printf 'default egress allow\ndeny@93.184.216.36\n' >"$WORK/floors/jobs.msb"
pod_up job 10.88.0.13 fd88::d
CNI_ARGS="IgnoreUnknown=true;$(sed -n 's/^ *\(MSB_POLICY\) = "\(.*\)"$/\1=\2/p' "$TESTS/../docs/nomad.hcl")"
conf=$(net_conf "\"policies\":\"$WORK/policies\",\"floors\":\"$WORK/floors\"")
cni_refused "nothing bounds it" 100 ADD "$conf"
contains "and what to do is said" "$(jq -r .msg "$WORK/cni.out")" 'no K8S_POD_NAMESPACE.*"floor"'
pod_connect
conf=$(jq -c '.floor = "jobs"' <<<"$conf")
cni ADD "$conf"
same "the network's floor does" "0 connected refused" "$status $(probe tcp 93.184.216.35 80) $(probe tcp 93.184.216.36 80)"
cni DEL "$conf"
CNI_ARGS=
cni_refused "a floor that is not there" 7 ADD "$(jq -c '.floor = "none"' <<<"$conf")"

# --- server names: flows that wait for theirs go by a relay, which leaves from the pod's address --------------------

page() { pod timeout 3 bash -c "exec 3<>/dev/tcp/$1/80; printf 'GET / HTTP/1.0\r\n\r\n' >&3; tail -n1 <&3"; }
pod_up named 10.88.0.12 fd88::c
conf=$(net_conf '"rules":["deny@example.org:tcp","allow@dns","allow@any"]')
cni ADD "$conf"
same "what has no server name passes by its address" "hello from the Internet" "$(page 93.184.216.35)"
same "by IPv6, too" "hello from the Internet" "$(page 2606:2800:220:1::35)"
cni DEL "$conf"

# --- GC ------------------------------------------------------------------------------------------------------

pod_up four 10.88.0.8 fd88::8
cni ADD "$(net_conf)"
pod_up five 10.88.0.10 fd88::a
cni ADD "$(net_conf)"
gc() { jq -cn --argjson v "$1" '{cniVersion:"1.1.0",name:"test",type:"msb-cni","cni.dev/valid-attachments":$v}'; }
cni GC "$(gc '[{"containerID":"five","ifname":"eth0"}]')"
same "GC" 0 "$status"
contains "what is in its list stays" "$("$BUILD/msb-ctl" ps)" '^five-'
lacks "what is not goes" "$("$BUILD/msb-ctl" ps)" '^four-'
pod=four
lacks "nor has it a network" "$(probe tcp 10.88.0.1 80) $(pod ip -br link)" 'eth0|connected|refused'
cni GC "$(gc '[]')"
same "and the rest with an empty list" "" "$(pgrep -lx 'msb-.*')"
same "no file is left" "" "$(ls /run/msb-cni)"

finish
