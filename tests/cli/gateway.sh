#!/usr/bin/env bash
# The gateway that the compiler takes without --gateway is the one that msb-run gives the first sandbox of such a policy.
# usage: tests/cli/gateway.sh BUILD
set -u
. "$(dirname "$0")/lib.sh"

gateway() { "$policyc" compile "$@" | sed -n 's/^# .*; gateway //p'; }
verdict() { "$policyc" eval "$@" --net-default deny --net-rule allow@host:tcp:80 | cut -f1; }
same "gateway: the first of the default pools" "172.16.0.1, fd42:6d73:62::1" "$(gateway)"
same "gateway: before the guest's address" "10.9.0.5, fd00:9::1" \
	"$(gateway --net-ipv4-address 10.9.0.6 --net-ipv6-address fd00:9::2)"
same "gateway: the first of the policy's pools" "10.9.0.1, fd00:9::1" \
	"$(gateway --net-ipv4-pool 10.9.0.0/16 --net-ipv6-pool fd00:9::/48)"
same "gateway: what is asked for comes first" "172.16.0.1" "$(gateway --gateway 172.16.0.1 --net-ipv4-address 10.9.0.6)"
same "gateway: host is that address" "allow deny" \
	"$(echo $(verdict --net-ipv4-address 10.9.0.6 egress@10.9.0.5:tcp:80 egress@172.16.0.1:tcp:80))"
finish
