#!/usr/bin/env bash
# `msb-ctl doctor` on hosts that lack something: it says what, with what to do about it, and changes nothing.
. "$(dirname "$0")/lib.sh"
world_up
CTL=$BUILD/msb-ctl
SCHEMA=$TESTS/../docs/control.schema.json

# examine: leaves $out and $status
examine() { out=$(timeout 60 "$CTL" doctor "$@" 2>"$WORK/err") status=$?; }
# about CHECK: its line, and what is below it
about() { awk -v check="$1" '/^[a-z0-9]/ { on = index($0, sprintf("%-8s %-20s ", $1, check)) == 1 } on && NF' <<<"$out"; }
valid() {
	python3 -c 'import json, jsonschema, sys
jsonschema.validate(json.load(sys.stdin), json.load(open(sys.argv[1])))' "$SCHEMA"
}
snapshot() { # what a check could change and leave
	leftovers_now
	nft list ruleset
	ip -d link
	sysctl -a 2>/dev/null | grep -E '^net\.(ipv4\.conf|ipv6\.conf|ipv4\.ip_forward|netfilter)' | grep -v conntrack_count
	ls -laR /run/msb /run/netns
}

# --- a host that has all ---
mkdir -m 700 /run/msb
snapshot >"$WORK/host"
examine
snapshot >"$WORK/host.after"
guest=$(about "default guest") qemu=$(about QEMU)
if [[ $guest == problem* || $qemu == problem* ]]; then
	same "a host without a default guest: only that is a problem" "1 QEMU default guest" "$status $(sed -nE 's/^problem +(QEMU|default guest).*/\1/p' <<<"$out" | sort -u | tr '\n' ' ' | sed 's/ $//')"
else
	same "a host that has all: status 0" 0 "$status"
	lacks "and no problem" "$out" '^problem'
fi
same "nothing is said on standard error" "" "$(cat "$WORK/err")"
same "nothing on the host is changed" "" "$(diff "$WORK/host" "$WORK/host.after")"
same "each line is a check, what to do about one, or the sum" "" "$(grep -vE '^(ok|note|problem) +[A-Za-z]|^ {11}[^ ]|^ {13}[^ ]|^$|^[0-9]+ checks: ' <<<"$out")"
contains "the sum" "$out" '^[0-9]+ checks: [0-9]+ notes?, [0-9]+ problems?$'
examine --format json
try "JSON is as the schema says" valid <<<"$out"
same "and says what the text says" "$("$CTL" doctor | awk '/^(ok|note|problem)/ { print $1 }' | sort | uniq -c)" "$(jq -r '.checks[].state' <<<"$out" | sort | uniq -c)"

# --- other firewalls ---
nft 'table inet filter { chain forward { type filter hook forward priority filter; policy drop; }; }'
examine
same "a firewall that drops: status 1" 1 "$status"
contains "it is a problem" "$(about "other firewalls")" '^problem +other firewalls +1 chain of other firewalls drops'
contains "which" "$(about "other firewalls")" 'chain forward of table inet filter, whose policy is drop'
about "other firewalls" | sed -n 's/^ *\(nft insert .*\)/\1/p' | while read -r command; do eval "$command"; done
examine
contains "with the commands that it says, it is none" "$(about "other firewalls")" '^ok '
run_sandbox --quiet --net-default allow -- "$PROBE" tcp 93.184.216.34 443 5000
contains "which a sandbox confirms" "$out" ^connected
nft delete table inet filter
# as ufw, by the rule that it is told to have
nft -f - <<-END
	table ip filter {
		chain ufw-user-forward { iifname "msb*" accept; }
		chain FORWARD { type filter hook forward priority filter; policy drop; ct state established accept; jump ufw-user-forward; }
	}
END
examine
contains "ufw, answers not let pass by name: a problem" "$(about "other firewalls")" '^problem'
contains "ufw by its name" "$(about "other firewalls")" 'ufw route allow in on msb\+'
nft delete table ip filter
nft 'table inet odd { chain forward { type filter hook forward priority filter; ct state established accept; drop; }; }'
examine
contains "a last rule that drops the rest" "$(about "other firewalls")" 'whose last rule refuses the rest'
nft delete table inet odd

# --- resolvers: one of two that drops what it gets ---
on_internet nft insert rule inet answers prerouting ip daddr 198.51.100.9 drop
printf 'nameserver 198.51.100.9\nnameserver %s\n' "$RESOLVER" >"$WORK/resolv.conf"
began=${EPOCHREALTIME/./}
examine
took=$(((${EPOCHREALTIME/./} - began) / 1000))
contains "one of two resolvers answers: a note" "$(about resolvers)" '^note +resolvers +1 of 2 in /etc/resolv.conf answer'
contains "which does not" "$(about resolvers)" '198\.51\.100\.9: (no answer within 4 s|no route)'
check "the wait has an end" "$((took > $(patience 15) * 1000))" "$took ms"
printf 'nameserver 198.51.100.9\n' >"$WORK/resolv.conf"
examine
contains "none answers: a problem" "$status $(about resolvers)" '^1 problem +resolvers +0 of 1'
contains "and what to do" "$(about resolvers)" 'dns-nameserver ADDRESS'
printf '# none\n' >"$WORK/resolv.conf"
examine
contains "no server at all: a problem" "$(about resolvers)" '^problem +resolvers +no nameserver'
python3 "$TESTS/e2e/tools/dns_odd.py" "$WORK/nat.log" '127.0.0.11#34567=good' &
odd=$!
nft -f - <<-END
	table ip docker {
		chain output { type nat hook output priority -100; ip daddr 127.0.0.11 udp dport 53 dnat to 127.0.0.11:34567; }
		chain postrouting { type nat hook postrouting priority 100; ip saddr 127.0.0.11 udp sport 34567 snat to :53; }
	}
