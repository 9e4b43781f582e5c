#!/usr/bin/env bash
# What is reviewed is what is enforced: the text of `compile --emit nft`, loaded by nft -f, lists the same as what the
# netlink encoder installs; handles, counters and what the DNS proxy fills aside. usage: tests/e2e/listing.sh BUILD
set -u
build=$(realpath "${1:?usage: tests/e2e/listing.sh BUILD}")
here=$(cd "$(dirname "$0")/../.." && pwd)
. "$here/tests/tap.sh"
TAP_PREFIX="listing: "
work=$(mktemp -d /tmp/msb-listing.XXXXXX) || exit 3
trap 'rm -rf "$work"' EXIT

# A listing without what differs between two installs of one ruleset
normal() {
	jq -S 'del(.nftables[].metainfo) | del(.. | .handle?) |
		walk(if type == "object" and has("counter") then .counter = {} else . end)' "$@"
}

# alike NAME ARGUMENTS…: of msb-policyc compile, and of install; at each level, $work/text is the last's
alike() {
	local level
	for level in 0 1 2; do
		alike_at "$1, -O $level" -O $level "${@:2}"
	done
}
alike_at() {
	local name=$1
	shift
	if ! "$build/msb-policyc" compile --emit nft "$@" >"$work/text" 2>"$work/why" ||
		! unshare -n sh -c 'nft -f "$1" && nft -j list ruleset' sh "$work/text" >"$work/loaded" 2>>"$work/why" ||
		! unshare -n sh -c '"$@" && nft -j list ruleset' sh "$build/e2e/install" "$@" >"$work/installed" 2>>"$work/why"; then
		not_ok "$name" "$(cat "$work/why")"
	elif ! diff <(normal "$work/loaded") <(normal "$work/installed") >"$work/diff"; then
		not_ok "$name" "text and netlink differ"$'\n'"$(head -20 "$work/diff")"
	elif [ "$(jq '.nftables | length' "$work/loaded")" -lt 50 ]; then
		not_ok "$name" "hardly anything was listed"
	else
		ok "$name"
	fi
}

both=172.16.0.1,fd42:6d73:62::1
alike "no policy" --gateway $both
alike "IPv4 only" --gateway 172.16.0.1 --net-rule 'allow@[2001:db8::/32],deny@10.0.0.0/8,allow@public:icmpv6'
alike "IPv6 only" --gateway fd42:6d73:62::1 --net-rule 'deny@10.0.0.0/8,allow@public:icmpv4'
alike "every group" --gateway $both --net-default deny --net-rule 'allow@public,allow@private,allow@loopback,allow@link-local,deny@meta,deny@multicast,allow@host'
alike "every protocol" --gateway $both --net-default allow --net-rule 'deny@any:tcp,deny@any:udp,deny@any:icmpv4,deny@any:icmpv6,deny@public:{tcp,icmpv4},deny@meta:{udp,icmpv4,icmpv6}'
alike "ports" --gateway $both --net-default deny --net-rule 'allow@any:tcp:22,allow@any:tcp:{22,443},allow@public:udp:{1-10,5-20,21},allow@any:any:1000-2000,allow@private:tcp:0-65535,allow@any:{tcp,udp}:{53,853,1-3}'
alike "networks" --gateway $both --net-default deny --net-rule 'deny@10.0.0.0/8,deny@10.1.2.3/9,deny@0.0.0.0/0:tcp:1,allow@1.2.3.4,allow@0.0.0.0/1,allow@[2001:db8::/32],allow@[2001:db8::1],allow@[fc00::/7],allow@[::/0]:udp,allow@[2001:db8::/33]'
alike "lists" --gateway $both --net-default deny --net-rule 'allow@{public,10.0.0.0/8,example.com}:tcp:443,deny@{meta,private},allow@{1.0.0.0/24,1.0.1.0/24,3.0.0.0/24,[2001:db8::/32],[2001:db8:1::/48]}'
alike "names" --gateway $both --net-default deny --net-rule 'allow@example.com:tcp:{22,443},deny@*.example.org,allow@{a.example.net,suffix=example.net}:icmpv4'
alike "limits" --gateway $both --max-connections 7 --net-egress-ops 10/3s --net-egress-ops-burst 20 --net-ingress-ops 1000/1s
alike "limits of bytes" --gateway $both --net-egress-bytes 1234567 --net-ingress-bytes 5G
alike "rules' own, and of one that waits for names" --gateway $both "$here/tests/golden/rule-bytes/rule-bytes.msb"
contains "which have a table of their own" "$(<"$work/text")" "table inet msb_quota"
alike "limits on connections" --gateway $both --max-tcp-connections 7 --max-udp-connections 0 --max-connection-rate 10
alike "a larger MTU" --gateway $both --net-mtu 9000
contains "whose frames pass" "$(<"$work/text")" 'meta length 9001-4294967295 counter drop'
alike "no limits on connections" --gateway $both --max-connections 0 --max-connection-rate 0
alike "multi-tenant" --gateway $both --deployment-profile multi-tenant --net-rule 'deny@meta,allow@private'
many=$(seq -s, -f '10.%g.0.0/16' 0 2 200)
alike "a hundred networks" --gateway $both --net-default deny --net-rule "allow@{$many}:tcp:443"

# Names and reasons that would break out of a comment, and that must be cut
evil="$work/"$'a"b;\e[31m drop\xe2\x80\xae # x.msb'
{
	echo 'default egress deny'
	echo "allow@{$(seq -s, -f 'a%g.example.com' 1 60)}:tcp:443 because \"; flush ruleset\" log"
	echo 'allow@*.example.com:udp:{1,2,3,5,7,11,13,17,19,23,29,31,37,41,43,47,53,59,61,67,71,73,79,83,89,97,101,103,107,109}'
} >"$evil"
alike "hostile bytes in a file's name, long rules" --gateway $both "$evil"
for policy in "$here"/policies/*.msb; do
	[ -e "$policy" ] && alike "policies/$(basename "$policy")" --gateway $both "$policy"
done

# Ten thousand rules are one batch
awk 'BEGIN { print "default egress deny"; for (i = 0; i < 10000; i++) printf "%s@10.%d.%d.0/24:tcp:%d\n", i % 10 ? "allow" : "deny", i / 256, i % 256, i % 60000 + 1 }' >"$work/many.msb"
rules=$(unshare -n sh -c '"$1" "$2" && nft list chain inet msb egress | grep -c many.msb' sh "$build/e2e/install" "$work/many.msb" 2>&1)
same "10,000 rules in one batch" 11001 "$rules" # with the default; a deny on IPv4 has an IPv6 rule too

# Replacing takes the old tables away in the same transaction, and works where there are none
unshare -n sh -c '"$1" --replace --net-rule allow@meta && "$1" --replace --net-rule deny@private && ! "$1" 2>/dev/null &&
	nft list ruleset' sh "$build/e2e/install" >"$work/replaced" 2>&1 && grep -q private4 "$work/replaced" && ! grep -q meta4 "$work/replaced"
check replace $? "$(tail -1 "$work/replaced")"
finish
