# Functions for the tests of msb-cni with container runtimes. A test is `tests/cni/NAME.sh BUILD` and begins with
#
#	. "$(dirname "$0")/lib.sh"
#	node_up
#
# It is on top of tests/e2e/lib.sh, whose namespaces play a node of a cluster here, with the Internet behind it. What runtimes write
# goes to file systems of the test's own: /etc/cni/net.d, /usr/lib/cni, /etc/msb, /var/lib/*.
#
#	pod 10.88.0.N, fd88::N ── msb-cni's namespace ── cni0 or a veth, node 203.0.113.2 ── Internet
#
# shellcheck shell=bash disable=SC2034
for needed in podman containerd ctr runc /usr/lib/cni/bridge iptables; do
	command -v "$needed" >/dev/null && continue
	echo "ok $(basename "$0" .sh): everything # SKIP no $needed: \`make ci-deps\` installs it"
	exit 0
done
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.sh" || exit 3 # all else is for namespaces of its own
if [ ! -x "$BUILD/msb-cni" ]; then
	skip everything "no msb-cni in $BUILD: \`make\` builds it"
	finish
fi
HERE=$TESTS/cni
IMAGE=localhost/msb-test:latest
NETWORKS=/etc/cni/net.d PLUGINS=/usr/lib/cni
POD_RANGE4=10.88.0.0/16 POD_RANGE6=fd88::/64
GATEWAY4=10.88.0.1 GATEWAY6=fd88::1

# what the tests' pods may do: by name, by address, and nothing else
RULES='allow@example.com:tcp:80
allow@93.184.216.50:tcp:80
allow@[2606:2800:220:1::50]:tcp:80'

