#!/usr/bin/env bash
# CHECK of msb-cni: it is content with what ADD made, and with more; each thing that is missing or other, in the pod or in the namespace
# between, is an error that names it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cni-lib.sh"
world_up
network_up

added() {
	local routes='[{"dst":"0.0.0.0/0"},{"dst":"::/0"},{"dst":"10.99.0.0/16","gw":"10.88.0.3"}]'
	pod_up web 10.88.0.5 fd88::5
	pod ip route add 10.99.0.0/16 via 10.88.0.3
	conf=$(net_conf '"rules":["allow@93.184.216.35:tcp:80"]' | jq -c --argjson routes "$routes" '.prevResult.routes = $routes')
	cni ADD "$conf"
	[ "$status" = 0 ] || not_ok "ADD" "$(cat "$WORK/cni.out")"
	conf=$(jq -c --slurpfile result "$WORK/cni.out" '.prevResult = $result[0]' <<<"$conf")
}
removed() {
	cni DEL "$conf"
	ip netns del web
	wait_for 5 sh -c '! ip link show vweb'
}
between() { nsenter --net="/proc/$(pgrep -ox msb-supervisor)/ns/net" -- "$@"; }

# checked NAME: CHECK is content
checked() {
	cni CHECK "$conf"
	same "$1" "0 " "$status $(cat "$WORK/cni.out")"
}
# found NAME PATTERN: CHECK is not, and says so
found() {
	cni_refused "$1" 101 CHECK "$conf"
	contains "$1: it is named" "$(jq -r .msg "$WORK/cni.out")" "$2"
}

added
checked "what ADD made"
pod ip address add 10.88.0.77/16 dev eth0
pod ip route add 10.98.0.0/16 dev eth0
pod ip link set lo mtu 1500
checked "more than that"

# --- the pod ---------------------------------------------------------------------------------------------------

pod ip address del 10.88.0.5/16 dev eth0
found "an address is missing" '^eth0 in /run/netns/web has not its address 10\.88\.0\.5/16$'
removed
added
pod ip address del 10.88.0.5/16 dev eth0
pod ip address add 10.88.0.5/24 dev eth0
found "an address with another length" 'has not its address 10\.88\.0\.5/16'
removed
added
pod ip -6 address del fd88::5/128 dev eth0
found "an IPv6 address is missing" 'has not its address fd88::5/128'
pod ip -6 address add fd88::5/128 dev eth0 nodad
checked "it is back"
pod ip route del default
found "the default route is missing" 'has not its route to 0\.0\.0\.0/0$'
pod ip route add blackhole default
found "one that leads nowhere" 'has not its route to 0\.0\.0\.0/0$'
pod ip route del default
pod ip route add default via 10.88.0.1
checked "it is back"
pod ip route replace 10.99.0.0/16 via 10.88.0.4
found "a route by another gateway" 'has not its route to 10\.99\.0\.0/16 via 10\.88\.0\.3'
pod ip route replace 10.99.0.0/16 via 10.88.0.3
pod ip -6 route del default
found "the default route of IPv6 is missing" 'has not its route to ::/0 via fd88::1'
pod ip -6 route add default via fd88::1
checked "it is back"
before=$(mac)
pod ip link set eth0 address 02:00:00:00:00:01
found "another MAC" "has the MAC 02:00:00:00:00:01, and was given $before"
pod ip link set eth0 address "$before"
pod ip link set eth0 down
found "the link is down" '^eth0 in /run/netns/web is down$'
removed

added
pod ip link set eth0 down
pod ip link set eth0 name mine
mac=$(pod ip -j link show mine | jq -r '.[0].address')
pod ip link add eth0 address "$mac" type bridge
pod ip address add 10.88.0.5/16 dev eth0
pod ip address add fd88::5/128 dev eth0 nodad
pod ip link set eth0 up
pod ip route add default via 10.88.0.1
pod ip route add 10.99.0.0/16 via 10.88.0.3
pod ip -6 route add default via fd88::1 onlink dev eth0
found "a link of the same name, MAC, addresses and routes" '^eth0 in /run/netns/web is not the link that ADD made'
removed

# --- the namespace between ---------------------------------------------------------------------------------------

