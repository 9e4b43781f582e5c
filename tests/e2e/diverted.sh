#!/usr/bin/env bash
# The chains that divert flows whose server name decides, by themselves: nothing that is sent on such a flow's addresses and ports
# is ever forwarded, whatever becomes of the flow, of the listener, and of what conntrack knows.
# usage: tests/e2e/diverted.sh BUILD
set -eu
build=$(realpath "${1:?usage: tests/e2e/diverted.sh BUILD}")
here=$(dirname "$(realpath "$0")")
. "$here/links.sh"
. "$here/../tap.sh"
for ip in "ip -4" "ip -6"; do
	$ip rule add fwmark 0x6d736207 lookup 100
	$ip route add local default dev lo table 100
done
for level in 0 2; do
	TAP_PREFIX="diverted: -O $level: "
	nft flush ruleset
	"$build/e2e/install" -O "$level" --net-default-egress deny --net-rule 'deny@evil.example:tcp,allow@public' \
		--gateway 172.16.0.1,fd42:6d73:62::1
	while read -r line; do
		case $line in
		"ok "*) ok "${line#ok }" ;;
		"not ok "*) not_ok "${line#not ok }" ;;
		*) echo "# $line" ;;
		esac
	done < <(timeout 120 python3 "$here/tools/diverted.py" "$build/e2e/forget" \
		"$(mac link show br0)" "$(mac link show uplink)" $((40000 + level * 1000)) 2>&1 || echo "not ok ran to its end - see above")
	dropped=$(nft -j list chain inet msb diverted | jq '[.. | .counter? // empty | .packets] | add')
	check "what no socket took was dropped and counted" "$((dropped < 1))" "$dropped packets"
done
finish
