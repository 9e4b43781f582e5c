#!/usr/bin/env bash
# What msb-cni refuses: each key, variable and result that is not as it should be gets an error object with the specification's code
# and a message that names it; the pod's link stays where it is, down.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cni-lib.sh"
world_up
network_up
pod_up web 10.88.0.5 fd88::5
base=$(net_conf)

# refused NAME CODE JQ MESSAGE: ADD with the configuration that the program JQ makes of a good one
refused() {
	pod ip link set eth0 up
	cni_refused "$1" "$2" ADD "$(jq -c "$3" <<<"$base")"
	contains "$1: says so" "$(jq -r .msg "$WORK/cni.out")" "$4"
	contains "$1: the link is down" "$(pod ip -br link show eth0)" 'eth0@\S+ +DOWN'
}

# --- the configuration ---------------------------------------------------------------------------------------

refused "a key with a mistake" 7 '.flor = "jobs"' '`flor` is no key .*did you mean `floor`'
refused "a key of another case" 7 '.Policy = "web"' 'did you mean `policy`'
refused "a key like none" 7 '.somethingElse = 1' '`somethingElse` is no key .*msb-cni\(8\)'
cni_refused "a key with a mistake, by STATUS" 7 STATUS "$(jq -c 'del(.prevResult) | .flor = "jobs"' <<<"$base")"
while IFS=$'\t' read -r keys message; do
	refused "wrong: $keys" 7 "$keys" "$message"
