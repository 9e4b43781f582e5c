#!/usr/bin/env bash
# Names: cached answers a second, asked from the guest's side, and how much longer than its upstream an uncached one takes.
# Beside dnsmasq with nftset behind the same links and ruleset, of which only the two TPROXY rules are left out, and beside a
# responder that answers 32 datagrams at once and looks at nothing. In bursts, one after the other, round and round.
# Prints one JSON object a line. usage: tests/bench/dns.sh BUILD
. "$(dirname "$0")/../e2e/lib.sh"
NAMES=${NAMES-10000} OUTSTANDING=${OUTSTANDING-100} MS=${MS-250} ROUNDS=${ROUNDS-25} TTL=${TTL-3600}
UPSTREAM=198.51.100.1 GATEWAY=172.16.0.1 SUFFIX=bench.test
# what others do on the machine is not to be measured
FIRST=(env)
chrt -f 1 true 2>/dev/null && FIRST=(chrt -f 1)
host_up
internet_links
on_internet ip address add "$UPSTREAM/32" dev lo
on_internet "$BUILD/e2e/dns_responder" "$UPSTREAM" "$TTL" "${DELAY_US-2000}" 32 &
wait_for 20 "$BUILD/e2e/dns_load" delay "$UPSTREAM" "$SUFFIX" 0 1

# --- who answers ---
start_sandbox bench --dns-nameserver "$UPSTREAM" --net-default deny --net-rule "${RULE-allow@*.named.$SUFFIX,allow@dns}" \
	-- sleep 3600
wait_for 20 pgrep -x sleep
in_vm() { nsenter --net="/proc/$(pgrep -nx msb-dns)/ns/net" -- "$@"; }
wait_for 20 in_vm nft list table netdev msb
sandbox_guest=/proc/$(pgrep -nx sleep)/ns/net
in_vm nft list ruleset | sed -E '/^table inet msb_routes/,/^}/d; s/tproxy ip6? to :53 //' >"$WORK/ruleset"

# plain NAME: the sandbox's links and ruleset, with nobody in it; the guest's end is in NAME-guest
plain() {
	local in="ip netns exec $1" guest="ip netns exec $1-guest"
	ip netns add "$1"
	ip netns add "$1-guest"
	ip link add uplink netns "$1" type veth peer name "$1"
	ip link add tap0 netns "$1" type veth peer name eth0 netns "$1-guest"
	$in sh -c 'for k in bridge-nf-call-iptables bridge-nf-call-ip6tables; do
			[ -e /proc/sys/net/bridge/$k ] && echo 0 >/proc/sys/net/bridge/$k; done; echo 1 >/proc/sys/net/ipv4/ip_forward
		ip link add br0 address 02:6d:ac:10:00:01 type bridge; ip link set tap0 master br0; ip address add 172.16.0.1/30 dev br0
		for link in lo tap0 br0 uplink; do ip link set $link up; done'
	$guest sh -c 'ip link set eth0 address 02:6d:ac:10:00:02; ip address add 172.16.0.2/30 dev eth0; ip link set eth0 up'
	$in nft -f "$WORK/ruleset"
	$in ip address add "$2/30" dev uplink
	ip address add "$3/30" dev "$1"
	ip link set "$1" up
	$in ip route add default via "$3"
	$in nft insert rule inet msb output udp dport 53 accept
	$in nft insert rule inet msb input udp sport 53 accept
}
echo 1 >/proc/sys/net/ipv4/ip_forward
on_internet ip route add 10.99.0.0/16 via "$HOST4"
plain dnsmasq 10.99.1.2 10.99.1.1
plain null 10.99.2.2 10.99.2.1
ip netns exec dnsmasq nft 'add table inet names; add set inet names v4 { type ipv4_addr; size 65536; }'
ip netns exec dnsmasq dnsmasq --keep-in-foreground --conf-file=/dev/null --user=root --pid-file= --no-resolv --no-hosts \
	--server="$UPSTREAM" --listen-address="$GATEWAY" --bind-interfaces --cache-size=20000 --dns-forward-max=1000 \
	--nftset="/$SUFFIX/4#inet#names#v4" 2>"$WORK/dnsmasq.err" &
