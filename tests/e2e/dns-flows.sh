#!/usr/bin/env bash
# Every question of a guest's is a flow in the host's conntrack: thousands of names must not fill it, over UDP or TCP, and all
# of them are answered none the less.
. "$(dirname "$0")/lib.sh"
world_up '*.flood.example.com. 60 IN A 93.184.217.1'
CLIENT=$TESTS/e2e/tools/dns_client.py
# the host tracks, as hosts with a firewall do
nft 'add table inet host; add chain inet host forward { type filter hook forward priority 0; }; add rule inet host forward ct state established accept'
RULES=(--net-default deny --net-rule 'allow@*.example.com')
entries() { cat /proc/sys/net/netfilter/nf_conntrack_count; }

before=$(entries)
run_sandbox "${RULES[@]}" -- python3 "$CLIENT" 172.16.0.1 flood 4000 flood.example.com
same "4,000 names are answered" "0:4000" "$out"
after=$(entries)
check "by fewer than 1,500 flows" "$((after - before >= 1500))" "$((after - before)) entries"

# answers that are truncated lead to a connection each
on_internet ip address add 198.51.100.1/32 dev lo
on_internet nft insert rule inet answers prerouting ip daddr 198.51.100.0/24 accept
on_internet python3 "$TESTS/e2e/tools/dns_odd.py" "$WORK/odd.log" 198.51.100.1=truncates &
wait_for 20 dig +short +tries=1 +time=1 @198.51.100.1 example.com
run_sandbox "${RULES[@]}" --dns-nameserver 198.51.100.1 -- timeout 6 python3 "$CLIENT" 172.16.0.1 flood 4000 flood.example.com
made=$(grep -c ' tcp ' "$WORK/odd.log")
check "a flood of truncated answers makes fewer than 1,000 connections" "$((made >= 1000 || made < 100))" "$made connections"
finish