# node_up: the world, and a node in it that runtimes can use
node_up() {
	HOST_CGROUPS=1
	mkdir -p "$NETWORKS" /etc/msb
	world_up
	mount -t tmpfs tmpfs /var/lib
	mkdir -p /run/lock /var/lib/containers "$WORK/net.d" "$WORK/plugins" "$WORK/msb/policies"
	cp "$PLUGINS"/* "$BUILD/msb-cni" "$WORK/plugins/"
	mount --bind "$WORK/plugins" "$PLUGINS"
	mount --bind "$WORK/net.d" "$NETWORKS"
	mount --bind "$WORK/msb" /etc/msb
	sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	on_internet ip route add "$POD_RANGE4" via "$HOST4"
	on_internet ip -6 route add "$POD_RANGE6" via "$HOST6"
	ipv6_up || echo "lib.sh: no IPv6 to the Internet" >&2
}

# network NAME bridge|ptp [KEYS]: a configuration list that ends in msb-cni, with KEYS, a JSON object, besides its type
network() {
	jq -n --arg name "$1" --arg type "$2" --argjson keys "${3:-$(jq -n --arg rules "$RULES" '{ rules: ($rules / "\n") }')}" \
		--arg range4 "$POD_RANGE4" --arg range6 "$POD_RANGE6" '
		{ bridge: { bridge: "cni0", isGateway: true, hairpinMode: true }, ptp: {} }[$type] as $own | {
		cniVersion: "1.0.0", name: $name, disableCheck: ($type == "bridge"),
		plugins: [
			{ type: $type, ipam: { type: "host-local", ranges: [[{ subnet: $range4 }], [{ subnet: $range6 }]],
				routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }] } } + $own,
			{ type: "portmap", capabilities: { portMappings: true } },
			{ type: "msb-cni" } + $keys
		] }' >"$NETWORKS/$1.conflist"
}

# image_make: $WORK/image.tar, a Docker archive with busybox, nft, probe and echo-server, whose command sleeps
image_make() {
	local root=$WORK/image layer id
	mkdir -p "$root"/{bin,nft,tmp,etc,proc,sys,dev}
	busybox --install -s "$root/bin"
	rm -f "$root/bin/busybox"
	cp "$(command -v busybox)" "$root/bin/busybox"
	find "$root/bin" -type l -exec ln -sf busybox {} \;
	cp "$BUILD/e2e/probe" "$root/bin/"
	cp "$BUILD/e2e/echo" "$root/bin/echo-server"
	ldd "$(command -v nft)" | grep -o '/[^ ]*' | xargs cp -L -t "$root/nft" "$(command -v nft)"
	printf '#!/bin/sh\nexec /nft/ld-linux-x86-64.so.2 --library-path /nft /nft/nft "$@"\n' >"$root/bin/nft"
	chmod 755 "$root/bin/nft"
	tar -C "$root" -cf "$WORK/layer.tar" .
	layer=$(sha256sum <"$WORK/layer.tar" | cut -d' ' -f1)
	mkdir -p "$WORK/archive"
	mv "$WORK/layer.tar" "$WORK/archive/layer.tar"
	jq -n --arg layer "sha256:$layer" '{ architecture: "amd64", os: "linux",
		config: { Env: ["PATH=/bin"], Cmd: ["sleep", "1000"] }, rootfs: { type: "layers", diff_ids: [$layer] } }' >"$WORK/config.json"
	id=$(sha256sum <"$WORK/config.json" | cut -d' ' -f1)
	mv "$WORK/config.json" "$WORK/archive/$id.json"
	jq -n --arg config "$id.json" --arg image "$IMAGE" '[{ Config: $config, RepoTags: [$image], Layers: ["layer.tar"] }]' \
		>"$WORK/archive/manifest.json"
	tar -C "$WORK/archive" -cf "$WORK/image.tar" .
	rm -rf "$root" "$WORK/archive"
}

# --- podman --------------------------------------------------------------------------------------------------

# podman_up: podman with CNI; its networks are those of the node
podman_up() {
	cat >"$WORK/containers.conf" <<-EOF
		[network]
		network_backend = "cni"
		cni_plugin_dirs = ["$PLUGINS"]
		network_config_dir = "$NETWORKS"
		[engine]
		runtime = "runc"
		cgroup_manager = "cgroupfs"
		events_logger = "file"
	EOF
	printf '[storage]\ndriver = "overlay"\nrunroot = "/run/containers/storage"\ngraphroot = "/var/lib/containers/storage"\n' \
		>"$WORK/storage.conf"
	printf '{ "default": [{ "type": "insecureAcceptAnything" }] }\n' >"$WORK/trust.json"
	export CONTAINERS_CONF=$WORK/containers.conf CONTAINERS_STORAGE_CONF=$WORK/storage.conf
	image_make
	podman load --quiet --signature-policy "$WORK/trust.json" -i "$WORK/image.tar" >/dev/null
}

# podman_run NAME NETWORK [OPTION…] [-- COMMAND…]
podman_run() {
	local name=$1 network=$2 options=()
	shift 2
	while [ $# -gt 0 ] && [ "$1" != -- ]; do options+=("$1") && shift; done
	[ $# -eq 0 ] || shift
	timeout 60 podman run --detach --name "$name" --network "$network" --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 \
		"${options[@]}" "$IMAGE" "$@"
}

# --- containerd ----------------------------------------------------------------------------------------------

# containerd_up: containerd with the image, and its CRI; leaves $containerd_pid
containerd_up() {
	[ -e "$WORK/image.tar" ] || image_make
	cat >"$WORK/containerd.toml" <<-EOF
		version = 2
		root = "/var/lib/containerd"
		state = "/run/containerd"
		[plugins."io.containerd.grpc.v1.cri"]
		  sandbox_image = "$IMAGE"
		  disable_cgroup = true
		  disable_apparmor = true
		  restrict_oom_score_adj = true
		[plugins."io.containerd.grpc.v1.cri".cni]
		  bin_dir = "$PLUGINS"
		  conf_dir = "$NETWORKS"
		[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
		  runtime_type = "io.containerd.runc.v2"
		  pod_annotations = ["msb/*"]
	EOF
	containerd_start
	for namespace in default k8s.io; do
		ctr -n "$namespace" images import "$WORK/image.tar" >/dev/null || echo "lib.sh: the image cannot be imported" >&2
	done
}

containerd_start() {
	containerd --config "$WORK/containerd.toml" >>"$WORK/containerd.log" 2>&1 &
	containerd_pid=$!
	wait_for "$(patience 20)" ctr version || { echo "lib.sh: containerd does not answer:" && tail -n 5 "$WORK/containerd.log"; } >&2
}

# containerd_used: what it leaves of its own by its first start and end is there, and so none of the leftovers
containerd_used() {
	containerd_up
	containerd_stop
	leftovers_mark
	containerd_start
}
containerd_stop() { kill "$containerd_pid" && wait "$containerd_pid"; }

# cri METHOD JSON: a call of the container runtime interface; prints the answer as JSON
cri() { NODE_PATH=$BUILD/cri/node_modules node "$HERE/cri/cri.js" "$HERE/cri/cri.proto" /run/containerd/containerd.sock "$@"; }

# cri_pod NAME [KEYS]: a pod with one container that may administer its network; KEYS, a JSON object, is added to its
# configuration. Leaves $pod and $container
cri_pod() {
	local config container_config
	config=$(jq -n --arg name "$1" --argjson keys "${2:-{\}}" '{ metadata: { name: $name, uid: $name, namespace: "default" }, linux: {} } + $keys')
	container_config=$(jq -n --arg image "$IMAGE" '{ metadata: { name: "main" }, image: { image: $image },
		linux: { security_context: { capabilities: { add_capabilities: ["NET_ADMIN", "NET_RAW"] } } } }')
	pod=$(cri RunPodSandbox "$(jq -n --argjson config "$config" '{ config: $config }')" | jq -r .pod_sandbox_id)
	[ -n "$pod" ] || return 1
	container=$(cri CreateContainer "$(jq -n --arg pod "$pod" --argjson config "$container_config" --argjson sandbox "$config" \
		'{ pod_sandbox_id: $pod, config: $config, sandbox_config: $sandbox }')" | jq -r .container_id)
	cri StartContainer "{ \"container_id\": \"$container\" }" >/dev/null
}

# cri_exec CONTAINER COMMAND…
cri_exec() {
	local id=$1 answer
	shift
	answer=$(cri ExecSync "$(jq -n --arg id "$id" '{ container_id: $id, cmd: $ARGS.positional, timeout: 30 }' --args -- "$@")") || return
	jq -j .stdout <<<"$answer"
	return "$(jq .exit_code <<<"$answer")"
}

# cri_remove POD
cri_remove() {
	cri StopPodSandbox "{ \"pod_sandbox_id\": \"$1\" }" >/dev/null && cri RemovePodSandbox "{ \"pod_sandbox_id\": \"$1\" }" >/dev/null
}

# --- what a pod's network does -------------------------------------------------------------------------------

# inside TEXT: runs a shell's text in the pod; `exec_in` is the words that do it
inside() { "${exec_in[@]}" sh -c "$1"; }

# fares NAME EXPECTED PROTO ADDRESS PORT: how one flow of the pod does, as `probe` says it, which never says nothing: what `ctr tasks exec`
# loses of a process that ends at once, it says again
fares() {
	local said='' i
	for ((i = 0; i < 3; i++)); do
		said=$(inside "probe $3 $4 $5 3000" | cut -d' ' -f1)
		[ -z "$said" ] || break
	done
	same "$1" "$2" "$said"
}

# never_there NAME ADDRESS: nothing of the pod arrives there
never_there() { same "$1: nothing got there" 0 "$(seen "$2")"; }

# judged NAME: what RULES let pass passes and the rest is refused at once, by both families and by name
judged() {
	local start
	seen_reset
	fares "$1: an address that is allowed" connected tcp 93.184.216.50 80
	fares "$1: another port of it" refused tcp 93.184.216.50 443
	start=${EPOCHREALTIME/./}
	fares "$1: an address that is not" refused tcp 93.184.216.51 80
	[ $((${EPOCHREALTIME/./} - start)) -lt 2500000 ]
	check "$1: it is refused at once" $? "after $(((${EPOCHREALTIME/./} - start) / 1000)) ms"
	fares "$1: IPv6, an address that is allowed" connected tcp 2606:2800:220:1::50 80
	fares "$1: IPv6, one that is not" refused tcp 2606:2800:220:1::51 80
	contains "$1: a name that is allowed" "$(inside 'nslookup example.com' 2>&1)" 93.184.216.34
	contains "$1: its addresses are open then" "$(inside 'printf "GET / HTTP/1.0\r\n\r\n" | nc -w 3 93.184.216.34 80' 2>&1)" \
		"hello from the Internet"
	contains "$1: its IPv6 addresses" "$(inside 'nslookup -type=aaaa example.com' 2>&1)" 2606:2800:220:1::34
	fares "$1: and those" connected tcp 2606:2800:220:1::34 80
	lacks "$1: a name that is not" "$(inside 'nslookup example.org' 2>&1)" 93.184.216.40
	lacks "$1: by another server neither" "$(inside 'nslookup example.org 8.8.8.8' 2>&1)" 93.184.216.40
	for address in 93.184.216.51 2606:2800:220:1::51 8.8.8.8; do never_there "$1, $address" "$address"; done
}

# not_lifted NAME: what somebody with NET_ADMIN in the pod can do does not open it
not_lifted() {
	seen_reset
	contains "$1: NET_ADMIN is had" "$(inside 'nft flush ruleset && nft add table ip mine && echo done' 2>&1)" done
	fares "$1: after a flush of nft, an address that is not allowed" refused tcp 93.184.216.51 80
	fares "$1: one that is" connected tcp 93.184.216.50 80
	inside 'ip address add 10.88.9.9/16 dev eth0; ip route replace default via 10.88.0.1 src 10.88.9.9; true' >/dev/null 2>&1
	lacks "$1: from another address" "$(inside 'probe tcp 93.184.216.50 80 1000; probe tcp 93.184.216.51 80 1000' 2>&1)" connected
	inside 'ip route replace default via 10.88.0.1; ip address del 10.88.9.9/16 dev eth0; ip link set eth0 down
		ip link set eth0 address 02:00:00:00:00:99; ip link set eth0 up; ip route replace default via 10.88.0.1' >/dev/null 2>&1
	lacks "$1: from another MAC" "$(inside 'probe tcp 93.184.216.51 80 1000; probe udp 93.184.216.51 7 500' 2>&1)" 'connected|answered'
	never_there "$1" 93.184.216.51
}

# nothing_left NAME: of what there was not at leftovers_mark, once runtimes have ended what they do in the background; their
# storage stays mounted
nothing_left() {
	wait_for 10 nothing_is_left
	same "$1" "" "$(cat "$WORK/left")"
}
nothing_is_left() {
	leftovers >"$WORK/found"
	{ grep -Ev 'mount (/var/lib/|/run/netns$)' "$WORK/found"; find /run/msb -mindepth 2 2>/dev/null; } >"$WORK/left"
	[ ! -s "$WORK/left" ]
}

# --- plugins called by hand: what libcni does ----------------------------------------------------------------

# call COMMAND CONTAINER NETNS TYPE CONFIG [ARGS]: one call of a plugin, as the specification has it; what it prints is the answer
call() {
	CNI_COMMAND=$1 CNI_CONTAINERID=$2 CNI_NETNS=$3 CNI_IFNAME=eth0 CNI_PATH=$PLUGINS CNI_ARGS=${6-} "$PLUGINS/$4" <<<"$5"
}

# config NETWORK INDEX [KEYS]: what the plugin gets at that place of the list, with KEYS, a JSON object, such as prevResult
config() {
	jq --argjson index "$2" --argjson keys "${3:-{\}}" '{ cniVersion, name } + .plugins[$index] + $keys' "$NETWORKS/$1.conflist"
}

types() { jq -r '.plugins[].type' "$NETWORKS/$1.conflist"; }
result_of() { cat "$WORK/results/$1.$2" 2>/dev/null; }

# add CONTAINER NETWORK [KEYS]: a namespace of the container's name, and the network's plugins in it one after another. Keeps the
# result; where one fails, its answer is printed
add() {
	local result='' index=0 type keys=${3:-{\}}
	[ -e "/run/netns/$1" ] || { ip netns add "$1" && nsenter --net="/run/netns/$1" ip link set lo up; }
	mkdir -p "$WORK/results"
	for type in $(types "$2"); do
		[ -z "$result" ] || keys=$(jq --argjson result "$result" '. + { prevResult: $result }' <<<"$keys")
		if ! result=$(call ADD "$1" "/run/netns/$1" "$type" "$(config "$2" $index "$keys")" "${ARGS-}"); then
			echo "$type: $result"
			return 1
		fi
		index=$((index + 1))
	done
	echo "$result" >"$WORK/results/$1.$2"
}

# del CONTAINER NETWORK [NETNS] [KEYS]: NETNS may be ''; the plugins from the last to the first
del() {
	local index type keys=${4:-{\}} netns=${3-/run/netns/$1} status=0
	[ ! -s "$WORK/results/$1.$2" ] || keys=$(jq --slurpfile result "$WORK/results/$1.$2" '. + { prevResult: $result[0] }' <<<"$keys")
	index=$(types "$2" | wc -l)
	for type in $(types "$2" | tac); do
		index=$((index - 1))
		call DEL "$1" "$netns" "$type" "$(config "$2" $index "$keys")" || { echo "($type)" && status=1; }
	done
	rm -f "$WORK/results/$1.$2"
	return $status
}

# address CONTAINER NETWORK FAMILY: 4 or 6, what the plugins gave it
address() {
	result_of "$1" "$2" |
		jq -r --argjson family "$3" '[.ips[].address | select(contains(":") == ($family == 6))][0] | split("/")[0]'
}

# in_pod CONTAINER COMMAND…: in its namespace
in_pod() { nsenter --net="/run/netns/$1" -- "${@:2}"; }
