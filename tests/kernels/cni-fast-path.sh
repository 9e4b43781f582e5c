#!/usr/bin/env bash
# A pod's flows where a flowtable forwards what is established, out of the pod and into it: they go past the chains, and a reload that
# denies them ends them there. Run by tests/e2e/host-*.sh. usage: tests/kernels/cni-fast-path.sh BUILD
. "$(dirname "$0")/../e2e/lib.sh"
. "$(dirname "$0")/../e2e/cni-lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
world_up
network_up
ipv6_up

in_between() { nsenter --net="/proc/$(pgrep -nx msb-supervisor)/ns/net" -- "$@"; }
echoed() { sed -n '/^[0-9]*$/p' "$WORK/$1" 2>/dev/null; }
at_least() { [ "$(echoed "$1" || echo 0)" -ge "$2" ] 2>/dev/null; }
# loop NAME COMMAND…: an echo loop that the command runs
loop() {
	local name=$1
	shift
	"$@" "$WORK/$name" 2 &
	wait_for "$(patience 60)" at_least "$name" 20
}
# offloaded: of both connections' destinations and the pod's own port
offloaded() {
	local flow
	for flow in 'udp.* dst=8\.8\.8\.8 ' 'udp.* dst=8\.8\.4\.4 ' 'tcp.* dst=198\.51\.100\.7 ' 'tcp.* dst=2001:0*db8:.*:0*7 ' 'tcp.* dst=10\.88\.0\.5 '; do
		in_between grep -Eq "$flow.*\[OFFLOAD\]" /proc/net/nf_conntrack || return
	done
}

pod_up fast 10.88.0.5 fd88::5
cni ADD "$(net_conf '"rules":["allow@any","allow:ingress@host:tcp:7000"]')"
same "ADD" 0 "$status"
pod python3 -c 'import socket
server = socket.create_server(("", 7000))
peer = server.accept()[0]
while data := peer.recv(4096):
	peer.sendall(data)' &
wait_for 10 pod sh -c 'ss -Hltn | grep -q :7000'
loop denied pod python3 "$here/echo_loop.py" udp 8.8.8.8 7
loop kept pod python3 "$here/echo_loop.py" udp 8.8.4.4 7
loop tcp pod python3 "$here/echo_loop.py" tcp 198.51.100.7 7
loop tcp6 pod python3 "$here/echo_loop.py" tcp 2001:db8:99::7 7
loop in python3 "$here/echo_loop.py" tcp 10.88.0.5 7000
try "the flowtable forwards flows of both directions, families and protocols" wait_for "$(patience 30)" offloaded
in_between nft 'table inet watch { counter chains { }; chain forward { type filter hook forward priority -1; counter name chains; }; }'
before=$(echoed kept)
wait_for "$(patience 30)" at_least kept $((before + 100))
seen_in_chains=$(in_between nft -j list counter inet watch chains | jq '[.nftables[].counter.packets // empty] | add')
check "past the chains: $seen_in_chains packets in them while one flow had 100 echoes" "$([ "$seen_in_chains" -le 20 ]; echo $?)"

printf 'default any deny\nallow@8.8.4.4:udp\ndeny:ingress@host\n' >"$WORK/less.msb"
out=$("$BUILD/msb-ctl" reload "$("$BUILD/msb-ctl" ps --format json | jq -r '.sandboxes[0].name')" --policy "$WORK/less.msb" --format json)
arrived=$(for to in 8.8.8.8 198.51.100.7 2001:db8:99::7; do seen "$to"; done)
same "a reload that denies all but one ends the others" "4 1" "$(jq -r '"\(.ended_total) \(.kept_total)"' <<<"$out")"
all_ended() { grep -q ended "$WORK/denied" && grep -q ended "$WORK/tcp" && grep -q ended "$WORK/tcp6" && grep -q ended "$WORK/in"; }
try "each at the end that the loop is at" wait_for "$(patience 10)" all_ended
same "by a reset, where it is TCP" "ConnectionResetError ConnectionResetError ConnectionResetError" \
	"$(cat "$WORK"/{tcp,tcp6,in} | sed 's/.*: //' | xargs)"
now=$(echoed kept)
try "the one that is allowed goes on" wait_for "$(patience 30)" at_least kept $((now + 100))
same "nothing of the denied has arrived since the answer" "$arrived" "$(for to in 8.8.8.8 198.51.100.7 2001:db8:99::7; do seen "$to"; done)"

finish