added
between ip link set uplink down
found "the link to the outside is down" '^uplink in sandbox web-[0-9a-f]+ is down$'
removed
added
between ip route del 10.88.0.5 dev br0
found "the way to the pod" 'br0 in sandbox web-[0-9a-f]+ has not its route to 10\.88\.0\.5/32'
between ip route add 10.88.0.5 dev br0
checked "it is back"
between ip -6 route del fd88::5/128 dev br0
found "the way to its IPv6 address" 'br0 in sandbox web-[0-9a-f]+ has not its route to fd88::5/128'
between ip -6 route add fd88::5/128 dev br0
between ip route del default
found "the way out" 'uplink in sandbox web-[0-9a-f]+ has not its route to 0\.0\.0\.0/0'
between ip route add default via 10.88.0.1 dev uplink onlink
checked "it is back"
between sysctl -qw net.ipv4.ip_forward=0
found "nothing is forwarded" 'net/ipv4/ip_forward is 0, and was set to 1'
removed
added
between sysctl -qw net.ipv4.conf.uplink.proxy_arp=0
found "nobody is told where the pod is" 'net/ipv4/conf/uplink/proxy_arp is 0, and was set to 1'
between sysctl -qw net.ipv4.conf.uplink.proxy_arp=1
between sysctl -qw net.ipv4.conf.all.accept_redirects=1
found "others may change routes" 'net/ipv4/conf/all/accept_redirects is 1, and was set to 0'
between sysctl -qw net.ipv4.conf.all.accept_redirects=0
checked "it is as it was"
valid() {
	printf '{"version":1,"command":"check"}\n' | timeout 5 socat -t 3 - "UNIX-CONNECT:/run/msb/$sandbox/control" |
		python3 -c 'import json, jsonschema, sys; jsonschema.validate(json.load(sys.stdin), json.load(open(sys.argv[1])))' "$TESTS/../docs/control.schema.json"
}
changed='^sandbox web-[0-9a-f]+: its rules were changed by somebody else'
sandbox=$("$BUILD/msb-ctl" ps --format json | jq -r '.sandboxes[0].name')
try "what the sandbox says of its rules is as the schema says" valid
between nft insert rule inet msb forward accept
found "a rule in front of the others" "$changed"
try "reload" "$BUILD/msb-ctl" reload "$sandbox"
checked "puts them back"
handle=$(between nft -a list chain inet msb forward | sed -n 's/.*# handle //p' | tail -n1)
between nft replace rule inet msb forward handle "$handle" accept
found "a rule in place of another" "$changed"
"$BUILD/msb-ctl" reload "$sandbox" >/dev/null
between nft chain inet msb forward '{ policy accept; }'
found "a chain's policy" "$changed"
"$BUILD/msb-ctl" reload "$sandbox" >/dev/null
between nft add table inet msb '{ flags dormant; }'
found "rules that sleep" "$changed"
"$BUILD/msb-ctl" reload "$sandbox" >/dev/null
checked "they are as they were"
between nft delete table netdev msb
found "a table that is gone" "$changed"
between nft flush ruleset
found "no rules" "$changed"
try "reload where there are none" "$BUILD/msb-ctl" reload "$sandbox"
checked "puts them back, too"
printf 'default any deny\nallow@example.com:tcp:443\nallow@example.com:tcp:80\nallow@www.example.com:tcp:80\nallow@93.184.216.35:tcp:80\n' >"$WORK/names.msb"
"$BUILD/msb-ctl" reload "$sandbox" --policy "$WORK/names.msb" >/dev/null
pod dig +short +time=2 +tries=1 @10.96.0.10 example.com A >/dev/null
same "what is allowed passes" "connected connected refused" "$(probe tcp 93.184.216.34 443) $(probe tcp 93.184.216.35 80) $(probe tcp 93.184.216.36 80)"
contains "an address has a name" "$("$BUILD/msb-ctl" status "$sandbox")" 93.184.216.34
checked "what names and packets add is the sandbox's own"
try "a grant" "$BUILD/msb-ctl" allow "$sandbox" allow@93.184.216.36:tcp:80 --for 1m
checked "so is a grant"
kill -STOP "$(pgrep -ox msb-supervisor)"
found "a supervisor that does not answer" '^sandbox web-[0-9a-f]+: it does not answer$'
kill -CONT "$(pgrep -ox msb-supervisor)"
kill -KILL "$(pgrep -ox msb-supervisor)"
wait_for 5 sh -c '! pgrep -x msb-supervisor'
found "a supervisor that is dead" 'eth0 in /run/netns/web: No such device'
removed

# --- one family ------------------------------------------------------------------------------------------------------

pod_up web 10.88.0.5 fd88::5
pod ip -6 address flush dev eth0 scope global
pod ip -6 route flush default
conf=$(net_conf '"rules":["deny@any"]' | jq -c '.prevResult.ips |= [.[0]]')
cni ADD "$conf"
same "a pod with IPv4 alone" 0 "$status"
checked "a route of the family that it has not"
pod ip route del default
found "its own default route is missing" 'has not its route to 0\.0\.0\.0/0$'
removed

# --- a result that cannot be read ----------------------------------------------------------------------------------

added
cni_refused "a route that is none" 7 CHECK "$(jq -c '.prevResult.routes[0].dst = "x"' <<<"$conf")"
cni_refused "a gateway that is none" 7 CHECK "$(jq -c '.prevResult.routes[0].gw = "x"' <<<"$conf")"
conf=$(jq -c '.prevResult.routes += [{"dst":"10.97.0.0/16","table":7}]' <<<"$conf")
checked "a route of another table is not the pod's link's"
removed
finish