ip netns exec null "$BUILD/e2e/dns_responder" "$GATEWAY" 60 0 32 &

# from WHERE ARG…: the load, from that guest
from() {
	local net=/run/netns/$1-guest
	[ "$1" != ours ] || net=$sandbox_guest
	shift
	nsenter --net="$net" -- "${FIRST[@]}" "$BUILD/e2e/dns_load" "$1" "$GATEWAY" "${@:2}"
}
# --- what is compared ---
# quartiles WORK AGAINST UNIT GOAL LABEL: of lines "ours theirs"
quartiles() {
	awk '{ print $1 / $2, $1 }' | sort -g | awk -v work="$1" -v against="$2" -v unit="$3" -v goal="$4" -v label="$5" '
		{ ratio[NR] = $1; value[NR] = $2 }
		function at(share) { return int((NR - 1) * share) + 1 }
		END {
			n = asort_values()
			printf "{\"work\":\"%s\",\"against\":\"%s\",\"ratio\":%.3f,\"low\":%.3f,\"high\":%.3f,\"runs\":%d,\"value\":%.5g,\"unit\":\"%s\"%s%s}\n",
				work, against, ratio[at(.5)], ratio[at(.25)], ratio[at(.75)], NR, value[at(.5)], unit,
				goal == "" ? "" : ",\"goal\":" goal, label == "" ? "" : ",\"label\":\"" label "\""
		}
		function asort_values(  i, j, v) {
			for (i = 2; i <= NR; i++) { v = value[i]; for (j = i - 1; j > 0 && value[j] > v; j--) value[j + 1] = value[j]; value[j + 1] = v }
			return NR
		}'
}
# --- uncached answers, of names that a rule has: before the sandbox holds as many as it may ---
for who in ours dnsmasq; do wait_for 20 from "$who" delay "up.$SUFFIX" 0 1; done
for pid in $(pgrep -x 'msb-dns|msb-supervisor|dnsmasq|dns_responder'); do chrt -f -p 1 "$pid" 2>/dev/null; done
first=1000
for _ in $(seq "$((ROUNDS / 2 + 1))"); do
	first=$((first + 200))
	echo "$(from ours delay "named.$SUFFIX" "$first" 150) $(from dnsmasq delay "named.$SUFFIX" "$first" 150)" \
		"$("${FIRST[@]}" "$BUILD/e2e/dns_load" delay "$UPSTREAM" "named.$SUFFIX" "$first" 150)"
done >"$WORK/delays"
label="an upstream that takes $((${DELAY_US-2000} / 1000)) ms"
awk '{ print $2 / $6, $4 / $6 }' "$WORK/delays" | quartiles "p99 of an uncached answer, of its upstream's" dnsmasq "times the upstream's" 1.0 "$label"
awk '{ print $1 - $5, $3 - $5 }' "$WORK/delays" | quartiles "median delay that is added to an uncached answer" dnsmasq us "" "$label"

# --- cached answers ---
for who in ours dnsmasq; do
	for _ in 1 2 3; do filled=$(from "$who" fill "$SUFFIX" "$NAMES" 32 2>>"$WORK/log"); done
	[ "$filled" -ge "$((NAMES * 99 / 100))" ] || echo "$who has only $filled of $NAMES names" >&2
done
measure() { from "$1" rate "$SUFFIX" "$NAMES" "$OUTSTANDING" "$MS" 2>>"$WORK/log"; }
for _ in $(seq "$ROUNDS"); do echo "$(measure ours) $(measure dnsmasq) $(measure null)"; done >"$WORK/rates"
label="$NAMES names, $OUTSTANDING outstanding"
awk '{ print $1, $2 }' "$WORK/rates" | quartiles "cached DNS answers" "dnsmasq with nftset, without TPROXY" answers/s 1.2 "$label"
awk '{ print $1, $3 }' "$WORK/rates" | quartiles "cached DNS answers" "a responder that looks at nothing, 32 at once" answers/s "" "$label"
awk '{ print $2, $3 }' "$WORK/rates" | quartiles "dnsmasq's cached DNS answers" "a responder that looks at nothing, 32 at once" answers/s "" "$label"
[ ! -s "$WORK/log" ] || sort "$WORK/log" | uniq -c >&2