END
printf 'nameserver 127.0.0.11\n' >"$WORK/resolv.conf"
behind_nat() { examine && [[ $(about resolvers) == "ok "*"1 on this host" ]]; }
try "a resolver behind the host's own NAT, as Docker's" wait_for 20 behind_nat
kill "$odd"
wait "$odd" 2>/dev/null
nft delete table ip docker
printf 'nameserver %s\n' "$RESOLVER" >"$WORK/resolv.conf"

# --- the kernel, the container ---
mkdir "$WORK/dev"
mount --bind "$WORK/dev" /dev/net
examine
contains "no /dev/net/tun" "$(about "links: tap")" '^problem +links: tap +cannot make a tap: No such file'
contains "what a container takes" "$(about "links: tap")" '--device /dev/net/tun'
contains "what pods need is tried" "$(about "links: tc mirred")" '^(ok|note) +links: tc mirred'
umount /dev/net
out=$(setpriv --bounding-set -mknod,-sys_admin "$CTL" doctor 2>&1)
contains "without CAP_SYS_ADMIN: no namespaces" "$(about namespaces)" '^problem +namespaces +cannot make its namespaces: Operation not permitted'
contains "which capabilities are missing" "$(about privileges)" '^ +needs CAP_MKNOD, '
contains "each of them" "$(about privileges)" '^ +needs CAP_SYS_ADMIN, '
chmod 777 /run/msb
examine
contains "a run directory that others may write" "$(about "run directory")" '^problem +run directory'
chmod 700 /run/msb
flowtable=$(about "nft flowtable")
if [[ $flowtable == note* ]] && mkdir -p "$WORK/up" "$WORK/tmp" &&
	mount -t overlay -o "lowerdir=/usr/lib,upperdir=$WORK/up,workdir=$WORK/tmp" overlay /usr/lib 2>/dev/null; then
	contains "a module that the kernel has not" "$flowtable" 'this kernel has no module nft_flow_offload \(CONFIG_NFT_FLOW_OFFLOAD'
	mkdir -p "/lib/modules/$(uname -r)"
	echo 'kernel/net/netfilter/nft_flow_offload.ko.xz: kernel/net/netfilter/nf_flow_table.ko.xz' >"/lib/modules/$(uname -r)/modules.dep"
	examine
	contains "one that is there to be loaded" "$(about "nft flowtable")" 'modprobe nft_flow_offload'
	umount -l /usr/lib
else
	skip "modules" "this kernel has flowtables, or no overlay"
fi

# --- pods and the tables of neighbours, whose bounds only the first network namespace has ---
contains "neighbours: not to be seen from here" "$(about neighbours)" '^ok .*which this is not'
mkdir -m 700 /run/msb-cni
for i in {1..60}; do : >"/run/msb-cni/pod$i@eth0" && : >"/run/msb-cni/pod$i@eth0:log"; done
for family in ipv4 ipv6; do
	mount -t tmpfs tmpfs /proc/sys/net/$family/neigh && mkdir /proc/sys/net/$family/neigh/default
	echo 1024 >/proc/sys/net/$family/neigh/default/gc_thresh3
done
examine
contains "room for few of IPv6" "$(about neighbours)" '^note .*room for 1024 neighbours of IPv6: few for 60 pods'
same "with what to do, for IPv6 alone" "sysctl -w net.ipv6.neigh.default.gc_thresh3=2048" "$(about neighbours | sed -n 's/^ *\(sysctl .*\)/\1/p')"
echo 2048 >/proc/sys/net/ipv6/neigh/default/gc_thresh3
examine
contains "which is enough" "$(about neighbours)" '^ok .*those of 60 pods'
umount /proc/sys/net/ipv4/neigh /proc/sys/net/ipv6/neigh
rm -r /run/msb-cni

# --- who it is, where it goes, how it ends ---
out=$(setpriv --reuid 65534 --clear-groups "$CTL" doctor 2>&1)
same "not root: said, status 3" "3 1" "$? $(grep -c 'needs root' <<<"$out")"
"$CTL" doctor >/dev/full 2>"$WORK/err"
contains "no room for what it prints: status 3" "$? $(cat "$WORK/err")" '^3 .*cannot write'
printf 'nameserver 198.51.100.9\n' >"$WORK/resolv.conf"
snapshot >"$WORK/host"
for signal in INT TERM KILL; do
	: >"$WORK/out"
	# an interactive shell's children have SIGINT as it is; a script's background jobs ignore it
	env --default-signal=INT "$CTL" doctor >"$WORK/out" & # waits at the resolvers
	examined=$!
	wait_for 20 grep -q 'other firewalls' "$WORK/out"
	kill -$signal $examined
	wait $examined 2>/dev/null
	status=$?
	same "ended by SIG$signal" $((128 + $(kill -l $signal))) $status
	try "its processes end, too" wait_for 5 sh -c '! pgrep -x msb-ctl'
done
snapshot >"$WORK/host.after"
same "and nothing on the host is changed" "" "$(diff "$WORK/host" "$WORK/host.after")"
finish