done <<'END'
.floor = 5	`floor` must be a text
.policy = ""	`policy` must be a text
.policies = "etc/msb"	`policies` must be an absolute path
.floors = "etc/msb"	`floors` must be an absolute path
.rules = "allow@any"	`rules` must be a list
.rules = [1]	`rules` must be a list
.clusterNetworks = []	`clusterNetworks` must be an object
.clusterNetworks = {pods: "10.0.0.0/8"}	`clusterNetworks\.pods` must be a list
.clusterNetworks = {pod: ["10.0.0.0/8"]}	`pods` and `services` and nothing else
.clusterNetworks = {services: ["10.0.0.0/80"]}	`clusterNetworks\.services`: `10\.0\.0\.0/80` is no network
.clusterDomain = "a b" | .clusterNetworks = {pods: ["10.0.0.0/8"]}	no domain name: `a b`
.searchDomains = "x"	`searchDomains` must be a list
.searchDomains = ["a b"]	`searchDomains`: `a b` is no domain
.events = "rel"	`events`: wanted is an absolute path
.events = "/nowhere/at/all"	`events`: /nowhere/at/all: No such file
.events = ["/a", "/b", "/c", "/d", "/e"]	`events`: .*four at most
.eventsAll = "yes"	`eventsAll`: wanted is true or false
.watch = 1	`watch`: wanted is true or false
.logDenials = "no"	`logDenials`: wanted is true or false
.denyMode = "reject"	`denyMode`: wanted is "refuse" or "drop"
.capabilities = true	`capabilities` must be an object
.runtimeConfig = []	`runtimeConfig` must be an object
.runtimeConfig.dns = "9.9.9.9"	`runtimeConfig\.dns` must be an object
.runtimeConfig.dns = {Servers: "9.9.9.9"}	`runtimeConfig\.dns\.servers` must be a list
.runtimeConfig["io.kubernetes.cri.pod-annotations"] = "x"	pod-annotations` must be an object
.name = "a/b"	`name`: wanted are letters
.prevResult.ips = 5	`prevResult\.ips` must be a list
.prevResult.interfaces = {}	`prevResult\.interfaces` must be a list
.prevResult.routes = {}	`prevResult\.routes` must be a list
.prevResult.ips[0].interface = 9	`interface` of an address is none of `interfaces`
.prevResult.ips[0].interface = "2"	`interface` of an address is none of `interfaces`
.prevResult.ips[0].address = "10.88.0.5"	no address with a length
.prevResult.ips[0].address = "0.0.0.0/0"	no pod can have these
.prevResult.ips[0].address = "127.0.0.1/8"	no pod can have these
.prevResult.ips[0].gateway = "10.88.0.5"	no pod can have these
.prevResult.ips[0].gateway = "fd88::1"	is no gateway of
del(.prevResult.ips[0].gateway)	has no gateway; .*isGateway
END

# --- the environment -----------------------------------------------------------------------------------------

long=$(printf 'a%.0s' {1..201})
for id in ../x _x a@b "$long" $'\xff'; do
	CNI_CONTAINERID=$id cni_refused "the container $(printf %.10q "$id")" 4 ADD "$base"
	contains "and the link is down" "$(pod ip -br link show eth0)" 'eth0@\S+ +DOWN'
	pod ip link set eth0 up
done
for link in '' x/y x:y .. longer-than-fifteen $'x\v'; do CNI_IFNAME=$link cni_refused "the link $(printf %q "$link")" 4 ADD "$base"; done
CNI_IFNAME=$'a\xff' cni_refused "a link of no UTF-8 that is not there" 7 ADD "$base"
mkfifo "$WORK/fifo"
for netns in /nowhere /etc/passwd /proc/1/ns/net /proc/self/ns/mnt "$WORK/fifo"; do
	CNI_NETNS=$netns cni_refused "the namespace $netns" 4 ADD "$base"
done
contains "one that is none is named" "$(jq -r .msg "$WORK/cni.out")" "$WORK/fifo: it is no network namespace"
for args in nothing K8S_POD_NAME= 'K8S_POD_NAME=a;K8S_POD_NAME=b' K8S_POD_NAMESPACE=../../x; do
	CNI_ARGS=$args cni_refused "CNI_ARGS $args" 4 ADD "$base"
done
CNI_UNDER="setpriv --bounding-set -sys_admin --inh-caps -sys_admin" cni_refused "without CAP_SYS_ADMIN" 100 ADD "$base"
contains "which is named" "$(jq -r .msg "$WORK/cni.out")" 'CAP_SYS_ADMIN'
CNI_UNDER="setpriv --bounding-set -net_admin --inh-caps -net_admin" cni_refused "without CAP_NET_ADMIN" 100 ADD "$base"
contains "which is named, too" "$(jq -r .msg "$WORK/cni.out")" 'CAP_NET_ADMIN'
CNI_UNDER="setpriv --bounding-set -net_admin --inh-caps -net_admin" cni_refused "nor is STATUS fine then" 50 STATUS "$(jq -c 'del(.prevResult)' <<<"$base")"
same "nothing is left" "" "$(ls /run/msb-cni)$(pgrep -lx 'msb-.*')"

# --- what is right -------------------------------------------------------------------------------------------

# added NAME JQ: ADD and DEL with it
added() {
	pod_connect
	cni ADD "$(jq -c "$2" <<<"$base")"
	same "$1" 0 "$status"
	cp "$WORK/cni.out" "$WORK/result"
	cni DEL "$base"
}
for version in 0.4.0 1.0.0; do
	for result in '' ' | .prevResult.ips[0].version = "4" | .prevResult.ips[1].version = "6"'; do
		added "of version $version${result:+, behind one of 0.4.0}" ".cniVersion = \"$version\"$result"
		[ $version = 0.4.0 ] && families="4 6" || families="null null"
		same "the result is of that version" "$version $families" "$(jq -r '"\(.cniVersion) \(.ips[0].version) \(.ips[1].version)"' "$WORK/result")"
	done
done
added "a key of somebody's own" '.["acme.example/x"] = 1'
added "keys of the specification" '.args = {cni: {}} | .capabilities = {dns: true} | .ipMasq = true | .ipam = {} | .dns = {}'
added "null for what is not there" '.policy = null | .clusterNetworks = null | .searchDomains = null | .runtimeConfig = null'
added "a search domain that is none, of the runtime's" '.runtimeConfig.dns.Searches = [".", "a b", "Corp.Example."]'
added "IPv6 alone, where the link has routes of IPv4" 'del(.prevResult.ips[0])'

# --- names that look like the plugin's own files -------------------------------------------------------------

for link in eth0.log eth0.new e@th0; do
	pod_connect
	pod ip link add "$link" type veth peer name "p${link#e}"
	conf=$(jq -c --arg link "$link" '.prevResult.interfaces[2].name = $link | .prevResult.ips |= [.[0]]' <<<"$base")
	pod ip link set "p${link#e}" up
	cni ADD "$base"
	CNI_IFNAME=$link cni ADD "$conf"
	same "a link $link beside eth0" 0 "$status"
	cni GC "$(jq -cn --arg link "$link" '{cniVersion: "1.1.0", name: "test", type: "msb-cni",
		"cni.dev/valid-attachments": [{containerID: "web", ifname: $link}, {containerID: "web", ifname: "eth0"}]}')"
	same "GC leaves both" "0 2" "$status $(pgrep -cx msb-supervisor)"
	CNI_IFNAME=$link cni DEL "$conf"
	cni DEL "$base"
	pod ip link del "$link"
done
same "nothing is left of them" "" "$(ls /run/msb-cni)$(pgrep -lx 'msb-.*')"

# --- two ADDs of the same at once ----------------------------------------------------------------------------

pod_connect
for i in 1 2; do CNI_COMMAND=ADD CNI_CONTAINERID=web CNI_NETNS=/run/netns/web CNI_IFNAME=eth0 "$BUILD/msb-cni" <<<"$base" >"$WORK/add.$i" & adds[i]=$!; done
wait "${adds[@]}"
cni DEL "$base"
same "DEL ends what they leave" "0 " "$status $(ls /run/msb-cni)$(pgrep -lx 'msb-.*')"

finish
